/* lookup.h - chooses how a table looks up its keys. Private to src/table. */
#ifndef PODOP_TABLE_LOOKUP_H
#define PODOP_TABLE_LOOKUP_H

#include "table_type.h"

void lookup_choose(struct table *table); /* sets look_up; how keys are identified must be set */

#endif
