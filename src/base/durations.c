#include "podop/durations.h"

const uint32_t duration_bound_us[DURATION_BUCKETS] = {
    100,    250,    500,    1000,    2500,    5000,    10000,    25000, 50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 0,
};

void durations_add(struct durations *d, uint64_t us)
{
    unsigned i = 0;

    while (i < DURATION_BUCKETS - 1 && us > duration_bound_us[i])
        i++;
    d->counts[i]++;
    d->sum_us += us;
}

uint64_t durations_count(const struct durations *d)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < DURATION_BUCKETS; i++)
        count += d->counts[i];
    return count;
}

void durations_subtract(struct durations *d, const struct durations *earlier)
{
    for (unsigned i = 0; i < DURATION_BUCKETS; i++)
        d->counts[i] -= earlier->counts[i];
    d->sum_us -= earlier->sum_us;
}

/* Returns the value at a place within bucket i, which is not empty. */
static int64_t within(const struct durations *d, unsigned i, double place)
{
    const double low = i == 0 ? 0 : duration_bound_us[i - 1];

    if (duration_bound_us[i] == 0)
        return (int64_t)low;
    return (int64_t)(low + (duration_bound_us[i] - low) * place / (double)d->counts[i]);
}

int64_t durations_quantile_us(const struct durations *d, unsigned per_mille)
{
    const double wanted = (double)durations_count(d) * per_mille / 1000.0;
    double below = 0;

    for (unsigned i = 0; i < DURATION_BUCKETS; i++) {
        if (d->counts[i] > 0 && below + (double)d->counts[i] >= wanted)
            return within(d, i, wanted - below);
        below += (double)d->counts[i];
    }
    return DURATION_UNKNOWN;
}
