/* table.h - one named table, of whatever type: opening it, its life over reloads, and, by the
 * headers below, all that can be asked of it. */
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

/* Reads what table_open() would have to wait for into files. Changes nothing of config nor of any
 * table, so another thread than the loop's may call it. previous is what the tables that are open
 * now were opened with, or NULL. */
void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous);

/* Returns how many file descriptors the table may hold open all the time. */
size_t table_descriptors(const struct table_config *config);

/* Copies what it needs of config. Returns NULL with the reason in err. The first reference is the
 * caller's. */
struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err);

/* Lets table, which nobody has used yet, take over from previous, which has an equal configuration:
 * what previous remembers belongs to both, as long as requests use them. */
void table_take_over(struct table *table, struct table *previous);
/* Makes table the one of its name: pending writes of that name are made through it from now on. */
void table_activate(struct table *table);
/* No table has this table's name any more. Pending writes are still made through it. */
void table_retire_name(struct table *table);
/* table serves no new requests, and is freed with the last request that uses it. What it remembers
 * is dropped unless another table uses that, too. Iterations whose rows are not read fail soon. */
void table_retire(struct table *table);

/* Drops what is remembered of one key, or of all keys. Answers that are under way are not
 * remembered either. */
void table_drop(struct table *table, const struct table_key *key);
void table_clear(struct table *table);

#endif
