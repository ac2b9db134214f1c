/* lookup.h - the members of a table that its lookups use. Private to src/table. */
#ifndef PODOP_TABLE_LOOKUP_H
#define PODOP_TABLE_LOOKUP_H

#include "table_type.h"

/* Initialises these members; table->env must be set. */
void lookup_init(struct table *table);
void lookup_deinit(struct table *table);

#endif
