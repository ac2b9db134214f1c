/* cache.h - a cache of replies, limited in time and size. Plain memory: no loop, no clock, no
 * I/O. */
#ifndef PODOP_TABLE_CACHE_H
#define PODOP_TABLE_CACHE_H

#include "podop/disposal.h"
#include "podop/reply.h"

#include <stdint.h>

struct cache;

struct cache_limits {
    /* of a value, of a miss; varied by up to 10 %; 0: not cached */
    uint32_t ttl_ms, negative_ttl_ms;
    uint32_t stale_ms; /* how long an expired value may still replace a failure */
    uint32_t max_entries;
    size_t max_bytes; /* of keys, values and overhead (at most 128 bytes an entry) */
};

/* Returns an empty cache, never NULL; limits are copied. A full cache removes the least recently
 * used entries. Only for start and reload, since it may wait for the kernel's random numbers. */
struct cache *cache_new(const struct cache_limits *limits);
/* Lets disposal, which is borrowed, free the entries of cache_clear() and cache_free(). NULL:
 * they are freed at once. */
void cache_set_disposal(struct cache *cache, struct disposal *disposal);
/* Keeps expired misses like expired values, for searches that go on after a miss. */
void cache_keep_misses(struct cache *cache);
void cache_free(struct cache **cache); /* *cache becomes NULL; a NULL *cache is fine */

enum cache_state { CACHE_ABSENT, CACHE_FRESH, CACHE_STALE };

/* In all functions below, hash is the keyed hash of key (hash.h), which clients cannot predict. */

/* Looks key up at now_ms. Unless the state is ABSENT, fills *reply (FOUND or MISS), which is
 * borrowed until the next call on this cache. STALE: expired, to be used only when every backend
 * fails. What Postfix gets as a miss (MISS, or an empty map_value) is STALE after
 * cache_keep_misses() only. It must not be the answer, since Postfix rejects mail for it. */
enum cache_state cache_get(struct cache *cache, struct span key, uint64_t hash, uint64_t now_ms,
                           struct reply *reply);
/* Does the same without changing the cache, and fills *left_ms with the time for which the entry
 * stays FRESH or STALE. */
enum cache_state cache_look(struct cache *cache, struct span key, uint64_t hash, uint64_t now_ms,
                            struct reply *reply, uint64_t *left_ms);
/* Copies key and reply. Keeps only FOUND and MISS, fresh for reply's ttl_max_ms at most, and
 * nothing that is larger than the whole cache. Removes the previous entry of key, unless reply
 * is a failure. key and reply may point into a reply of cache_get(). The time that a call takes
 * does not depend on the size of the cache, but on the number of entries that a large value
 * displaces. */
void cache_put(struct cache *cache, struct span key, uint64_t hash, const struct reply *reply,
               uint64_t now_ms);
void cache_drop(struct cache *cache, struct span key, uint64_t hash);
void cache_clear(struct cache *cache); /* takes constant time when there is a disposal */

size_t cache_entries(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);

#endif
