/* dict_transaction.h - the transactions that a dict client has begun and not yet committed or
 * rolled back. Plain memory. */
#ifndef PODOP_PROTOCOL_DICT_TRANSACTION_H
#define PODOP_PROTOCOL_DICT_TRANSACTION_H

#include "podop/list.h"
#include "podop/transaction.h"

struct dict_transactions { /* of one client */
    struct list open;
    size_t count, bytes;
};

void dict_transactions_init(struct dict_transactions *all);
void dict_transactions_deinit(struct dict_transactions *all);

/* user is copied. Returns false when a transaction with that id is open already, when there are too
 * many, or when user has a NUL byte. */
bool dict_transaction_begin(struct dict_transactions *all, uint32_t id, struct span user,
                            uint64_t expire_s);

/* Each of these adds a change. name is "priv/KEY" or "shared/KEY"; all spans are copied. An invalid
 * change becomes the fault of the transaction. Without an open transaction of that id they do
 * nothing; a commit of that id fails later. */
void dict_transaction_set(struct dict_transactions *all, uint32_t id, struct span name,
                          struct span value);
void dict_transaction_unset(struct dict_transactions *all, uint32_t id, struct span name);
void dict_transaction_increment(struct dict_transactions *all, uint32_t id, struct span name,
                                struct span amount);
/* Sets the time of the changes, from decimal numbers. Ignores an invalid time. */
void dict_transaction_set_time(struct dict_transactions *all, uint32_t id, struct span seconds,
                               struct span nanoseconds);
void dict_transaction_rollback(struct dict_transactions *all, uint32_t id);

/* Removes the transaction and returns its changes, for a commit. *fault becomes the reason why it
 * cannot be committed, or NULL. The caller frees both. For an unknown id, returns an empty
 * transaction with a fault. */
struct transaction *dict_transaction_take(struct dict_transactions *all, uint32_t id, char **fault);

#endif
