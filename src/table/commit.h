/* commit.h - one transaction from its start to its end. A type gets it in its commit() and ends it
 * with commit_finish(). Private to src/table. */
#ifndef PODOP_TABLE_COMMIT_H
#define PODOP_TABLE_COMMIT_H

#include "table_type.h"

#include "podop/commit.h"
#include "podop/transaction.h"

enum commit_state {
    COMMIT_NEW,     /* not sent yet */
    COMMIT_WAITING, /* for a later turn of the loop, or for pending writes of its keys */
    COMMIT_SENT,    /* the type has it */
    COMMIT_ENDED,   /* its reply is known, and done is called soon */
};

/* A type's struct begins with this one (its size is commit_bytes). */
struct commit {
    /* links in struct commits, which is zeroed at first and so not a list */
    struct commit *next, **prev_next;
    struct table *table; /* a reference */
    const struct transaction *transaction;
    commit_done_fn *done;
    void *arg;
    /* Of the whole transaction, with the time that it waits for others; on the service clock. */
    uint64_t deadline_at_ms;
    enum commit_state state;
    bool is_starting;        /* the function that made it has not returned yet */
    struct deferred ended;   /* calls done after is_starting was cleared */
    struct reply reply;      /* set when the state is COMMIT_ENDED */
    char *reason;            /* of reply */
    bool ignores_suspension; /* suspended URLs are asked, too, because podop stops */
    /* Called when the commit ends: takes it out of the queue that it waits or has waited in.
     * NULL: it is in none. */
    void (*on_end)(struct commit *commit);
    struct commit *next_queued; /* in the queue of struct commits */
    ev_timer later;
    struct commit_turns *turns; /* commit_turns.c */
    /* Set by the type: how many of the changes, from the first on, the backend may have received.
     * Not looked at after a success. */
    size_t changes_sent;
    bool is_refused; /* set by the type: the backend answered and rejected the change */
};

/* Ends commit with reply, for its type. commit is freed before this returns, or soon after when
 * the type's commit() has not returned yet. */
void commit_finish(struct commit *commit, const struct reply *reply);

/* Returns a new commit, for the rest of src/table. deadline_at_ms is as in table_commit_until().
 * The caller clears is_starting before it returns. */
struct commit *commit_new(struct table *table, const struct transaction *transaction,
                          uint64_t deadline_at_ms, commit_done_fn *done, void *arg);
void commit_send(struct commit *commit); /* gives it to the type */
/* Does the same as table_commit(), but checks nothing, and never makes the transaction pending.
 * The commit lives until done has returned. */
struct commit *commit_through(struct table *table, const struct transaction *transaction,
                              bool ignores_suspension, commit_done_fn *done, void *arg);

#endif
