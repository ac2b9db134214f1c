/* clock.h - virtual time. podop's clock is the present; while the world's events run, sim_now() is
 * the instant of the event, which may be earlier, when podop computed or was stopped meanwhile. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include "kernel.h"

#include <time.h>

void clock_begin(void);
int64_t clock_present_ns(void); /* podop's monotonic clock */
void clock_move_to(int64_t ns); /* nothing if it is later already */
void clock_spend(void);         /* a system call takes its time */
bool clock_has_pause(void);     /* sim_pause_podop() has asked for one */
void clock_take_pause(void);    /* it takes place now */
void clock_drop_pause(void);
uint64_t clock_calls(void); /* how often clock_spend() was called */

void clock_enter_event(int64_t at_ns);
void clock_leave_events(void);

/* Fills *now as clock_gettime(2) does, at podop's present. */
void clock_read(clockid_t clock, struct timespec *now);

int64_t clock_real_ns(void); /* of the machine */

#endif
