/* write_behind.h - pending writes, in three parts. write_behind.c knows which table has a name now.
 * table_writes.c takes the writes of one name and makes them. commit_turns.c queues transactions
 * that cannot be pending after the pending writes of their keys. Private to src/table. */
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
    size_t busy; /* number of names with pending writes */
    bool is_stopping, is_closed;
    unsigned turn; /* ev_iteration() that budget belongs to */
    size_t budget; /* what is left of TURN_BUDGET in this turn of the loop */
};

struct commit_turns;
struct turns_list {
    struct commit_turns *first, **last;
};

/* What is written to the tables of one name. The tables of the name own it, and it owns the table
 * that it writes through, until that is retired and nothing is pending. */
struct table_writes {
    unsigned refs;                          /* of tables, commit_turns and running functions */
    struct write_behind *owner;             /* NULL: it has gone */
    struct table_writes *next, **prev_next; /* in the owner's slot */
    char *name;
    struct table_memory *memories; /* of all tables of the name */
    struct table *table;           /* a reference: writes go through it; NULL: there are none */
    bool is_retired;               /* no table has the name any more: nothing new is taken */
    bool is_busy;                  /* counted by the owner */
    struct pending_writes queue;
    unsigned under_way; /* pending writes that are being made */
    unsigned window;    /* limit of under_way, lowered when the backend has no room */
    unsigned made;      /* writes since the window changed */
    uint32_t pause_ms;  /* no request reaches the backend; 0: requests do */
    uint64_t paused_until_ms;
    struct turns_list ready, failed; /* to be begun or ended within the budget */
    uint64_t attempts, lost;
    uint64_t untold, told_at_ms; /* of the lost ones */
    char last_reason[TABLE_REASON_BYTES];
    ev_timer timer;
};

/* write_behind.c */

/* Makes table the one of its name. */
void write_behind_set_table(struct write_behind *wb, struct table *table);
void write_behind_retire(struct table_writes *w); /* no table has the name any more */
void table_writes_unref(struct table_writes **w); /* *w becomes NULL; NULL is fine */
/* Sets the timer for what is to be done next. May free w, unless the caller has a reference. */
void table_writes_schedule(struct table_writes *w);

/* table_writes.c */

/* Makes pending writes of copies of all changes. false: none, as one of them is an increment or too
 * large, there is no room, or a transaction is queued for one of the keys. */
bool table_writes_take(struct table_writes *w, const struct transaction *transaction);
/* Where there are any: the last change of key, whose identity for table is given, that is not known
 * to be written; or NULL. Borrowed for the moment. */
const struct change *table_writes_find(struct table_writes *w, struct table *table,
                                       const struct table_key *key, struct span identity);
/* What a lookup would find after value was set. The reply may point into value and scratch. */
void table_writes_read(const struct table_writes *w, struct span value, struct buf *scratch,
                       struct reply *reply);
/* Makes pending writes due now; with after_failures also those that are to be tried again. */
void table_writes_hurry(struct table_writes *w, bool after_failures);
/* podop stops: all are due now, and suspended URLs are asked as well, also by those under way. */
void table_writes_stop(struct table_writes *w);
void table_writes_go_on(struct table_writes *w); /* does what is due, within the budget */
/* Counts and logs all that is left as lost. */
void table_writes_give_up(struct table_writes *w);

/* commit_turns.c */

/* Queues commit when there are pending writes of its keys. They are made now, and then commit goes
 * on; it fails when one of them does. false: there are none. */
bool commit_turns_delay(struct table_writes *w, struct commit *commit);
bool commit_turns_is_waiting(const struct commit *commit); /* it is queued and has not begun */
void commit_turns_end(struct commit *commit);              /* removes it, which lets others begin */
/* The pending write of key was made, or failed. */
void commit_turns_pass(struct pending_write *key);
void commit_turns_fail(struct pending_write *key, const struct reply *reply);
/* Begins or ends one commit whose time has come. Returns its number of changes, 0: there is none.
 */
size_t commit_turns_go_on(struct table_writes *w);

#endif
