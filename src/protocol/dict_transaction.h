/* dict_transaction.h - the transactions that a client of Dovecot's dict protocol has begun and not
 * committed yet. Plain memory. */
#ifndef PODOP_PROTOCOL_DICT_TRANSACTION_H
#define PODOP_PROTOCOL_DICT_TRANSACTION_H

#include "dict_line.h"

#include "podop/transaction.h"

struct open_transaction;
struct dict_transactions { /* of one client; zero at first */
    struct open_transaction *first;
    size_t count, bytes;
};

void dict_transactions_deinit(struct dict_transactions *all);

/* user is copied. false: one of that id is open, there are too many, or user has a NUL byte. */
bool dict_transaction_begin(struct dict_transactions *all, uint32_t id, struct span user,
                            uint64_t expire_s);
/* The commands within a transaction: S, U, A, T, V, and R, which ends it. What cannot be done is a
 * fault of the transaction; those of an unknown one are as good as ignored: its commit fails. */
void dict_transaction_change(struct dict_transactions *all, const struct dict_line *line,
                             uint32_t id);
/* For its commit: the changes, and in *fault why they cannot be made, or NULL; both the caller's to
 * free. One that is unknown has no changes, and that fault. */
struct transaction *dict_transaction_take(struct dict_transactions *all, uint32_t id, char **fault);

#endif
