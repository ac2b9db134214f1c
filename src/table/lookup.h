/* lookup.h - what a table has for its lookups, when it opens and closes. Private to src/table. */
#ifndef PODOP_TABLE_LOOKUP_H
#define PODOP_TABLE_LOOKUP_H

#include "table_type.h"

void lookup_init(struct table *table); /* shares and env are set */
void lookup_deinit(struct table *table);

#endif
