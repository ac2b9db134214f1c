/* identity.h - what tells one key of a table from another: what its backend would be asked. Keys
 * that are spelled differently and asked as one have one identity. Private to src/table. */
#ifndef PODOP_TABLE_IDENTITY_H
#define PODOP_TABLE_IDENTITY_H

#include "table_type.h"

#include <stdlib.h>

enum { IDENTITY_USUAL_BYTES = 256 }; /* a longer one costs an allocation */

struct identity {
    struct span bytes; /* may be the key's own bytes */
    bool is_plain;     /* KEY, or KEY/USER of a private key */
    char *large;
    char usual[IDENTITY_USUAL_BYTES];
};

/* All that fill identity: it is to be freed, and lives as long as key's bytes. Where no table knows
 * better, KEY/USER of a private key. */
void identity_join(struct identity *identity, const struct table_key *key);
/* User and key, told apart: for a backend that is asked with both. */
void identity_split(struct identity *identity, const struct table_key *key);
void identity_take(struct identity *identity, struct buf *bytes); /* takes its memory over */

/* KEY, or KEY/USER. */
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

static inline void identity_of(struct identity *identity, struct table *table,
                               const struct table_key *key)
{
    if (table->identify == NULL || !table->identify(table, key, identity))
        identity_plain(identity, key);
}

static inline void identity_free(struct identity *identity)
{
    if (identity->large != NULL)
        free(identity->large);
}

#endif
