/* lookup.h - what a table has for its lookups, from when it is opened until it is destroyed.
 * Private to src/table. */
#ifndef PODOP_TABLE_LOOKUP_H
#define PODOP_TABLE_LOOKUP_H

#include "table_type.h"

void lookup_init(struct table *table); /* env is set */
void lookup_deinit(struct table *table);

#endif
