/* held_clock.h - sets the clock of the loop forward, so that no test has to wait for a deadline.
 * Programs that use it are linked with --wrap=ev_timer_remaining, because deadline.c reads the time
 * with that function. */
#ifndef PODOP_TESTS_HELD_CLOCK_H
#define PODOP_TESTS_HELD_CLOCK_H

#include <ev.h>

/* Lets time pass for deadlines, in steps too short to count as lost time, and runs the loop a few
 * times after each step. Never waits. */
void held_clock_pass_ms(struct ev_loop *loop, unsigned ms);

/* Lets time pass until the condition is true. */
#define HELD_CLOCK_PASS_UNTIL(loop, condition)                                                     \
    do {                                                                                           \
        while (!(condition))                                                                       \
            held_clock_pass_ms(loop, 10);                                                          \
    } while (0)

#endif
