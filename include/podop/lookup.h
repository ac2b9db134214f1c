/* lookup.h - looks up a key in a table of any type. Each lookup gets exactly one answer, unless it
 * is cancelled. */
#ifndef PODOP_LOOKUP_H
#define PODOP_LOOKUP_H

#include "podop/buf.h"
#include "podop/table_handle.h"
#include "podop/table_op.h"

/* Looks key up; key is copied. Returns NULL and fills *answer when the answer is known at once;
 * *answer is borrowed until the next call of any table or the end of this turn of the loop.
 * Otherwise returns an op, and the caller must call table_op_wait() before it calls anything else.
 */
struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *answer);
/* The same for a request that has waited already: the answer comes until deadline_at_ms. 0: within
 * the table's timeout from now. */
struct table_op *table_lookup_until(struct table *table, const struct table_key *key,
                                    uint64_t deadline_at_ms, struct reply *answer);

/* Does the same lookup for a human, and adds notes on how its answer came about, each an item
 * ["name","text"] of a JSON array. The lookup uses neither the cache nor the request of another
 * lookup. notes is borrowed until the answer is there or the op is cancelled. It should have a
 * maximum: a note that does not fit is left out. */
struct table_op *table_explain(struct table *table, const struct table_key *key, struct buf *notes,
                               struct reply *answer);

#endif
