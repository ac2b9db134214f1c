/* counters.h - the counters of a table. podop(8) describes each. */
#ifndef PODOP_COUNTERS_H
#define PODOP_COUNTERS_H

#include "podop/buf.h"
#include "podop/counter_set.h"
#include "podop/log.h"
#include "podop/table_handle.h"

extern const struct counter_set table_counter_set; /* common to tables of all types */

/* Appends them as an item of a JSON array, with those of the table's type. */
void table_add_stats(struct table *table, struct buf *out);
void table_log_counters(const struct table *table, struct log *log); /* as a line in the log */

#endif
