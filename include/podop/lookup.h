/* lookup.h - looks up a key in a table of any type. Each lookup gets exactly one answer, unless it
 * is cancelled. */
#ifndef PODOP_LOOKUP_H
#define PODOP_LOOKUP_H

#include "podop/buf.h"
#include "podop/reply.h"
#include "podop/table_handle.h"

struct table_op; /* a lookup that waits for its answer */
typedef void table_done_fn(void *arg, const struct reply *reply);

/* Looks key up; key is copied. When the answer is known at once, calls done and returns NULL.
 * Otherwise done is called once from the loop, never after table_op_cancel(). The op is freed and
 * the borrowed reply ends when done returns; done must not cancel the op. */
struct table_op *table_ask(struct table *table, const struct table_key *key, table_done_fn *done,
                           void *arg);

/* The same in two steps, for callers that handle an answer that is known at once differently. In
 * that case fills *answer, borrowed until the next call of any table or the end of this turn of the
 * loop, and returns NULL. Otherwise returns an op, and the caller must call table_op_wait() before
 * it calls anything else. */
struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *answer);
void table_op_wait(struct table_op *op, table_done_fn *done, void *arg);

/* The same lookup for a human: adds notes on how the answer came about, each an item
 * ["name","text"] of a JSON array. The lookup uses neither the cache nor the request of another
 * lookup. notes is borrowed until the answer is there or the op is cancelled. It should have a
 * maximum: a note that does not fit is left out. */
struct table_op *table_explain(struct table *table, const struct table_key *key, struct buf *notes,
                               struct reply *answer);

const char *table_op_table(const struct table_op *op); /* the table's name */
void table_op_cancel(struct table_op **op);            /* *op becomes NULL; a NULL *op is fine */

#endif
