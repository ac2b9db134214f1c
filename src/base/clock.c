#include "podop/clock.h"

#include <time.h>

static uint64_t read_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now); /* cannot fail: the clocks exist, the pointer is ours */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

uint64_t clock_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t clock_coarse_ms(void)
{
    return read_ms(CLOCK_MONOTONIC_COARSE);
}
