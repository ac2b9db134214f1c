#include "podop/durations.h"

/* The upper bound of each bucket in microseconds; 0: no bound. */
static const uint32_t bounds_us[DURATION_BUCKETS] = {
    100,    250,    500,    1000,    2500,    5000,    10000,    25000, 50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 0,
};

void durations_add(struct durations *d, uint64_t us)
{
    unsigned i = 0;

    while (i < DURATION_BUCKETS - 1 && us > bounds_us[i])
        i++;
    d->count[i]++;
    d->sum_us += us;
}

uint64_t durations_total(const struct durations *d)
{
    uint64_t total = 0;

    for (size_t i = 0; i < DURATION_BUCKETS; i++)
        total += d->count[i];
    return total;
}

struct histogram durations_histogram(const struct durations *d)
{
    return (struct histogram){
        .bounds = bounds_us,
        .counts = d->count,
        .buckets = DURATION_BUCKETS,
        .bound_name = "us_at_most",
        .bound_us = 1,
        .sum_us = d->sum_us,
    };
}
