/* write.h - writing to a table. */
#ifndef PODOP_WRITE_H
#define PODOP_WRITE_H

#include "podop/commit.h"
#include "podop/table_handle.h"
#include "podop/transaction.h"

/* Makes the changes of transaction, one after the other, up to the first failure. transaction is
 * borrowed until done is called. done is called once, from the loop, never before this returns.
 * A commit cannot be cancelled; a caller that is no longer interested ignores the reply. */
void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg);
/* The same for a request that has waited already: the reply comes until deadline_at_ms. 0: within
 * the table's timeout from now. */
void table_commit_until(struct table *table, const struct transaction *transaction,
                        uint64_t deadline_at_ms, commit_done_fn *done, void *arg);

#endif
