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
    struct commit *next, **prev_next; /* in struct commits, which may be zeroed: not a list */
    struct table *table;              /* a reference */
    const struct transaction *transaction;
    commit_done_fn *done;
    void *arg;
    enum commit_state state;
    bool is_starting;        /* the caller that made it has not returned yet */
    struct deferred ended;   /* calls done after that */
    struct reply reply;      /* once it has ended */
    char *reason;            /* of reply */
    bool ignores_suspension; /* it is sent to suspended URLs, too: podop stops */
    /* Set by what it waits for or has waited for; called when it ends. NULL: nothing. */
    void (*on_end)(struct commit *commit);
    struct commit *next_queued; /* write.c */
    ev_timer later;
    struct commit_turns *turns; /* commit_turns.c */
    /* Set by the type: how many of the changes, from the first on, the backend may have received.
     * Not looked at after a success. */
    size_t changes_sent;
    bool is_refused; /* set by the type: the backend answered, and is not at fault */
};

/* What types call: it is done, or has failed. commit is gone when this returns, or soon after when
 * the type's commit() has not returned yet. */
void commit_finish(struct commit *commit, const struct reply *reply);

/* What the rest of src/table calls. A new commit is_starting until its maker says otherwise. */
struct commit *commit_new(struct table *table, const struct transaction *transaction,
                          commit_done_fn *done, void *arg);
void commit_send(struct commit *commit); /* gives it to the type */
/* The same as table_commit(), but nothing is checked and nothing becomes pending. The commit lives
 * until done has returned. */
struct commit *commit_through(struct table *table, const struct transaction *transaction,
                              bool ignores_suspension, commit_done_fn *done, void *arg);

#endif
