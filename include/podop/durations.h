/* durations.h - how long things took, counted in buckets. Plain memory, no clock. */
#ifndef PODOP_DURATIONS_H
#define PODOP_DURATIONS_H

#include <stdint.h>

enum { DURATION_BUCKETS = 17 };

/* The upper bound of each bucket in microseconds; the last is 0: no bound. */
extern const uint32_t duration_bound_us[DURATION_BUCKETS];

/* Zeroed: empty. */
struct durations {
    uint64_t counts[DURATION_BUCKETS];
    uint64_t sum_us; /* without those that durations_add_at_once() counted */
};

/* Counts what took no time worth measuring. */
static inline void durations_add_at_once(struct durations *d)
{
    d->counts[0]++;
}

void durations_add(struct durations *durations, uint64_t us);

uint64_t durations_count(const struct durations *durations);
/* Subtracts what was counted before; earlier is a copy of the same durations. */
void durations_subtract(struct durations *durations, const struct durations *earlier);

enum { DURATION_UNKNOWN = -1 };
/* Returns a value in microseconds, below which this part of the durations is, taken as if they were
 * spread evenly over their bucket; of the last bucket its lower bound. Returns DURATION_UNKNOWN
 * when nothing was counted. */
int64_t durations_quantile_us(const struct durations *durations, unsigned per_mille);

#endif
