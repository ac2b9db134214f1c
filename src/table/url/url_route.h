/* url_route.h - one request on its way from URL to URL of a table, and how each URL has been doing.
 *
 * A URL that failed too often is suspended, as breaker.h has it: it is asked by trials only.
 * Lookups try a URL in the order of the list; any other request risks more by trying than a lookup,
 * so it tries only when it would fail otherwise. A URL that is suspended for its answers alone
 * lives, so it is asked when all others failed.
 *
 * A refused connection costs nothing and is what a restart looks like. A request that was refused
 * everywhere waits for a moment, holding no connection, and begins again. */
#ifndef PODOP_TABLE_URL_URL_ROUTE_H
#define PODOP_TABLE_URL_URL_ROUTE_H

#include "url_backend.h"

#include "podop/breaker.h"
#include "podop/hash.h"
#include "podop/outage.h"
#include "podop/table_handle.h"

#include <ev.h>

enum {
    URL_REASON_BYTES = 200,
    URL_REFUSED_WAIT_MIN_MS = 50, /* and at random, until the next round */
    URL_REFUSED_WAIT_MAX_MS = 100,
};

/* In the order of the backends. Counted: at a reload the next table goes on with it while requests
 * of the previous one still report to it. */
struct url_health {
    unsigned refs;
    struct hash_key hash_key; /* of keys */
    struct url_state {
        struct breaker breaker;
        struct outage outage;
        uint64_t requests, failures;
        uint64_t answers;          /* whole ones */
        unsigned failures_in_row;  /* of any kind */
        uint64_t failed_at_ms;     /* the last time; 0: never */
        uint64_t refused_at_ms;    /* the last time; 0: connected since, or never */
        uint64_t refused_since_ms; /* the first time of those in a row */
        char reason[URL_REASON_BYTES];
    } of[];
};

typedef void url_route_resume_fn(void *arg);

struct url_route {
    struct url_backends *backends;
    const struct table_key *key; /* borrowed */
    uint64_t key_hash;           /* 0: not known yet */
    size_t at, begin, end;       /* at == end: it is at none */
    bool is_lookup;
    bool is_last_resort; /* the URL is suspended for its answers, and no other is left */
    bool has_waited;
    bool ignores_suspension; /* where all are suspended, it asks nevertheless */
    enum breaker_trial trial;
    uint64_t answers;     /* of the URL, when it was asked */
    unsigned char *marks; /* of each URL, what became of it in this round; NULL: nothing yet */
    ev_timer wait;        /* until the next round; initialised with has_waited */
    url_route_resume_fn *resume;
    void *arg;
};

/* route is all zero. key is borrowed until url_route_close(); it may be set anew between two
 * requests. */
void url_route_init(struct url_route *route, struct url_backends *b, const struct table_key *key,
                    bool is_lookup);
void url_route_init_commit(struct url_route *route, struct url_backends *b,
                           const struct table_key *key); /* to commit_url */
void url_route_set_key(struct url_route *route, const struct table_key *key);

uint64_t url_route_hash(struct url_route *route); /* of its key; never 0 */

/* To the first URL that did not fail in this round and may be asked. false: there is none. */
bool url_route_take(struct url_route *route);
/* When the round failed because connections were refused, and nothing was sent to any URL: resume
 * runs after a moment, from the loop, and url_route_take() begins the next round. false: the
 * failure stands, or there is no time for another round. */
bool url_route_wait(struct url_route *route, uint64_t deadline_at_ms, url_route_resume_fn *resume,
                    void *arg);
const struct url_backend *url_route_backend(const struct url_route *route);
/* Whether it has come to a URL, and that may be asked, still or again. */
bool url_route_may_ask(const struct url_route *route);
/* Until when to wait for it, of what is left until the deadline: the others that may be asked after
 * it may need as long. */
uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms);
void url_route_asked(struct url_route *route); /* it is sent there, once more */

/* What became of it at this URL. */
void url_route_success(struct url_route *route);                  /* found, or a real miss */
void url_route_failure(struct url_route *route, const char *why); /* 5XX: another may answer well */
void url_route_bad_response(struct url_route *route,
                            const char *why); /* it lives, and is of no use */
/* No whole answer came. */
void url_route_no_response(struct url_route *route, const struct http_answer *answer,
                           const char *why);
void url_route_skip(struct url_route *route); /* this URL has no place for the key */
#define URL_CROWDED "too many requests wait for a connection to the backend"
#define URL_NO_PLACE "the key would leave the path of the URL, and others failed"
/* Why the URL failed that failed last; borrowed. */
const char *url_route_reason(const struct url_route *route);
/* It fails at once, as no URL may be asked. Why, in text, which keeps it. */
enum { URL_SUSPENDED_BYTES = URL_REASON_BYTES + 80 };
const char *url_route_suspended(const struct url_route *route, char text[URL_SUSPENDED_BYTES]);

/* The request has failed for good, or has a stale answer. A refusal counts when the URL has refused
 * for as long as a request waits for it: this one may have lost its time elsewhere, or not waited.
 */
void url_route_give_up(struct url_route *route);
/* Its end, after any of the above or when it is cancelled: what nothing was told of says nothing.
 * Any number of times. */
void url_route_close(struct url_route *route);

#endif
