/* latency.h - times, counted in classes less than 1 % wide. */
#ifndef PODOP_BENCH_LATENCY_H
#define PODOP_BENCH_LATENCY_H

#include <stdint.h>

enum { LATENCY_BITS = 7, LATENCY_CLASSES = (64 - LATENCY_BITS + 1) << LATENCY_BITS };

struct latency {
    uint64_t count, max_ns;
    uint64_t classes[LATENCY_CLASSES];
};

void latency_add(struct latency *latency, uint64_t ns);

/* Returns the quantile of the times in microseconds for a share from 0 to 1; 0 without times. */
double latency_quantile_us(const struct latency *latency, double share);

#endif
