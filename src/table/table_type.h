/* table_type.h - what a type of table has to provide, and the struct that all tables begin with.
 * The functions that a type calls are in fetch.h, commit.h and iterate.h. */
#ifndef PODOP_TABLE_TABLE_TYPE_H
#define PODOP_TABLE_TABLE_TYPE_H

#include "podop/buf.h"
#include "podop/deferred.h"
#include "podop/list.h"
#include "podop/rate_limit.h"
#include "podop/reply.h"
#include "podop/settings.h"
#include "podop/table_handle.h"

#include "config/config_type.h"

struct change;
struct commit;
struct fetch;
struct identity;
struct key_rules;
struct table_backend;
struct table_iteration;
struct table_op;
struct table_memory;
struct table_ops;
struct table_writes;
typedef bool identify_fn(struct table *table, const struct table_key *key,
                         struct identity *identity);
typedef struct table_op *look_up_fn(struct table *table, const struct table_key *key,
                                    uint64_t deadline_at_ms, struct reply *answer);

/* The base of every type's struct; table.c fills it. */
struct table {
    const struct table_ops *ops;
    unsigned refs;
    void (*destroy)(struct table *table); /* called by the last table_unref() */
    char *name;
    size_t name_len;
    struct string_list skip;
    uint32_t timeout_ms;
    struct table_env env;
    /* Identifies any key, and one that is in its normal form. They differ when there are rules.
     * NULL: keys are plain. */
    identify_fn *identify, *identify_normal;
    look_up_fn *look_up;     /* does table_lookup_until() */
    struct key_rules *rules; /* of the setting 'key'; NULL: it changes nothing */
    bool folds_all;          /* the rules fold whole keys */
    bool uses_hash;          /* something finds keys by the hash of their identity */
    struct table_memory *memory;
    uint32_t write_behind_ms;    /* 0: writes are made at once */
    struct table_writes *writes; /* of all tables of its name; NULL: none can be written to */
    bool shares;                 /* lookups of one key that wait at the same time are one fetch */
    bool is_retired;
    struct list iterations; /* all that are under way */
    uint64_t rows_dropped;  /* of iterations */
    struct rate_limit dropped_logged;
    char *answer_bytes;          /* of the last immediate answer, unless it is in the cache */
    struct deferred free_answer; /* frees answer_bytes when they are many */
};

struct table_ops {
    struct config_type config; /* the type's name, and the settings of its tables */
    size_t size;               /* of the type's struct, which begins with a struct table */
    size_t fetch_bytes;        /* of the struct that begins with a struct fetch */
    /* Reads into files what init() will need, so that init() does not block. previous has the
     * files of the tables that are open now, and must not be changed. May run in another thread,
     * so it must touch nothing else. NULL: init() reads no files. */
    void (*prepare)(const struct table_config *config, struct json_files *files,
                    const struct json_files *previous);
    /* Fills the type's struct, of which only the base is set. Returns 0, or -1 with the reason in
     * err; deinit() follows in any case. config is borrowed for the call. NULL: there is nothing to
     * do.
     */
    int (*init)(struct table *table, const struct table_config *config, struct error *err);
    void (*deinit)(struct table *table); /* nothing is under way; NULL: there is nothing to do */
    /* Returns how many file descriptors one table may keep open all the time. NULL: none. */
    size_t (*descriptors)(const struct table_config *config);
    /* Lets next, which has served no request yet, take over what previous knows about its
     * backends. previous has an equal configuration and may still be at work. NULL: there is
     * nothing to take over. */
    void (*take_over)(struct table *next, struct table *previous);
    /* The table becomes the current one of its name, and stops being that: from retire() on it
     * begins no new requests. Files are watched in between. NULL: there is nothing to do. */
    void (*activate)(struct table *table);
    void (*retire)(struct table *table);
    /* Fills identity with what the backend would be asked for key. Returns false when KEY, or
     * KEY/USER of a private key, is enough to distinguish keys. NULL: it always is. */
    identify_fn *identify;
    /* whether identify() returns false for all keys; NULL: no */
    bool (*is_plain)(struct table *table);
    /* Whether a write may change keys with other identities, so that it has to empty the cache.
     * NULL: no. */
    bool (*invalidates_all)(struct table *table);
    /* Adds members to the JSON object of the table's counters; NULL: the type has none. */
    void (*add_stats)(struct table *table, struct buf *out);
    /* Logs the counters that the type has besides those of every table; NULL: it has none. */
    void (*log_stats)(struct table *table, struct log *log);
    /* See table_backend(). NULL: tables of the type have no backends. */
    bool (*backend)(struct table *table, size_t i, struct table_backend *to);
    /* Begins fetch, which must end in one fetch_finish(), now or later. Must not end another fetch
     * before it returns. */
    void (*start)(struct fetch *fetch);
    /* gives up what start() began; NULL: start() always ends the fetch */
    void (*cancel)(struct fetch *fetch);

    /* Returns whether the table's settings let it take no writes, although its type does. NULL: it
     * takes writes if commit is not NULL. */
    bool (*is_read_only)(struct table *table);
    /* Returns why a change can never be made, or NULL. Without this function, all changes can be
     * made. */
    const char *(*change_fault)(struct table *table, const struct change *change);
    /* Begins commit, whose transaction may have no changes, and which must end in one
     * commit_finish(), now or later. NULL: tables of the type cannot be written to. */
    void (*commit)(struct commit *commit);
    size_t commit_bytes;
    void (*abort_commit)(struct commit *commit); /* gives up what commit() began */
    /* Fills reply with what a lookup would find after value was set; it may point into value and
     * scratch. NULL: value itself. */
    void (*read_back)(struct table *table, struct span value, struct buf *scratch,
                      struct reply *reply);

    /* Iterates: hands out rows until it has to wait or is paused, and ends with iteration_finish().
     * Called from the loop at first and after each pause. NULL: tables of the type cannot be
     * iterated. */
    size_t iteration_bytes;
    void (*go_on)(struct table_iteration *it);
    void (*stop)(struct table_iteration *it); /* frees what go_on() began; called at the end, too */
};

static inline bool table_is_writable(struct table *table)
{
    const struct table_ops *ops = table->ops;

    return ops->commit != NULL && !(ops->is_read_only != NULL && ops->is_read_only(table));
}

/* Returns deadline_at_ms, or for 0 the table's timeout from now. */
static inline uint64_t table_deadline_at_ms(const struct table *table, uint64_t deadline_at_ms)
{
    return deadline_at_ms != 0 ? deadline_at_ms : table_now_ms(table) + table->timeout_ms;
}

/* Writes "table NAME: " and the formatted reason into text and returns it. Every byte of it is
 * printable, since it is logged. */
enum { TABLE_REASON_BYTES = 600 };
struct span table_reason(const struct table *table, char text[TABLE_REASON_BYTES],
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

bool table_skips(const struct table *table, struct span key); /* one of its patterns matches key */

#endif
