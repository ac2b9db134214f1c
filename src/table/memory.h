/* memory.h - what a table remembers of its keys, over reloads: answers in a cache, and which are
 * being asked for. What is written is forgotten here, key by key. Private to src/table. */
#ifndef PODOP_TABLE_MEMORY_H
#define PODOP_TABLE_MEMORY_H

#include "table_type.h"

struct table_memory *memory_new(struct table *table, const struct cache_config *config,
                                bool shares);
/* Adds a reference for table, which replaces another one after a reload. */
struct table_memory *memory_ref(struct table_memory *memory, struct table *table);
void memory_unref(struct table_memory *memory, struct table *table);
/* A table that uses memory serves nobody any longer. After the last one the cache is given back. */
void memory_retire(struct table_memory *memory);

/* Adds memory to the list of those of one table name, which forget what is written to any. */
void memory_join(struct table_memory *memory, struct table_memory **list);

/* Fetches under way are found in tables that cache or share. */
void memory_add_fetch(struct table_memory *memory, struct fetch *fetch);
void memory_remove_fetch(struct table_memory *memory, struct fetch *fetch);
/* The newest one for identity, or the next older one than after. NULL: there is none. */
struct fetch *memory_find_fetch(struct table_memory *memory, struct span identity,
                                const struct fetch *after);
/* false: the key of fetch was written or flushed since it began. */
bool memory_is_current(const struct table_memory *memory, const struct fetch *fetch);

/* Drops key, or all keys, from the cache, and marks the fetches under way. */
void memory_invalidate(struct table_memory *memory, const struct table_key *key);
void memory_invalidate_all(struct table_memory *memory);
/* The same of the first changes of transaction, in all memories of the table. */
void memory_invalidate_changes(struct table *table, const struct transaction *transaction,
                               size_t changes);

#endif
