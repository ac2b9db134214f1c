/* judge_state.h - what the judge knows: judge.c takes notes, excuse.c says what they excuse,
 * judge_names.c those of names, judge_answers.c judges answers, judge_rows.c iterations. */
#ifndef SIM_JUDGE_STATE_H
#define SIM_JUDGE_STATE_H

#include "judge.h"
#include "spans.h"

/* What a backend did to requests for one key. */
struct key_harms {
    struct key_harms *next; /* of the same backend */
    const struct truth_key *key;
    struct spans points[JUDGE_HARMS]; /* of HANG: the times in which a request hangs */
};

enum {
    JUDGE_SLOTS = 64,
    JUDGE_ROW = 5,    /* failures until a URL is suspended */
    JUDGE_PLACES = 4, /* by path and host */
};

/* What the circuit breaker of a URL of a table may have counted. */
struct row {
    const struct truth_key *keys[JUDGE_ROW]; /* in a row, without an answer */
    size_t key_count;
    size_t cut_count;       /* connections that ended since the last answer */
    unsigned statuses;      /* in a row */
    int64_t last_ns;        /* the last failure */
    int64_t used_ns;        /* the last request that ended */
    struct spans suspended; /* until it answers again */
};

/* What podop may know of a backend's name. It asks for it when the first table that uses it comes,
 * and after an error by then only when there is a request. */
struct naming {
    int64_t since_ns;   /* the backend has a table since then */
    int64_t reached_ns; /* the first request after that got there; 0: none */
    bool may_fail;      /* the first question may have got no answer */
};

struct backend_notes {
    struct spans outages[JUDGE_OUTAGES];
    struct spans bad; /* refused, silent or moved */
    struct spans cuts, idle_ends, deaths;
    struct row rows[SCENE_TABLES_MAX][2 * JUDGE_PLACES]; /* of tables' URLs, then of commit_url */
    struct naming naming;
    int64_t slowness_ns; /* the most of this run */
    struct key_harms *slots[JUDGE_SLOTS];
};

/* At known_ns and later, podop had the contents that a file had at file_ns, or newer ones. */
struct renewal {
    int64_t known_ns, file_ns;
};

enum { JUDGE_RENEWALS = 64 };

struct table_notes {
    struct spans absent, broken_file;
    struct renewal renewals[JUDGE_RENEWALS]; /* of a json table; the last is at renewal_count - 1,
                                              * and so on modulo JUDGE_RENEWALS */
    size_t renewal_count;
};

struct judge {
    const struct scene *scene;
    struct truth *const *stores;
    struct ledger *ledger;
    struct backend_notes backends[SCENE_TABLES_MAX];
    struct table_notes tables[SCENE_TABLES_MAX];
    struct spans stops, pauses, calls, names, names_slow;
    int64_t began_ns, started_ns, recovered_ns;
    struct judge_figures figures;
};
extern struct judge judge;

struct backend_notes *judge_notes_of(const struct scene_backend *backend);
struct table_notes *judge_table_notes(const struct scene_table *table);
const struct key_harms *judge_harms_of(const struct backend_notes *notes,
                                       const struct truth_key *key);

enum excuse_reason {
    EXCUSE_NONE,
    EXCUSE_STOP,
    EXCUSE_ABSENT,
    EXCUSE_CALLS,
    EXCUSE_KEY,
    EXCUSE_STATUS,
    EXCUSE_BROKEN,
    EXCUSE_OUTAGE,
    EXCUSE_CUT,
    EXCUSE_CROWDED,
    EXCUSE_NAMES,
    EXCUSE_PROGRAM,
    EXCUSE_SUSPENDED,
    EXCUSE_BEFORE,
    EXCUSE_REASONS
};

/* judge_names.c: a request has reached the backend; a table comes back; podop starts; something
 * begins that questions under way may fail for. */
void judge_name_reached(struct backend_notes *notes);
void judge_table_returns(const struct scene_table *table);
void judge_names_forgotten(void);
void judge_names_disturbed(void);

/* A request that failed, or that a stale value answered. */
struct excuse_case {
    const struct scene_table *table;
    const struct truth_key *key; /* NULL: the whole table */
    int64_t from_ns, to_ns;
    int64_t wait_most_ns; /* of requests before it */
    bool is_write, is_list, is_stale;
    const char *reason; /* what podop says, or NULL: all that follows may be the case */
    size_t reason_len;
};
/* Whether the reason of a failure has this text. */
bool excuse_says(const char *reason, size_t len, const char *text);
#define EXCUSE_REFUSAL "suspended after failures"

enum excuse_reason excuse(const struct excuse_case *failure);
/* The same without what podop itself does: stops, reloads, earlier requests. */
enum excuse_reason excuse_of_world(const struct excuse_case *failure);

/* Whether a 404 of a proxy may have made a miss of the key, which then may have been cached. */
bool judge_was_as_miss(const struct scene_table *table, const struct truth_key *key,
                       int64_t from_ns);

/* Lookups in tables with search: judge_search.c. */
struct search_case {
    const struct scene_table *table;
    struct truth_key *spelled;
    enum truth_protocol protocol;
    int64_t sent_ns;
    unsigned rules; /* podop's for the key and the search */
};
bool judge_search_allows(const struct search_case *search, const char *text, size_t len);
enum excuse_reason judge_search_excuse(const struct search_case *search,
                                       const struct excuse_case *failure);

/* How long before sent_ns a value (NULL: a miss) may have been in the store that is answered now.
 */
int64_t judge_age_ns(const struct scene_table *table, int64_t ttl_ns, int64_t sent_ns);

/* Whether an answer with this text (NULL: a miss) is allowed now. */
bool judge_allows(const struct scene_table *table, struct ledger_place place,
                  enum truth_protocol protocol, const char *text, size_t len, int64_t sent_ns);

#endif
