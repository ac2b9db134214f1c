/* fetch.h - one question to a type of table, and the lookups that wait for its answer. A type
 * begins it in its start(), may add notes, and ends it with fetch_finish(). Private to src/table.
 */
#ifndef PODOP_TABLE_FETCH_H
#define PODOP_TABLE_FETCH_H

#include "identity.h"
#include "memory.h"

/* A type's struct begins with this one (its size is fetch_bytes). The key is borrowed and stays
 * until the fetch ends. */
struct fetch {
    struct table *table; /* a reference */
    struct in_flight flight;
    struct table_key key;
    uint64_t deadline_at_ms;
    struct list waiters; /* oldest first */
    struct buf *notes;   /* of an explained lookup, borrowed until that ends; or NULL */
    bool is_finished;    /* the waiters are being called: there is nothing to cancel */
};

/* What types call */

/* Gives the answer to all lookups that wait for it. fetch is gone when this returns. */
void fetch_finish(struct fetch *fetch, const struct reply *reply);

/* Returns whether the cache has a value that answers all waiters if the fetch fails: its own, or
 * after an expired miss that of a later form of their keys. */
bool fetch_has_stale(const struct fetch *fetch);

/* Notes something about the lookup that a human may want to know; text may be any bytes. Does
 * nothing unless the lookup is explained, which is rare. */
void fetch_note(const struct fetch *fetch, const char *name, struct span text);
void fetch_note_cut(const struct fetch *fetch, const char *name, struct span text, size_t max);
void fetch_format(const struct fetch *fetch, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What lookup.c calls */

/* A lookup that waits. */
struct fetch_waiter {
    struct list_node node;
    struct fetch *fetch;      /* NULL: it has its answer */
    enum reply_source source; /* of the answer, unless that is a stale one */
    /* Set before answered() is called: the answer is a failure, and the key was a miss before it.
     * Not an answer itself, because Postfix rejects mail for a miss. */
    bool was_miss;
    /* Returns whether the cache has a value that is the answer when was_miss is set. NULL: no. */
    bool (*has_other)(struct fetch_waiter *waiter);
    /* Called once with the answer, which is borrowed. */
    void (*answered)(struct fetch_waiter *waiter, const struct reply *reply);
};

/* Returns a new fetch with copies of identity and of key, which is in its normal form. notes may be
 * NULL. The caller must call fetch_join() and fetch_start(). */
struct fetch *fetch_new(struct table *table, const struct table_key *key,
                        const struct identity *identity, uint64_t deadline_at_ms,
                        struct buf *notes);
/* Asks the type. The answer may come before this returns. */
void fetch_start(struct fetch *fetch);
/* Returns a fetch of the same key that another lookup with this deadline may wait for, or NULL. */
struct fetch *fetch_find_shared(struct table *table, const struct identity *identity,
                                uint64_t deadline_at_ms);
void fetch_join(struct fetch *fetch, struct fetch_waiter *waiter, enum reply_source source);
/* Takes waiter off its fetch, and cancels a fetch that has no more waiters. */
void fetch_leave(struct fetch_waiter *waiter);

#endif
