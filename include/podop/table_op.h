/* table_op.h - a lookup that waits for its answer. It gets exactly one, unless it is cancelled. */
#ifndef PODOP_TABLE_OP_H
#define PODOP_TABLE_OP_H

#include "podop/reply.h"

struct table_op;
typedef void table_done_fn(void *arg, const struct reply *reply);

/* Has done called once from the loop, but not after table_op_cancel(). The reply is borrowed until
 * done returns. The op is freed then, so done must not cancel it. */
void table_op_wait(struct table_op *op, table_done_fn *done, void *arg);

const char *table_op_table(const struct table_op *op); /* the table's name */
void table_op_cancel(struct table_op **op);            /* *op becomes NULL; a NULL *op is fine */

#endif
