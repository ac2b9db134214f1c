/* commit.h - the commits of one server that are under way, of all its tables. */
#ifndef PODOP_COMMIT_H
#define PODOP_COMMIT_H

#include "podop/reply.h"

#include <stddef.h>

struct commit;

/* The owner zeroes it and sets on_idle and arg. */
struct commits {
    struct commit *first;
    struct commit *queue, **queue_last; /* those that begin in later turns of the loop */
    /* changes of the commits that began since the queue was last run */
    size_t begun;
    void (*on_idle)(void *arg); /* called when the last one has ended; may be NULL */
    void *arg;
};

/* The reply of a commit. FOUND: the changes are made. MISS: an increment was of a key that does
 * not exist, and whether the other changes were made is up to the backend. UNCERTAIN: the
 * changes were sent and never confirmed. Anything else is a failure with its reason. */
typedef void commit_done_fn(void *arg, const struct reply *reply);

/* Ends all commits at once, as failed or uncertain, because the server stops. */
void commits_abort(struct commits *commits);

#endif
