/* table.h - one named table, of whatever type: opening it, and its life over reloads. The
 * headers that it includes have the requests to a table. */
#ifndef PODOP_TABLE_H
#define PODOP_TABLE_H

#include "podop/counters.h"
#include "podop/iterate.h"
#include "podop/lookup.h"
#include "podop/settings.h"
#include "podop/table_handle.h"
#include "podop/write.h"

/* Every type of table, for config_load(). */
extern const struct config_types table_types;

/* Reads the files that table_open() will need into files, so that table_open() does not block.
 * Changes neither config nor any table, so it may run in another thread than the loop. previous
 * has the files that the open tables were opened with, or is NULL. */
void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous);

/* Returns how many file descriptors the table may keep open all the time. */
size_t table_descriptors(const struct table_config *config);

/* Returns a table with one reference, which is the caller's, or NULL with the reason in err.
 * config is borrowed for the call. */
struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err);

/* Lets table, which has served no request yet, take over from previous, which has an equal
 * configuration: both share one cache, one set of counters and the keys in flight. */
void table_take_over(struct table *table, struct table *previous);
/* Makes table the current one of its name: pending writes of the name are made through it from
 * now on. */
void table_activate(struct table *table);
/* Declares that no table has this table's name any more. Its pending writes are still made
 * through it. */
void table_retire_name(struct table *table);
/* Declares that table serves no new requests. It is freed after the last request that uses it.
 * Its cache is dropped unless another table shares it. Iterations whose rows are not read fail
 * soon. */
void table_retire(struct table *table);

/* Drops one key, with the other keys that a lookup of it tries, or all keys, from the cache.
 * Answers that are under way will not be cached either. */
void table_drop(struct table *table, const struct table_key *key);
void table_clear(struct table *table);

#endif
