/* turns.h - the turns of an event loop: how long they take, what time podop lost, and the service
 * clock that stands still meanwhile. Plain memory: no loop, no clock.
 *
 * A turn is what runs between two waits for events. Time is lost when a turn takes longer than
 * TURN_SLACK_MS, or when the loop wakes up later than it wanted by more than that: podop was
 * stopped, the machine was suspended or overloaded, or the work was long. What is lost is all but
 * TURN_SLACK_MS of that turn or of that wait; so the clock goes on by something, however often it
 * happens. After a loss the loop catches up for a moment: what came meanwhile is read before
 * anything is judged by the clock. */
#ifndef PODOP_TURNS_H
#define PODOP_TURNS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TURN_SLACK_MS = 50,
    TURN_CATCH_UP_MS = 250, /* at most, and never longer than what was lost */
    TURN_BUCKETS = 10,
};

/* Milliseconds that a turn of each bucket takes at most; 0: those that take longer. */
extern const uint32_t turn_bucket_ms[TURN_BUCKETS];

/* All zero before the first turn. */
struct turns {
    uint64_t began_us; /* the turn, or the wait when none is running; on the monotonic clock */
    uint64_t lost_us;  /* so far */
    uint64_t caught_up_at_us;
    bool is_running;
    bool is_catching_up;
    uint64_t count[TURN_BUCKETS];
    uint64_t longest_us;
};

/* Events have come, or time has. due_at_us is when the loop wanted to be woken; 0: whenever. */
void turns_begin(struct turns *turns, uint64_t now_us, uint64_t due_at_us);
void turns_end(struct turns *turns, uint64_t now_us); /* the loop waits again */

/* Whether deadlines may be judged at the end of this turn. */
bool turns_may_judge(struct turns *turns);

/* The service clock, as of the beginning of this turn. It never goes back. */
static inline uint64_t turns_now_ms(const struct turns *turns)
{
    return (turns->began_us - turns->lost_us) / 1000;
}

#endif
