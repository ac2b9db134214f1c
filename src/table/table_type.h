/* table_type.h - what a type of table has to provide, and what src/table does for it. */
#ifndef PODOP_TABLE_TYPE_H
#define PODOP_TABLE_TYPE_H

#include "podop/buf.h"
#include "podop/deadline.h"
#include "podop/hash.h"
#include "podop/table.h"
#include "podop/transaction.h"

#include <ev.h>

struct table_ops;
struct identity;
struct table_writes;
typedef bool identify_fn(struct table *table, const struct table_key *key,
                         struct identity *identity);

enum { TABLE_STATUSES = REPLY_PERMANENT + 1 };

/* What a table has done. podop(8) says what each of them counts. */
struct table_counters {
    uint64_t lookups, answers[TABLE_STATUSES];
    uint64_t cache_fresh, cache_stale, cache_absent;
    uint64_t joined, fetches;
    uint64_t commits[TABLE_STATUSES];
    uint64_t iterations;
};

/* What a table knows of its keys, shared with the one that takes its place at a reload: memory.h */
struct table_memory {
    unsigned refs;
    struct table *table; /* the newest that has it; borrowed, NULL when that has gone */
    struct table_memory *related, **prev_related; /* those of the same name: what is written to
                                                   * one is forgotten in all */
    struct cache *cache;                          /* NULL: none */
    unsigned served;                              /* tables that are not retired and use it */
    struct fetch **fetches;                       /* under way; NULL: nobody asks for them */
    struct hash_key fetch_key;
    uint64_t clears; /* counts how often everything was forgotten */
    struct table_counters counters;
};

/* Lookups that wait for the same event, oldest first. */
struct op_list {
    struct table_op *first, **last;
};

/* Every type's struct begins with this one; table.c fills it. */
struct table {
    const struct table_ops *ops;
    unsigned refs;
    void (*destroy)(struct table *table); /* called by the last table_unref() */
    char *name;
    size_t name_len;
    struct string_list skip;
    uint32_t timeout_ms;
    struct table_env env;
    identify_fn *identify; /* the type's, or NULL: its keys are plain */
    struct table_memory *memory;
    uint32_t write_behind_ms;    /* 0: writes are not held back */
    struct table_writes *writes; /* of all tables of its name; NULL: none is written to yet */
    bool shares;                 /* lookups of one key that wait at the same time are one fetch */
    struct table_iteration *iterations; /* all that are under way */
    bool is_retired;
    uint64_t rows_dropped, dropped_told_at_ms; /* of iterations; told once a minute */
    char *known_bytes;       /* of the last answer that was given at once and is not the cache's */
    ev_prepare let_known_go; /* never started, only fed: when they are many */
};

/* One question to a type: who waits for its answer is lookup.c's business. A type's struct begins
 * with this one (its size is fetch_bytes). The key is borrowed and stays until the fetch ends. */
struct fetch {
    struct table *table;
    struct span identity; /* what the cache knows the key by */
    struct table_key key;
    uint64_t deadline_at_ms;
    struct op_list waiting;
    struct fetch *next_in_slot;
    struct buf *notes;     /* of an explanation, borrowed while somebody waits for it; or NULL */
    bool is_outdated;      /* its key was written meanwhile */
    uint64_t clears;       /* of the memory, when it began */
    struct reply *at_once; /* while start() has not returned: for an answer that does not wait */
    bool is_finished;      /* the answer is being told: nothing left to cancel */
};

/* Whether the cache has an answer that takes the place of a failure. */
bool fetch_has_stale(const struct fetch *fetch);

/* One transaction on its way to a type. A type's struct begins with this one. */
struct commit {
    struct commit *next, **prev_next; /* in the server's list */
    struct table *table;
    const struct transaction *transaction;
    commit_done_fn *done;
    void *arg;
    ev_prepare ready; /* never started, only fed */
    ev_timer later;   /* when it is queued: for a later turn of the loop */
    struct commit *next_queued;
    struct commit_turns
        *turns; /* it waits for pending writes of its keys, or has: write_behind.c */
    bool is_starting, is_ended, is_queued;
    bool ignores_suspension; /* it is sent to suspended URLs, too: podop stops */
    /* Set by the type: how many of the changes, from the first on, the backend may have received.
     * After a success it is not looked at. */
    size_t changes_sent;
    bool is_refused;    /* set by the type: the backend answered, and is not at fault */
    struct reply ended; /* how, once it has */
    char *reason;       /* of ended */
};

/* One walk below a path. A type's struct begins with this one. */
struct table_iteration {
    struct table *table;
    struct table_iteration *next, **prev_next; /* of the table's */
    struct table_key path;                     /* copied */
    char *path_bytes;
    struct iterate_options options;
    struct iterate_events events;
    void *arg;
    uint64_t rows;
    bool has_nul; /* in a value: it fails */
    bool is_paused;
    ev_prepare ready;       /* never started, only fed: then the type goes on */
    ev_timer next_turn;     /* runs when the type has let others go first */
    struct deadline unread; /* runs while it is paused: rows have to be read by then */
};

struct table_ops {
    const char *type; /* "url", as podop.conf spells it */
    size_t fetch_bytes;
    /* What is wrong with config, as far as that shows without opening anything; NULL: nothing. */
    int (*check)(const struct table_config *config, struct error *err);
    /* Reads what open() will need and takes long, into files; previous is what tables that are open
     * now have, and is only looked at. Another thread may call it, so it touches nothing else.
     * NULL: nothing takes long. */
    void (*prepare)(const struct table_config *config, struct json_files *files,
                    const struct json_files *previous);
    /* Allocates the type's struct and leaves base to table.c. NULL with the reason in err. */
    struct table *(*open)(const struct table_config *config, const struct table_env *env,
                          struct error *err);
    void (*close)(struct table *table); /* frees it; nothing is under way */
    /* next, which nobody has asked yet, is to follow previous in an equal configuration: it takes
     * over what previous knows of its backends, while previous may still be at work. NULL: nothing.
     */
    void (*take_over)(struct table *next, struct table *previous);
    /* Fills identity with what the backend would be asked for key. false: KEY, or KEY/USER of a
     * private key, is enough to tell keys apart. NULL: it always is. */
    identify_fn *identify;
    bool (*is_plain)(struct table *table); /* whether it is for all keys of table; NULL: no */
    /* Whether a write may change keys with other identities, so that the cache is emptied. NULL:
     * no.
     */
    bool (*invalidates_all)(struct table *table);
    /* Adds members to the JSON object of the table's counters; NULL: the type has none. */
    void (*add_stats)(struct table *table, struct buf *out);
    /* Ends in one fetch_finish(), now or later; until it returns it ends no other. */
    void (*start)(struct fetch *fetch);
    void (*cancel)(struct fetch *fetch); /* gives up what start() began; NULL: it never waits */

    /* Why a change can never be made, or NULL; the slot is NULL where every one can. */
    const char *(*change_fault)(struct table *table, const struct change *change);
    /* Writing; commit is NULL where a type cannot. Ends in one commit_finish(), now or later. */
    size_t commit_bytes;
    void (*commit)(struct commit *commit);
    void (*abort_commit)(struct commit *commit); /* gives up what commit() began */
    /* What a lookup would find after value was set. The reply may point into value and scratch. */
    void (*read_back)(struct table *table, struct span value, struct buf *scratch,
                      struct reply *reply);

    /* Iterating; NULL where a type cannot. go_on() is called from the loop at first, and again
     * after a pause: it hands out rows until it has to wait or is paused, and ends with
     * iteration_finish().
     */
    size_t iteration_bytes;
    void (*go_on)(struct table_iteration *it);
    void (*stop)(struct table_iteration *it); /* frees what go_on() began, at its end as well */
};

/* Something about the lookup that a human may want to know; text may be any bytes. Nothing happens
 * where nobody listens, which is nearly always. */
void fetch_note(const struct fetch *fetch, const char *name, struct span text);
void fetch_note_cut(const struct fetch *fetch, const char *name, struct span text, size_t max);
void fetch_format(const struct fetch *fetch, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The answer is there: everybody who waits gets it, and fetch is gone when this returns. */
void fetch_finish(struct fetch *fetch, const struct reply *reply);

/* The same as table_commit(), but nothing is checked or held back. The commit lives until done has
 * returned. */
struct commit *commit_through(struct table *table, const struct transaction *transaction,
                              bool ignores_suspension, commit_done_fn *done, void *arg);

/* It is done, or has failed; commit is gone when this returns, or is later when it still starts. */
void commit_finish(struct commit *commit, const struct reply *reply);

/* Those of a table that is retired: paused ones have little time left. */
void iterations_retire(struct table *table);

/* One row, unless the options or the rules for names leave it out. false: enough, so finish. */
bool iteration_row(struct table_iteration *it, struct span name, struct span value);
void iteration_finish(struct table_iteration *it, const struct reply *reply); /* it is gone */
/* go_on() is called again once the loop has served others, unless it is paused then. */
void iteration_yield(struct table_iteration *it);

/* "table NAME: " and why, in text, which keeps it; every byte printable, for it travels on to logs.
 */
enum { TABLE_REASON_BYTES = 600 };
struct span table_reason(const struct table *table, char text[TABLE_REASON_BYTES],
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

bool table_skips(const struct table *table, struct span key); /* by its patterns */

extern const struct table_ops table_url;
extern const struct table_ops table_json;
extern const struct table_ops table_dns;
extern const struct table_ops table_program;

#endif
