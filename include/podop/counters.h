/* counters.h - writes down what a table has done so far. podop(8) describes each counter. */
#ifndef PODOP_COUNTERS_H
#define PODOP_COUNTERS_H

#include "podop/buf.h"
#include "podop/log.h"
#include "podop/table_handle.h"

void table_add_stats(struct table *table, struct buf *out); /* as an item of a JSON array */
void table_log_counters(const struct table *table, struct log *log); /* as a line in the log */

#endif
