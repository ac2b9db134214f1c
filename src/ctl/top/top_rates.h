/* top_rates.h - how much happened between two samples. Pure functions. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_RATES_H
#define PODOP_CTL_TOP_TOP_RATES_H

#include "top_sample.h"

struct top_table_rates {
    bool is_known;                 /* false: there is no earlier sample of this podop's table */
    uint64_t counts[TOP_COUNTERS]; /* between the samples */
    struct top_durations durations;
};

struct top_backend_rates {
    bool is_known;
    uint64_t requests, failures;
};

/* Rates of the tables and backends of a sample, in their order. */
struct top_rates {
    double seconds; /* between the samples; 0: there is no earlier sample */
    struct top_table_rates *tables;
    struct top_backend_rates *backends;
};

/* Compares now with before (NULL: none). Counters of another process are never compared. A counter
 * that fell began again at 0, as after the reload of a changed table; so no rate is negative. */
void top_rates_init(struct top_rates *rates, const struct top_sample *before,
                    const struct top_sample *now);
void top_rates_deinit(struct top_rates *rates);

/* Returns the index of the bucket that has the given share (0 to 1) of all values at or below it,
 * or -1 if there are no values. */
int top_quantile(const struct top_durations *durations, double share);

#endif
