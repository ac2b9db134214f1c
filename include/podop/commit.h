/* commit.h - the commits of one server that are under way, to tables of any name. */
#ifndef PODOP_COMMIT_H
#define PODOP_COMMIT_H

#include "podop/reply.h"

#include <stddef.h>

struct commit;

/* Zero-initialised, except for on_idle and arg. */
struct commits {
    struct commit *first;
    struct commit *queue, **queue_last; /* those that begin in later turns of the loop */
    size_t begun;                       /* changes since the last of those turns */
    void (*on_idle)(void *arg);         /* called when the last one has ended; may be NULL */
    void *arg;
};

/* Receives the reply to a commit. FOUND: the changes are made. MISS: an increment found no such
 * key; the backend decides whether it made the other changes. UNCERTAIN: the changes were sent and
 * never confirmed. Any other status is a failure with its reason. */
typedef void commit_done_fn(void *arg, const struct reply *reply);

/* Ends all commits at once, as failed or uncertain, because the server stops. */
void commits_abort(struct commits *commits);

#endif
