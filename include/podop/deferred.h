/* deferred.h - a call that is made soon, from the event loop, after the callback that is running
 * now has returned. A module uses it to call its user never from inside of that user's own call. */
#ifndef PODOP_DEFERRED_H
#define PODOP_DEFERRED_H

#include <ev.h>

#include <stdbool.h>

typedef void deferred_fn(void *arg);

struct deferred {
    ev_prepare watcher; /* never started, only fed: libev calls what is pending, and nothing else */
    struct ev_loop *loop;
    deferred_fn *call;
    void *arg;
};

/* The priority is libev's: of all that is pending at a time, the highest is called first. */
void deferred_init(struct deferred *deferred, struct ev_loop *loop, int priority, deferred_fn *call,
                   void *arg);
/* The call is made once, however often it is asked for before it is made. */
void deferred_start(struct deferred *deferred);
/* The call is not made. Does nothing when none is pending. */
void deferred_stop(struct deferred *deferred);

static inline bool deferred_is_pending(struct deferred *deferred) /* libev casts const away */
{
    return ev_is_pending(&deferred->watcher);
}

#endif
