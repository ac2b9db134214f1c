/* lookup.h - looking up a key in a table. The way is the same for tables of every type, and each
 * lookup gets exactly one answer, unless it is cancelled. */
#ifndef PODOP_LOOKUP_H
#define PODOP_LOOKUP_H

#include "podop/buf.h"
#include "podop/reply.h"
#include "podop/table_handle.h"

struct table_op; /* a lookup that waits for its answer */
typedef void table_done_fn(void *arg, const struct reply *reply);

/* Looks key up; key is copied. Either the answer is known at once: then done is called before this
 * returns, and this returns NULL. Or done is called once from the loop, never after
 * table_op_cancel(). The reply is borrowed and ends, with the op, when done returns; done must not
 * cancel the op. */
struct table_op *table_ask(struct table *table, const struct table_key *key, table_done_fn *done,
                           void *arg);

/* The same in two steps, for callers that have to treat an answer that is known at once in another
 * way. Returns NULL and fills *answer, which is borrowed until the next call of any table or the
 * end of this turn of the loop. Otherwise returns an op, and the caller must call table_op_wait()
 * before it calls anything else. */
struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *answer);
void table_op_wait(struct table_op *op, table_done_fn *done, void *arg);

/* The same lookup for a human: adds notes of how its answer came about, as items of a JSON array,
 * ["name","text"] each. Neither the cache nor a request that is under way answers it. notes is
 * borrowed until the answer is there or the op is cancelled. It should have a maximum: a note that
 * does not fit is left out. */
struct table_op *table_explain(struct table *table, const struct table_key *key, struct buf *notes,
                               struct reply *answer);

const char *table_op_table(const struct table_op *op); /* the table's name */
void table_op_cancel(struct table_op **op);            /* *op becomes NULL; a NULL *op is fine */

#endif
