/* memory.h - what a table remembers of its keys, over reloads: answers in a cache, the keys that
 * are in flight to the backend, and counters. Writes invalidate it here, key by key. Private to
 * src/table. */
#ifndef PODOP_TABLE_MEMORY_H
#define PODOP_TABLE_MEMORY_H

#include "cache.h"
#include "table_type.h"

#include "podop/durations.h"
#include "podop/list.h"
#include "podop/transaction.h"

struct identity;

enum { TABLE_STATUSES = REPLY_PERMANENT + 1 };

/* Counters of a table, which podop(8) describes. */
struct table_counters {
    uint64_t lookups, answers[TABLE_STATUSES];
    uint64_t cache_fresh, cache_stale, cache_absent;
    uint64_t joined, fetches;
    uint64_t commits[TABLE_STATUSES];
    uint64_t iterations;
    struct durations waited; /* of lookups that were not answered at once */
};

/* The memories of all tables of one name, from before and after a reload: a write to one of them
 * invalidates the key in all. */
struct memory_group {
    struct list members;
};

/* A key that the backend was asked for and has not answered yet. */
struct in_flight {
    struct span identity; /* borrowed */
    uint64_t hash;
    struct in_flight *next_in_slot;
    uint64_t generation; /* of the memory, when it began */
    bool is_outdated;    /* its key was written or dropped meanwhile */
};

/* Shared with the table that takes over at a reload. */
struct table_memory {
    unsigned refs;
    /* the newest table that uses it; borrowed; NULL after that was freed */
    struct table *table;
    struct memory_group *group; /* NULL: none */
    struct list_node in_group;
    struct cache *cache;        /* NULL: none */
    unsigned active;            /* tables that are not retired and use it */
    struct in_flight **flights; /* slots; NULL: the table neither caches nor shares */
    uint64_t generation;        /* counts how often everything was invalidated */
    struct table_counters counters;
};

/* The rules of table must be set. */
struct table_memory *memory_new(struct table *table, const struct cache_config *config,
                                bool shares);
/* Adds a reference for table, which takes over from another one after a reload. */
struct table_memory *memory_ref(struct table_memory *memory, struct table *table);
void memory_unref(struct table_memory *memory, struct table *table);
/* Notes that one of the tables that use memory is retired. The cache is freed with the last of
 * them. */
void memory_retire(struct table_memory *memory);

void memory_group_init(struct memory_group *group);
/* Does nothing when memory is in a group already. */
void memory_join(struct table_memory *memory, struct memory_group *group);

/* Registers a key in flight. memory_find_flight() finds it if the table caches or shares. */
void memory_add_flight(struct table_memory *memory, struct in_flight *flight);
void memory_remove_flight(struct table_memory *memory, struct in_flight *flight);
/* Returns the newest key in flight with this identity, or the newest one that is older than
 * after. NULL: there is none. */
struct in_flight *memory_find_flight(struct table_memory *memory, const struct identity *identity,
                                     const struct in_flight *after);
/* Returns false when the key of flight was written or dropped since it began. */
bool memory_is_current(const struct table_memory *memory, const struct in_flight *flight);

/* Drops key, or all keys, from the cache, and marks those in flight as outdated. */
void memory_invalidate(struct table_memory *memory, const struct table_key *key);
/* Does the same for a form of a key, which is used as it is: a lookup asked for it. */
void memory_invalidate_form(struct table_memory *memory, const struct table_key *form);
void memory_invalidate_all(struct table_memory *memory);
/* Invalidates the keys of the first changes of transaction, in all memories of the table's name. */
void memory_invalidate_changes(struct table *table, const struct transaction *transaction,
                               size_t changes);

#endif
