/* ask_table.h - a lookup with one completion, whether its answer is known at once or waits. */
#ifndef PODOP_TESTS_ASK_TABLE_H
#define PODOP_TESTS_ASK_TABLE_H

#include "podop/lookup.h"

/* Returns NULL after done was called with an answer that is known at once, or else the op that
 * waits. */
static inline struct table_op *ask_table(struct table *table, const struct table_key *key,
                                         table_done_fn *done, void *arg)
{
    struct reply answer;
    struct table_op *op = table_lookup(table, key, &answer);

    if (op == NULL)
        done(arg, &answer);
    else
        table_op_wait(op, done, arg);
    return op;
}

#endif
