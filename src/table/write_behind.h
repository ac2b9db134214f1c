/* write_behind.h - the writes that tables hold back, in three parts: write_behind.c knows which
 * table has a name now, table_writes.c takes the writes of one name and makes them, commit_turns.c
 * has those wait that cannot be held back. Private to src/table. */
#ifndef PODOP_TABLE_WRITE_BEHIND_H
#define PODOP_TABLE_WRITE_BEHIND_H

#include "identity.h"
#include "pending_writes.h"
#include "table_type.h"

#include "podop/write_behind.h"

enum {
    WRITE_BEHIND_SLOTS = 1024,
    UNDER_WAY_MAX = 16, /* writes of one name */
    STOP_UNDER_WAY_MAX = 64,
};

struct write_behind {
    struct ev_loop *loop;
    struct log *log;
    struct table_writes *slots[WRITE_BEHIND_SLOTS]; /* by name */
    struct hash_key hash_key;
    size_t busy; /* of the names, those with something to be written */
    bool is_stopping, is_closed;
    unsigned turn; /* of the loop, that has so much budget left for beginning and ending writes */
    size_t budget;
};

struct commit_turns;
struct turns_list {
    struct commit_turns *first, **last;
};

/* What is written to the tables of one name. */
struct table_writes {
    unsigned refs;                          /* of tables, and of who is at work here */
    struct write_behind *owner;             /* NULL: it has gone */
    struct table_writes *next, **prev_next; /* in the owner's slot */
    char *name;
    struct table_memory *memories; /* of all tables of the name */
    struct table *table;           /* a reference: writes go through it; NULL: there are none */
    bool is_retired;               /* the name has no such table any more: it only finishes */
    bool is_busy;                  /* counted by the owner */
    struct pending_writes queue;
    unsigned under_way, window; /* as many as the backend and its queue have room for */
    unsigned made;              /* since the window changed */
    uint32_t pause_ms; /* the backend cannot be asked: one write tries it then; 0: it can */
    uint64_t paused_until_ms;
    struct turns_list ready, failed; /* for when the loop has time */
    uint64_t attempts, lost;
    uint64_t untold, told_at_ms; /* of the lost ones */
    char last_reason[TABLE_REASON_BYTES];
    ev_timer timer;
};

/* write_behind.c */

/* table is the one of its name from now on. */
void write_behind_adopt(struct write_behind *wb, struct table *table);
void write_behind_retire(struct table_writes *w); /* there is no such table any more */
void table_writes_unref(struct table_writes **w); /* *w becomes NULL; NULL is fine */
/* Goes on when the time has come. The last thing that is done with w: it may be gone then, unless
 * the caller has a reference. */
void table_writes_schedule(struct table_writes *w);

/* table_writes.c */

/* Takes copies of the changes of transaction, when all of them can wait: no increments, not too
 * large, room for them, and nobody in line for their keys. false: they have to be written now. */
bool table_writes_take(struct table_writes *w, const struct transaction *transaction);
/* Where there are any: the last change of key, whose identity for table is given, that is not known
 * to be written; or NULL. Borrowed for the moment. */
const struct change *table_writes_find(struct table_writes *w, struct table *table,
                                       const struct table_key *key, struct span identity);
/* What a lookup would find after value was set. The reply may point into value and scratch. */
void table_writes_read(const struct table_writes *w, struct span value, struct buf *scratch,
                       struct reply *reply);
void table_writes_hurry(struct table_writes *w, bool after_failures); /* what waits is due now */
void table_writes_go_on(struct table_writes *w);
/* All that is left is lost. */
void table_writes_give_up(struct table_writes *w);

/* commit_turns.c */

/* Whether something is to be written that commit must not overtake. Then what waits is written now,
 * and commit goes on, or fails, when that has ended. */
bool commit_turns_delay(struct table_writes *w, struct commit *commit);
bool commit_turns_is_waiting(const struct commit *commit); /* its type knows nothing of it yet */
void commit_turns_end(struct commit *commit); /* it is over: others may have their turn */
/* What was to be written to key before is; or it is not, and who waits for it fails. */
void commit_turns_pass(struct pending_write *key);
void commit_turns_fail(struct pending_write *key, const struct reply *reply);
/* One of those that are due is begun or ended: so many changes have it. 0: there is none. */
size_t commit_turns_go_on(struct table_writes *w);

#endif
