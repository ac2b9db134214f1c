/* history_point.h - the counters of a table that its history is made of, at one moment. Plain
 * memory. */
#ifndef PODOP_MONITOR_HISTORY_POINT_H
#define PODOP_MONITOR_HISTORY_POINT_H

#include "podop/durations.h"
#include "podop/table.h"

/* Zeroed: a table that has just begun. */
struct history_point {
    uint64_t at_ms;   /* monotonic clock */
    uint64_t lookups; /* that have ended: the sum of the next three */
    uint64_t found, miss, failed, fresh;
    uint64_t duration[DURATION_BUCKETS];
};

struct history_point history_point_of(struct table *table, uint64_t now_ms);

/* Returns what was counted between two points. Counters that are lower than before began anew at a
 * reload. at_ms becomes the time between. */
struct history_point history_point_between(const struct history_point *from,
                                           const struct history_point *to);

/* Returns a quantile of the durations in microseconds; see quantile.h. */
int64_t history_point_quantile_us(const struct history_point *between, unsigned per_mille);

#endif
