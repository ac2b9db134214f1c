/* past.h - what podop remembers for the status page: the last hour of each table, the outages of
 * each backend, and the last warnings. It exists only while the HTTP listener is configured. */
#ifndef PODOP_MONITOR_PAST_H
#define PODOP_MONITOR_PAST_H

#include "history.h"
#include "monitor_view.h"
#include "outages.h"
#include "warning_ring.h"

struct past {
    struct history *history;
    struct outages outages;
    struct warning_ring warnings;
    struct log_observer observer;
    struct log *log; /* whose observer it is */
    struct past_walk *walk;
};

/* Begins to observe the log of view, and to walk its tables once a minute. view is called for each
 * part of a walk. */
struct past *past_new(struct ev_loop *loop, monitor_view_fn *view, void *arg);
void past_free(struct past **past); /* *past becomes NULL; a NULL *past is fine */
/* Must be called when view has another router than before. */
void past_restart(struct past *past);

/* Returns the time of the wall clock at an instant of the monotonic clock, as the two clocks are
 * now: a clock that was set meanwhile does not matter. */
time_t past_time_of(uint64_t at_ms);

#endif
