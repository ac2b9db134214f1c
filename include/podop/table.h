/* table.h - one named table of any type: how it is opened, flushed and replaced at a reload. The
 * headers below declare its lookups, iterations, writes and counters. */
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

/* Reads into files what table_open() would otherwise have to wait for. Changes neither config nor
 * any table, so any thread may call it. previous are the files with which the present tables were
 * opened, or NULL. */
void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous);

/* Returns how many file descriptors the table may keep open all the time. */
size_t table_descriptors(const struct table_config *config);

/* Opens a table. Copies what it needs of config. Returns NULL with the reason in err. The first
 * reference is the caller's. */
struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err);

/* Lets a new, unused table take over from previous, which must have an equal configuration: both
 * then share what previous remembers, until the last request ends that uses previous. */
void table_take_over(struct table *table, struct table *previous);
/* Makes table the current one of its name: pending writes of that name are made through it from now
 * on. */
void table_activate(struct table *table);
/* Declares that the configuration has no table of this name any more. Pending writes of the name
 * are still made through this table. */
void table_retire_name(struct table *table);
/* Declares that table gets no new requests. Drops what it remembers, unless another table shares
 * that. Iterations whose rows are not read fail soon. The last request that uses the table frees
 * it. */
void table_retire(struct table *table);

/* Remove one key, or all keys, from the cache. Answers that are under way are not cached. */
void table_drop(struct table *table, const struct table_key *key);
void table_clear(struct table *table);

#endif
