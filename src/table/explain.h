/* explain.h - what podop itself knows of a key, for a human who asks. Private to src/table. */
#ifndef PODOP_TABLE_EXPLAIN_H
#define PODOP_TABLE_EXPLAIN_H

#include "identity.h"

#include "podop/transaction.h"

/* Notes what answers key without the backend: pending, a change that is not written yet or NULL, a
 * pattern that skips it, and the cache. */
void explain_known(struct table *table, const struct table_key *key,
                   const struct identity *identity, const struct change *pending,
                   struct buf *notes);

#endif
