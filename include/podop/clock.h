/* clock.h - now, on the monotonic clock, in milliseconds since some fixed moment. */
#ifndef PODOP_CLOCK_H
#define PODOP_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ms(void);

#endif
