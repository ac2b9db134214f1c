/* ask_table.h - a lookup for tests that do not care whether the answer is known at once. */
#ifndef PODOP_TESTS_ASK_TABLE_H
#define PODOP_TESTS_ASK_TABLE_H

#include "podop/table.h"

/* done is called before this returns, which is NULL then, or from the loop. */
static inline struct table_op *ask_table(struct table *table, const struct table_key *key,
                                         table_done_fn *done, void *arg)
{
    struct reply known;
    struct table_op *op = table_lookup(table, key, &known);

    if (op == NULL)
        done(arg, &known);
    else
        table_op_wait(op, done, arg);
    return op;
}

#endif
