/* lookup.h - how a table looks up its keys, and lookups for the rest of src/table. Private to
 * src/table. */
#ifndef PODOP_TABLE_LOOKUP_H
#define PODOP_TABLE_LOOKUP_H

#include "podop/lookup.h"

#include "table_type.h"

void lookup_choose(struct table *table); /* sets look_up; how keys are identified must be set */

/* Does the same as table_lookup(), for the key alone, also where the table searches for its other
 * forms. */
struct table_op *lookup_key(struct table *table, const struct table_key *key, struct reply *answer);

#endif
