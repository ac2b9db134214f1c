#include "podop/deferred.h"

static void on_fed(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct deferred *deferred = w->data;

    (void)loop;
    (void)revents;
    deferred->call(deferred->arg);
}

void deferred_init(struct deferred *deferred, struct ev_loop *loop, int priority, deferred_fn *call,
                   void *arg)
{
    deferred->loop = loop;
    deferred->call = call;
    deferred->arg = arg;
    ev_prepare_init(&deferred->watcher, on_fed);
    ev_set_priority(&deferred->watcher, priority);
    deferred->watcher.data = deferred;
}

void deferred_start(struct deferred *deferred)
{
    ev_feed_event(deferred->loop, &deferred->watcher, EV_CUSTOM);
}

void deferred_stop(struct deferred *deferred)
{
    ev_clear_pending(deferred->loop, &deferred->watcher);
}
