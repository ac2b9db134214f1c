/* explain.h - what is told of one lookup to a human who asked why. Private to the table layer. */
#ifndef PODOP_TABLE_EXPLAIN_H
#define PODOP_TABLE_EXPLAIN_H

#include "table_type.h"

/* What the table knows of the key without asking anybody; held may be NULL. */
void explain_known(struct table *table, const struct table_key *key, struct span identity,
                   const struct change *held, struct buf *notes);

#endif
