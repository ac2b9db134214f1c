/* transaction.h - an ordered list of changes to keys of one table that belong together. */
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
    char *user;        /* the user who makes the changes; may be empty */
    uint64_t expire_s; /* 0: never */
    bool has_timestamp;
    int64_t timestamp_s;
    uint32_t timestamp_ns;
    struct change *changes;
    size_t count;
    uint64_t *hashes; /* of the keys, sorted, once it is sealed */
    size_t bytes;     /* memory for keys, values and overhead */
};

struct transaction *transaction_new(struct span user); /* copied; never NULL */
void transaction_free(struct transaction **transaction);
void transaction_clear(struct transaction *transaction); /* drops its changes */
/* Appends a copy of change, with its key and value. */
void transaction_add(struct transaction *transaction, const struct change *change);

/* Returns the hash of key's identity in table, for transaction_may_touch(). table may be NULL:
 * then the identity is KEY, or KEY/USER of a private key. TRANSACTION_ANY_KEY: a lookup of key may
 * read other keys as well, so each change may touch it. */
#define TRANSACTION_ANY_KEY UINT64_MAX
uint64_t transaction_key(struct table *table, const struct table_key *key);
/* Does the same for the normal form that key has in next, another table of the same name. */
uint64_t transaction_key_of_next(struct table *table, struct table *next,
                                 const struct table_key *key);
/* Gives keys and users the normal form that they have in table. Leaves the member bytes as it is,
 * because callers have counted it. */
void transaction_normalise(struct transaction *transaction, const struct table *table);
/* Declares that no more changes come, and gives keys and users the normal form that they have in
 * table, which may be NULL. Must be called before the functions below with "may" in their name,
 * which compare hashes: false is certain, true may be a rare collision. */
void transaction_seal(struct transaction *transaction, struct table *table);
/* Returns whether both change the same key. */
bool transaction_may_overlap(const struct transaction *a, const struct transaction *b);
bool transaction_may_touch(const struct transaction *t, uint64_t key);
/* Does the same as transaction_may_overlap() when b was sealed for another table than t. table is
 * that of t. Returns true for a large b, because this computes the hash of each key. */
bool transaction_may_touch_any(const struct transaction *t, struct table *table,
                               const struct transaction *b);
/* Returns whether t, sealed for table, changes a key that begins with path. table may be NULL. */
bool transaction_touches_below(const struct transaction *t, const struct table *table,
                               const struct table_key *path);

#endif
