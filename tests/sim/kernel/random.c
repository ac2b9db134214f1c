#include "random.h"

static uint64_t run_seed;

/* The finalizer of splitmix64 (Steele, Lea and Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void random_begin(uint64_t seed)
{
    run_seed = seed;
}

uint64_t sim_seed(void)
{
    return run_seed;
}

struct sim_random sim_random_of(const char *name)
{
    uint64_t state = mix(run_seed + UINT64_C(0x9e3779b97f4a7c15));

    for (; *name != '\0'; name++)
        state = mix(state ^ (unsigned char)*name);
    return (struct sim_random){state};
}

static uint64_t next(struct sim_random *random)
{
    random->state += UINT64_C(0x9e3779b97f4a7c15);
    return mix(random->state);
}

/* The bias of at most bound / 2^64 does not matter here. */
uint64_t sim_random(struct sim_random *random, uint64_t bound)
{
    return next(random) % bound;
}

double sim_random_unit(struct sim_random *random)
{
    return (double)(next(random) >> 11) * 0x1.0p-53;
}

bool sim_chance(struct sim_random *random, double share)
{
    return share > 0.0 && sim_random_unit(random) < share;
}
