/* quantile.h - a quantile of what a histogram counted. Pure. */
#ifndef PODOP_QUANTILE_H
#define PODOP_QUANTILE_H

#include "podop/counter_set.h"

enum { QUANTILE_UNKNOWN = -1 };

/* Returns the value below which this part of the values is, in the unit of the bounds, as if the
 * values were spread evenly over their bucket; for the last bucket, its lower bound. Returns
 * QUANTILE_UNKNOWN when nothing was counted. */
int64_t quantile_of(const struct histogram *histogram, unsigned per_mille);

#endif
