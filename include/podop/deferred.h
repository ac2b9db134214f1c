/* deferred.h - a call that is made soon, from the event loop, after the callback that is running
 * now has returned. With it, a module never calls a completion from within the call that started
 * the work. */
#ifndef PODOP_DEFERRED_H
#define PODOP_DEFERRED_H

#include <ev.h>

#include <stdbool.h>

typedef void deferred_fn(void *arg);

struct deferred {
    ev_prepare watcher; /* never started, only fed: it runs once for each time that it is pending */
    struct ev_loop *loop;
    deferred_fn *call;
    void *arg;
};

/* Allocates nothing. priority is one of libev: among pending watchers, the highest runs first. */
void deferred_init(struct deferred *deferred, struct ev_loop *loop, int priority, deferred_fn *call,
                   void *arg);
/* Requests the call. Further requests before it is made change nothing. */
void deferred_start(struct deferred *deferred);
/* Cancels a requested call. Does nothing when there is none. */
void deferred_stop(struct deferred *deferred);

static inline bool deferred_is_pending(struct deferred *deferred) /* libev casts const away */
{
    return ev_is_pending(&deferred->watcher);
}

#endif
