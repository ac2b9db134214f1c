/* commit_turns.h - queues transactions that cannot be pending after the pending writes of their
 * keys, and after each other. Private to src/table. */
#ifndef PODOP_TABLE_COMMIT_TURNS_H
#define PODOP_TABLE_COMMIT_TURNS_H

#include "commit.h"
#include "table_writes.h"

/* Queues commit when there are pending writes of its keys: these are made now, and commit is
 * sent after them, or fails when one of them fails. Returns false when there are none. */
bool commit_turns_delay(struct table_writes *w, struct commit *commit);
/* Report that the pending write of key was made, or that it failed. */
void commit_turns_pass(struct pending_write *key);
void commit_turns_fail(struct pending_write *key, const struct reply *reply);
/* Sends or ends one commit that need not wait any longer. Returns its number of changes; 0:
 * there is none. */
size_t commit_turns_run(struct table_writes *w);

#endif
