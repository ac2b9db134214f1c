/* identity.h - the identity of a key: what the backend would be asked for it. Keys with different
 * names that lead to the same request have one identity. Private to src/table. */
#ifndef PODOP_TABLE_IDENTITY_H
#define PODOP_TABLE_IDENTITY_H

#include "table_type.h"

#include <stdlib.h>

enum { IDENTITY_USUAL_BYTES = 256 }; /* a longer one costs an allocation */

struct identity {
    struct span bytes; /* may be the key's own bytes */
    uint64_t hash;     /* of bytes, from identity_of(); 0: the table does not use it */
    bool is_plain;     /* KEY, or KEY/USER of a private key */
    char *large;
    char usual[IDENTITY_USUAL_BYTES];
};

/* identity_join() and the next three functions fill identity, except its hash. The identity may
 * point into key's bytes, and must be freed with identity_free(). */

/* Uses KEY/USER, for a private key. */
void identity_join(struct identity *identity, const struct table_key *key);
/* Keeps user and key apart, for a backend that gets both. */
void identity_split(struct identity *identity, const struct table_key *key);
void identity_take(struct identity *identity, struct buf *bytes); /* takes over its memory */

/* Uses KEY, or KEY/USER for a private key. */
static inline void identity_plain(struct identity *identity, const struct table_key *key)
{
    if (key->is_private) {
        identity_join(identity, key);
        return;
    }
    identity->bytes = key->key;
    identity->is_plain = true;
    identity->large = NULL;
}

/* Sets the hash, which the cache, the keys in flight and the pending writes share. */
static inline void identity_hash(struct identity *identity, const struct table *table)
{
    identity->hash = table->uses_hash ? hash_span(&table->env.hash_key, identity->bytes) : 0;
}

/* Fills identity for a key of table, in any form, with its hash. */
static inline void identity_of(struct identity *identity, struct table *table,
                               const struct table_key *key)
{
    if (table->identify == NULL || !table->identify(table, key, identity))
        identity_plain(identity, key);
    identity_hash(identity, table);
}

/* Does the same as identity_of(), for a key that is in its normal form already. */
static inline void identity_of_normal(struct identity *identity, struct table *table,
                                      const struct table_key *key)
{
    if (table->identify_normal == NULL || !table->identify_normal(table, key, identity))
        identity_plain(identity, key);
    identity_hash(identity, table);
}

static inline void identity_free(struct identity *identity)
{
    if (identity->large != NULL)
        free(identity->large);
}

#endif
