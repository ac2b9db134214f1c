/* pending_writes.h - the pending writes of one table name, by the identity of their keys and by the
 * time at which they are due. Plain memory: no loop, no clock, no I/O. Private to src/table. */
#ifndef PODOP_TABLE_PENDING_WRITES_H
#define PODOP_TABLE_PENDING_WRITES_H

#include "podop/list.h"
#include "podop/transaction.h"

enum {
    PENDING_WRITES_MAX = 10000, /* those under way included */
    PENDING_BYTES_MAX = 64 * 1024 * 1024,
};

struct identity;
struct pending_turn;

/* One key. The value that is under way comes first, then the value that waits, then the
 * transactions that are queued for the key, one after the other. */
struct pending_write {
    struct pending_write *next_in_slot;
    struct span identity;
    char *bytes; /* of identity */
    uint64_t hash;
    uint64_t order;              /* number of its last change, counted over all keys */
    struct transaction *waiting; /* the newest value, a single change; may be NULL */
    struct transaction *writing; /* under way; may be NULL */
    struct list turns;           /* the queue of transactions */
    /* from 1 on; 0: not in the heap, as nothing waits or a write is under way */
    size_t heap_at;
    uint64_t due_at_ms;
    uint64_t taken_at_ms; /* when the oldest value was accepted that may not be written yet */
    bool is_urgent;       /* the queue of transactions is not empty */
    /* Another entry has a newer value of what has become the same key. A value that waits is not
     * written, and one under way is not tried again, unless the keys become two again. */
    bool is_superseded;
    bool is_replaced; /* the newer value was made or given up, or is of the same key as written */
    /* Set by table_writes.c and table_writer.c: */
    void *owner;
    struct commit *commit; /* while writing */
    uint32_t pause_ms;     /* after the last failure; 0: no failure since the last success */
    /* attempts to write this value that the backend answered with a failure */
    unsigned attempts;
};

/* A transaction's place in the queue of one key. */
struct pending_turn {
    struct pending_write *key;
    struct list_node node;
    struct commit_turns *owner;
    uint64_t order; /* number of the turn, counted over all keys */
    bool is_free;   /* its owner does not count it as blocked */
};

struct pending_writes {
    struct pending_write **slots;
    size_t slot_count, keys;     /* keys: entries, those without a value included */
    struct pending_write **heap; /* [1] is the first that is due */
    size_t heap_count, heap_room;
    size_t writes, bytes;  /* values that wait or are under way */
    uint64_t order, turns; /* the last numbers */
};

void pending_init(struct pending_writes *q);
void pending_deinit(struct pending_writes *q); /* no transaction may be queued */

/* Returns the entry with the newest value, or NULL. */
struct pending_write *pending_find(const struct pending_writes *q, const struct identity *identity);
struct pending_write *pending_find_or_add(struct pending_writes *q,
                                          const struct identity *identity);
/* Frees w when it has neither a value nor a queued transaction. */
void pending_release(struct pending_writes *q, struct pending_write *w);

bool pending_has_room(const struct pending_writes *q, const struct transaction *transaction);
/* Takes value, a transaction of a single change, as the newest value. If it replaces a value
 * that waits, the due time of that one stays; otherwise it is due at due_at_ms. */
void pending_put(struct pending_writes *q, struct pending_write *w, struct transaction *value,
                 uint64_t now_ms, uint64_t due_at_ms);
/* Returns the newest value that may not be written yet, or NULL. Borrowed. */
const struct change *pending_newest(const struct pending_write *w);

/* Returns the write that is due first, or NULL if none waits. */
struct pending_write *pending_first(const struct pending_writes *q);
void pending_move(struct pending_writes *q, struct pending_write *w, uint64_t due_at_ms);
/* Takes the waiting value to be written: it is under way now. */
void pending_begin(struct pending_writes *q, struct pending_write *w);
/* Gives the value that is under way the normal form that its key and user have in table. */
void pending_normalise(struct pending_writes *q, struct pending_write *w,
                       const struct table *table);
/* Drops the value that was under way: it is written, or given up. So are the values that w has
 * superseded, unless another one waits in w. */
void pending_end(struct pending_writes *q, struct pending_write *w);
/* Lets the value that was under way wait again, unless a newer one waits. The value that waits
 * is due at due_at_ms at the earliest. */
void pending_put_back(struct pending_writes *q, struct pending_write *w, uint64_t due_at_ms);

void pending_enqueue(struct pending_writes *q, struct pending_write *w, struct pending_turn *turn);
void pending_dequeue(struct pending_turn *turn);
bool pending_has_queue(const struct pending_write *w);
/* Returns the transaction that is queued last, or NULL. */
struct pending_turn *pending_last_turn(const struct pending_write *w);
/* Returns the first queued transaction when no value is left to be written, else NULL. */
struct pending_turn *pending_first_turn(const struct pending_write *w);
/* Returns the transaction that is queued after turn for the same key, or NULL. A transaction has
 * several turns for a key, one after the other, when its keys have become one. */
struct pending_turn *pending_next_turn(const struct pending_turn *turn);

/* Gives all keys new identities, as identify() says. Of keys that become one, only the newest value
 * is written; the others are kept until then, as the next change may make them keys of their own
 * again. The newest one waits for the end of an older one that is under way, unless it is under way
 * as well. */
typedef void pending_identify_fn(void *arg, const struct table_key *key, struct identity *identity);
void pending_rename(struct pending_writes *q, pending_identify_fn *identify, void *arg);

/* Returns since when the oldest value waits, or now_ms when no value waits. */
uint64_t pending_oldest_ms(const struct pending_writes *q, uint64_t now_ms);

#endif
