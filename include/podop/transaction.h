/* transaction.h - changes to the keys of one table that belong together, in their order. */
#ifndef PODOP_TRANSACTION_H
#define PODOP_TRANSACTION_H

#include "podop/table_handle.h"

#include <stddef.h>

enum change_kind { CHANGE_SET, CHANGE_UNSET, CHANGE_INCREMENT };

struct change {
    enum change_kind kind;
    struct table_key key;
    struct span value; /* SET */
    int64_t increment; /* INCREMENT */
    char *bytes;       /* what key and value point to */
};

struct transaction {
    char *user;        /* on whose behalf it is made; may be empty */
    uint64_t expire_s; /* 0: never */
    bool has_timestamp;
    int64_t timestamp_s;
    uint32_t timestamp_ns;
    struct change *changes;
    size_t count;
    uint64_t *hashes; /* of the keys, sorted, once it is sealed */
    size_t bytes;     /* of memory: keys, values and what a change costs besides */
};

struct transaction *transaction_new(struct span user); /* copied; never NULL */
void transaction_free(struct transaction **transaction);
void transaction_clear(struct transaction *transaction); /* drops its changes */
/* Everything in change is copied. */
void transaction_add(struct transaction *transaction, const struct change *change);

/* Returns a hash of what table, which may be NULL, would ask its backend for key: the key of
 * transaction_may_touch(). */
uint64_t transaction_key(struct table *table, const struct table_key *key);
/* Declares that no more changes come. Only now the questions below with "may" can be asked. They
 * are quick; true is wrong once in a very long while, false never. */
void transaction_seal(struct transaction *transaction, struct table *table);
/* Whether both change the same key. */
bool transaction_may_overlap(const struct transaction *a, const struct transaction *b);
bool transaction_may_touch(const struct transaction *t, uint64_t key);
/* Whether it may change a key that begins with path. */
bool transaction_touches_below(const struct transaction *t, const struct table_key *path);

#endif
