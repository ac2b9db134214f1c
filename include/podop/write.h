/* write.h - writing to a table. */
#ifndef PODOP_WRITE_H
#define PODOP_WRITE_H

#include "podop/commit.h"
#include "podop/table_handle.h"
#include "podop/transaction.h"

/* Makes the changes of transaction, one after the other; the first failure ends the commit. done is
 * called once, from the loop, never before this returns; transaction is borrowed until then. A
 * commit cannot be cancelled; a caller that does not need the reply ignores it. */
void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg);

#endif
