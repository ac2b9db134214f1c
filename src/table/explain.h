/* explain.h - what podop knows about a key without asking the backend, for an explained lookup.
 * Private to src/table. */
#ifndef PODOP_TABLE_EXPLAIN_H
#define PODOP_TABLE_EXPLAIN_H

#include "identity.h"

#include "podop/transaction.h"

/* Adds a note if a key is looked up as another one, its normal form. */
void explain_normal_form(const struct table_key *key, const struct table_key *normal,
                         struct buf *notes);
/* Adds to notes what could answer key without the backend: pending (a change that is not written
 * yet, or NULL), a pattern that skips the key, and the cache. */
void explain_known(struct table *table, const struct table_key *key,
                   const struct identity *identity, const struct change *pending,
                   struct buf *notes);

#endif
