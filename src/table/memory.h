/* memory.h - what a table remembers of its keys, over reloads: answers in a cache, and which are
 * being asked for. What is written is forgotten here, key by key. Private to src/table. */
#ifndef PODOP_TABLE_MEMORY_H
#define PODOP_TABLE_MEMORY_H

#include "table_type.h"

struct table_memory *memory_new(struct table *table, const struct cache_config *config,
                                bool shares);
/* table shares it with the one that it takes the place of. */
struct table_memory *memory_ref(struct table_memory *memory, struct table *table);
void memory_unref(struct table_memory *memory, struct table *table); /* table lets go of it */

/* The memories of one table's name over several reloads know of each other's writes. */
void memory_join(struct table_memory *memory, struct table_memory **list);

/* Fetches under way, where anybody might ask for them: in a table that caches or shares. */
void memory_add_fetch(struct table_memory *memory, struct fetch *fetch);
void memory_remove_fetch(struct table_memory *memory, struct fetch *fetch);
/* The newest that follows after (NULL: of all) and asks for identity. */
struct fetch *memory_find_fetch(struct table_memory *memory, struct span identity,
                                const struct fetch *after);
/* Whether what a fetch brings is still true, as far as podop knows. */
bool memory_trusts(const struct table_memory *memory, const struct fetch *fetch);

/* What was known of key, or of all, is no longer true, nor what is being asked for. */
void memory_forget(struct table_memory *memory, const struct table_key *key);
void memory_forget_all(struct table_memory *memory);
/* The same of the first changes of transaction, in all memories of the table. */
void memory_forget_changes(struct table *table, const struct transaction *transaction,
                           size_t changes);

#endif
