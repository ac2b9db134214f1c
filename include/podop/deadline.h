/* deadline.h - deadlines, and which clock is for what.
 *
 * Three clocks, and nothing in podop reads another:
 *
 * - The service clock, service_now_ms(): for every deadline, and for whatever is compared with one
 *   or says whose fault a silence is. It is the monotonic clock without the time that podop itself
 *   lost (turns.h says when that is): what was under way then has as much time left as before, and
 *   nobody is blamed. All instants that modules hand to each other, all deadline_at_ms, are on it.
 * - The monotonic clock, loop_now_ms() or clock.h: for ages that go on while podop does not, of
 *   cache entries, of kept connections, of outages and pauses, and for intervals between log lines.
 *   Timers of libev that only put something off run on it, too.
 * - The wall clock: for what people read, the time stamps of log lines and the hour of the last
 *   reload. Nothing waits for it or is measured with it, so a step of it changes nothing.
 *
 * A deadline is judged at the end of a turn of the loop: by then everything that had arrived when
 * the turn began is read, and what libcurl and the clients were owed is done. When time was lost,
 * the judgement waits for further turns, until what came meanwhile has been caught up with.
 *
 * The clock belongs to a loop and hangs off it (ev_set_userdata); it takes the loop's hooks around
 * the calling of events and the waiting for them, so that a turn costs no system call more. The
 * time of a turn's beginning counts for all of the turn. While deadlines run, the loop wakes up
 * every DEADLINE_BEAT_MS, so that it is known how late it is. */
#ifndef PODOP_DEADLINE_H
#define PODOP_DEADLINE_H

#include "podop/turns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;

enum { DEADLINE_BEAT_MS = 100 };

/* Whatever uses deadlines holds the clock of its loop: the first one makes it, the last one ends
 * it. No deadline may run then. */
void service_clock_hold(struct ev_loop *loop);
void service_clock_release(struct ev_loop *loop);

/* Both as of the beginning of this turn. A loop whose clock nobody holds has lost no time. */
uint64_t service_now_ms(struct ev_loop *loop);
uint64_t loop_now_ms(struct ev_loop *loop);           /* on the monotonic clock, for ages */
const struct turns *loop_turns(struct ev_loop *loop); /* while its clock is held */

typedef void deadline_fn(void *arg);

/* Its owner's memory, until it has passed or is stopped. */
struct deadline {
    deadline_fn *passed; /* runs once for each start, from the loop */
    void *arg;
    struct service_clock *clock;
    size_t place; /* among all of its loop, from 1; 0: it is not running */
    uint64_t at_ms;
};

void deadline_init(struct deadline *deadline, deadline_fn *passed, void *arg);
/* Starts it, or moves it. */
void deadline_start(struct deadline *deadline, struct ev_loop *loop, uint64_t at_ms);
void deadline_start_in(struct deadline *deadline, struct ev_loop *loop, uint64_t ms);
/* It passes at the end of this turn, whatever the time is. */
void deadline_end(struct deadline *deadline, struct ev_loop *loop);
void deadline_stop_running(struct deadline *deadline);

static inline bool deadline_is_running(const struct deadline *deadline)
{
    return deadline->place != 0;
}

static inline void deadline_stop(struct deadline *deadline)
{
    if (deadline_is_running(deadline))
        deadline_stop_running(deadline);
}

#endif
