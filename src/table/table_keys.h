/* table_keys.h - the normal form of the keys of a table, as its setting 'key' says. All keys with
 * one normal form are one key, for lookups and for writes. Private to src/table. */
#ifndef PODOP_TABLE_TABLE_KEYS_H
#define PODOP_TABLE_TABLE_KEYS_H

#include "identity.h"

/* Sets the rules of table. config is copied. */
void table_keys_init(struct table *table, const struct key_config *config);
void table_keys_deinit(struct table *table);
/* Sets how table identifies its keys: as its type does, after they got their normal form. identify
 * may be NULL: the keys of the type are plain. */
void table_keys_use(struct table *table, identify_fn *identify);

/* Returns whether a lookup of key looks up other keys as well. */
bool table_keys_search(const struct table *table, const struct table_key *key);

/* A key in its normal form. */
struct normal_key {
    struct table_key key; /* borrowed from the original key where nothing changes */
    struct buf bytes;
};
void normal_key_init(struct normal_key *normal, const struct table *table,
                     const struct table_key *key);
void normal_key_deinit(struct normal_key *normal);

#endif
