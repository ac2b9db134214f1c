/* clock.h - reads the monotonic clock. deadline.h says which clock is for what. */
#ifndef PODOP_CLOCK_H
#define PODOP_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ms(void);
uint64_t clock_now_us(void); /* the same clock in microseconds */

/* Reads the same clock as of its last tick: up to 10 ms late, never early, at an eighth of the
 * cost. */
uint64_t clock_coarse_ms(void);

#endif
