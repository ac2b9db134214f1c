/* counters.h - the counters of a table. podop(8) describes each. */
#ifndef PODOP_COUNTERS_H
#define PODOP_COUNTERS_H

#include "podop/buf.h"
#include "podop/counter_set.h"
#include "podop/log.h"
#include "podop/table_handle.h"

extern const struct counter_set table_counter_set; /* the counters that all types have */

/* Returns whether a lookup has ever begun a request. */
bool table_has_asked(const struct table *table);
/* Calls visit once, with this set. */
void table_visit_counters(struct table *table, counter_visit_fn *visit, void *arg);
/* Appends these counters, and those of the table's type, as an item of a JSON array. */
void table_add_stats(struct table *table, struct buf *out);
void table_log_counters(struct table *table, struct log *log); /* as lines in the log */

#endif
