/* turns.h - measures the turns of an event loop and the time that podop lost, and computes the
 * service clock, which excludes lost time. Plain memory: no loop, no clock.
 *
 * A turn is the work between two waits for events. Time is lost when a turn takes longer than
 * TURN_SLACK_MS, or when the loop wakes up later than planned by more than TURN_SLACK_MS. Causes
 * are a stopped process, a suspended or overloaded machine, or long work. All of that turn or wait
 * but TURN_SLACK_MS counts as lost, so the service clock never stands still for ever. After lost
 * time the loop catches up for a moment: it reads what arrived meanwhile before any deadline is
 * checked. */
#ifndef PODOP_TURNS_H
#define PODOP_TURNS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TURN_SLACK_MS = 50,
    TURN_CATCH_UP_MS = 250, /* longest time of catching up, which also never exceeds the loss */
    TURN_BUCKETS = 10,
};

/* The upper bound of each bucket in milliseconds; 0: no bound. */
extern const uint32_t turn_bucket_ms[TURN_BUCKETS];

/* Zero-initialised: before the first turn. */
struct turns {
    uint64_t began_us; /* when the running turn, or else the wait, began; monotonic clock */
    uint64_t lost_us;  /* sum of all lost time */
    uint64_t caught_up_at_us;
    bool is_running;
    bool is_catching_up;
    uint64_t count[TURN_BUCKETS];
    uint64_t longest_us;
    uint64_t sum_us; /* of all turns */
};

/* Begins a turn. due_at_us is when the loop planned to wake up at the latest; 0: it had no plan. */
void turns_begin(struct turns *turns, uint64_t now_us, uint64_t due_at_us);
void turns_end(struct turns *turns, uint64_t now_us); /* the loop waits for events again */

/* Returns whether deadlines may be checked at the end of this turn. */
bool turns_may_judge(struct turns *turns);

/* Returns the service clock as of the beginning of this turn. It never goes back. */
static inline uint64_t turns_now_ms(const struct turns *turns)
{
    return (turns->began_us - turns->lost_us) / 1000;
}

#endif
