/* durations.h - counts how long something took, in buckets. Plain memory. */
#ifndef PODOP_DURATIONS_H
#define PODOP_DURATIONS_H

#include "podop/counter_set.h"

enum { DURATION_BUCKETS = 17 };

/* Zero-initialised: empty. */
struct durations {
    uint64_t count[DURATION_BUCKETS];
    uint64_t sum_us;
};

void durations_add(struct durations *durations, uint64_t us);
/* Returns the number of durations. */
uint64_t durations_total(const struct durations *durations);
/* Returns the counts for a counter set. They are borrowed. */
struct histogram durations_histogram(const struct durations *durations);

#endif
