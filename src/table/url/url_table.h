/* url_table.h - tables behind an HTTP service, in parts: url_table.c looks keys up,
 * url_commit.c writes, url_iterate.c walks;
 * url_identity.c tells which keys are one, url_status.c what a status means. */
#ifndef PODOP_TABLE_URL_URL_TABLE_H
#define PODOP_TABLE_URL_URL_TABLE_H

#include "table/commit.h"
#include "table/fetch.h"
#include "table/iterate.h"
#include "table/table_type.h"
#include "url_access.h"
#include "url_backend.h"
#include "url_route.h"
#include "url_turn.h"

#include "podop/json_items.h"
#include "podop/mem.h"

enum {
    /* Keys of 64 KiB, three bytes each on the wire, and then some; servers stop long before. */
    TARGET_BYTES_MAX = 256 * 1024,
    EXPLAIN_BODY_BYTES_MAX = 4096, /* of each answer, for a human */
    ITERATION_LOOKUPS_MAX = 16,    /* values of one iteration that are asked for at the same time */
    ITERATION_ROW_BYTES = 4096,    /* a longer value is asked for again if rows are not read now */
};

/* What tells one key from another: its URL. */
enum url_identity {
    URL_IDENTITY_PLAIN, /* KEY or KEY/USER does the same */
    URL_IDENTITY_FIRST, /* at the first one: the others tell keys apart in the same way */
    URL_IDENTITY_ALL,   /* at all of them together */
};

struct url_table {
    struct table base;
    struct url_access access; /* what the sites borrow */
    bool shows_itself;    /* by a token, a certificate or a header: then a denial speaks of that */
    bool has_certificate; /* of podop's own */
    struct url_backends backends;
    char *select; /* NULL: the whole answer is the value */
    bool keep_slash;
    enum url_identity identity;
    enum value_form value;
    struct status_set miss, temporary; /* the administrator's word against the usual */
    uint32_t retries;
    struct url_turns turns;                    /* of its lookups and writes */
    uint64_t odd_answers, odd_told_at_ms[100]; /* of each 4XX: see url_table_tell_status() */
};

static inline struct url_table *url_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct url_table, base);
}

struct url_commit {
    struct commit base;
    size_t next; /* the change to be made after this one */
    struct url_route route;
    struct url_turn turn; /* of the change under way */
    bool is_late;         /* most of its time went by before its turn came */
    uint64_t deadline_at_ms;
    bool has_missed; /* an increment met no such key */
    struct http_call *call;
    unsigned http_status; /* of the last call; 0: it had no answer */
};

/* A name whose value is asked for. */
struct url_row {
    struct url_iteration *it;
    struct table_op *op; /* NULL: free, or put off */
    char *key;           /* the path and the name; NULL: free */
    struct span name;    /* in key */
};

struct url_iteration {
    struct table_iteration base;
    struct http_call *call;
    struct url_route route;
    struct json_items items;
    struct url_row rows[ITERATION_LOOKUPS_MAX];
    unsigned asked;          /* rows that wait for their value */
    unsigned put_off;        /* of these, without a lookup until rows are read again */
    unsigned ahead_max;      /* so many may be asked for at the same time */
    uint64_t deadline_at_ms; /* of the first part of the answer */
    uint32_t retries_left;
    bool is_retry;
    bool has_arrived; /* it may have, where no answer came */
    bool is_started;
    bool is_read;   /* the call has ended: what is left of its body is in rest */
    bool is_list;   /* it was a 200 with something in it */
    bool is_enough; /* no more rows are wanted */
    struct buf rest;
    char *failure; /* NULL: none so far */
    enum reply_status failure_status;
    unsigned http_status; /* of the last call; 0: it had no answer */
};

/* The path and query that key is asked at, to be freed; NULL unless it is URL_TARGET_OK. */
enum url_target url_table_target(const struct url_table *t, const struct url_backend *backend,
                                 const struct table_key *key, char **target);
/* Whether key, which would climb out of the path of the URL that route has come to, would out of
 * the first one's as well: nothing can be there. Else a URL that failed may know it. */
bool url_table_is_nowhere(const struct url_table *t, const struct url_route *route,
                          const struct table_key *key);
/* "Podop-User: U" for a private key, else NULL. Bytes that no header may have, and "%", are
 * percent-encoded. text is initialised here, keeps the line, and is the caller's to deinit. */
const char *url_table_user_header(const struct table_key *key, struct buf *text);
bool url_table_is_miss(const struct url_table *t, unsigned status);
/* 401, 403 and 407, and a miss by another 4XX than 404 and 410, are most likely not what the
 * administrator wants: each status is told in the log, once a minute. */
void url_table_tell_status(struct url_table *t, unsigned status, bool is_lookup);
bool url_table_is_failure(const struct url_table *t, unsigned status); /* of the backend itself */

/* Takes turn, so that the request that route is for may be sent. false: url_turn_wait() has to
 * follow. */
bool url_table_take_turn(struct url_table *t, struct url_turn *turn, struct url_route *route);
#define URL_KEY_CROWDED "too many requests for this key are under way"
/* Whether most of a request's time is over now. */
bool url_table_is_late(struct table *table, uint64_t deadline_at_ms);
/* The request of route was answered well, or not at all, which its key is remembered for. is_late:
 * its turn came late, so that a timeout says nothing. */
void url_table_worked(struct url_table *t, struct url_route *route);
void url_table_unanswered(struct url_table *t, struct url_route *route,
                          const struct http_answer *answer, bool is_late, const char *why);

enum url_identity url_identity_choose(const struct url_backends *b);
bool url_table_identify(struct table *table, const struct table_key *key,
                        struct identity *identity);
bool url_table_is_plain(struct table *table);
bool url_table_invalidates_all(struct table *table);

void url_explain_backends(const struct fetch *fetch, const struct url_backends *b);
/* asked_at_ms on clock_now_ms(), where somebody listens. */
void url_explain_answer(const struct fetch *fetch, const struct http_answer *answer,
                        uint64_t asked_at_ms);
void url_table_add_stats(struct table *table, struct buf *out);

const char *url_table_change_fault(struct table *table, const struct change *change);
void url_table_commit(struct commit *commit);
void url_table_abort_commit(struct commit *commit);
void url_table_go_on(struct table_iteration *it);
void url_table_stop(struct table_iteration *it);

#endif
