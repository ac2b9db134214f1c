/* deadline.h - deadlines, and which clock is for what.
 *
 * Three clocks, and nothing in podop reads another:
 *
 * - The service clock, service_now_ms(): for deadlines, and for everything that is compared with a
 *   deadline or decides which peer was too slow. It is the monotonic clock without the time that
 *   podop itself lost (turns.h defines lost time). A request that was under way at that moment has
 *   as much time left as before, and its backend is not blamed. All instants that modules hand to
 *   each other, such as deadline_at_ms, are on this clock.
 * - The monotonic clock, loop_now_ms() or clock.h: for ages that go on while podop is stopped, such
 *   as those of cache entries, idle connections, outages and pauses, for durations that are
 * counted, and for intervals between log lines. Timers of libev that only postpone work also run on
 * it.
 * - The wall clock: for what people read, namely the time stamps of log lines and the times of the
 *   start and of the last reload, and for the age of a file, whose times are on this clock. No wait
 *   uses it.
 *
 * A deadline is checked at the end of a turn of the loop. By then, everything that had arrived when
 * the turn began is read, and the work for libcurl and for clients is done. After lost time, the
 * check waits for further turns, until the loop has read what arrived meanwhile.
 *
 * Each loop has its own clock, found through ev_set_userdata(). The clock uses libev's hooks before
 * and after the wait for events, so a turn needs no additional system call. All of a turn has the
 * time of its beginning. While a deadline runs, the loop wakes up at least every DEADLINE_BEAT_MS,
 * so that the clock notices when the loop is late. */
#ifndef PODOP_DEADLINE_H
#define PODOP_DEADLINE_H

#include "podop/turns.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ev_loop;

enum { DEADLINE_BEAT_MS = 100 };

/* Add and remove a user of the loop's clock. Every user of deadlines must be added. The first one
 * creates the clock, the removal of the last one destroys it; no deadline may be running then. */
void service_clock_hold(struct ev_loop *loop);
void service_clock_release(struct ev_loop *loop);

/* All three return the time of the beginning of this turn. Without a clock no time counts as lost.
 */
uint64_t service_now_ms(struct ev_loop *loop);
uint64_t loop_now_ms(struct ev_loop *loop);           /* the monotonic clock */
uint64_t loop_now_us(struct ev_loop *loop);           /* likewise in microseconds */
const struct turns *loop_turns(struct ev_loop *loop); /* only while the clock exists */

typedef void deadline_fn(void *arg);

/* The memory is the owner's, and must stay while the deadline is running. */
struct deadline {
    deadline_fn *passed; /* runs once for each start, from the loop */
    void *arg;
    struct service_clock *clock;
    size_t place; /* in the loop's heap of deadlines, from 1; 0: it is not running */
    uint64_t at_ms;
};

void deadline_init(struct deadline *deadline, deadline_fn *passed, void *arg);
/* Starts the deadline, or moves it when it is running. */
void deadline_start(struct deadline *deadline, struct ev_loop *loop, uint64_t at_ms);
void deadline_start_in(struct deadline *deadline, struct ev_loop *loop, uint64_t ms);
/* Lets the deadline pass at the end of this turn, whatever the time is. */
void deadline_end(struct deadline *deadline, struct ev_loop *loop);
void deadline_stop_running(struct deadline *deadline); /* the slow path of deadline_stop() */

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
