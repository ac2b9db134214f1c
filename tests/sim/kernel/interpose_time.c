/* interpose_time.c - libc's clocks and random numbers. Before sim_begin() they are the real ones.
 */
#include "clock.h"
#include "kernel_state.h"
#include "real.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!kernel_has_begun())
        return REAL(clock_gettime)(clock, now);
    clock_read(clock, now);
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *now = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *result)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (result != NULL)
        *result = t.tv_sec;
    return t.tv_sec;
}

static void fill_random(void *to, size_t len)
{
    static struct sim_random random;
    char *at = to;

    if (random.state == 0)
        random = sim_random_of("getrandom");
    for (size_t i = 0; i < len; i++)
        at[i] = (char)sim_random(&random, 256);
}

ssize_t getrandom(void *to, size_t len, unsigned flags)
{
    if (!kernel_has_begun())
        return REAL(getrandom)(to, len, flags);
    fill_random(to, len);
    return (ssize_t)len;
}

int rand(void)
{
    unsigned number;

    if (!kernel_has_begun())
        return REAL(rand)();
    fill_random(&number, sizeof(number));
    return (int)(number & 0x7fffffff);
}
