/* cache.h - a cache of replies with a limit of time and of size. Plain memory: no loop, no clock,
 * no I/O. */
#ifndef PODOP_TABLE_CACHE_H
#define PODOP_TABLE_CACHE_H

#include "podop/disposal.h"
#include "podop/reply.h"

#include <stdint.h>

struct cache;

struct cache_limits {
    uint32_t ttl_ms, negative_ttl_ms; /* of a value, of a miss; varied by up to 10 %; 0: not kept */
    uint32_t stale_ms;                /* how much longer a value is kept for outages */
    uint32_t max_entries;
    size_t max_bytes; /* keys, values and what an entry costs besides (at most 128 bytes) */
};

/* Never NULL; limits are copied. The least recently used entry is removed first. For start and
 * reload: it waits for the kernel's random numbers. */
struct cache *cache_new(const struct cache_limits *limits);
/* Entries that are removed all at once are freed by disposal, which is borrowed; NULL: at once. */
void cache_set_disposal(struct cache *cache, struct disposal *disposal);
void cache_free(struct cache **cache); /* *cache becomes NULL; a NULL *cache is fine */

enum cache_state { CACHE_ABSENT, CACHE_FRESH, CACHE_STALE };

/* Everywhere below, hash is a hash of key that strangers cannot predict (hash.h), the same each
 * time. */

/* Looks for what is remembered of key at now_ms. Fills *reply (FOUND or MISS), which is borrowed
 * until the next call on this cache, unless the state is ABSENT. STALE: past its time, good only
 * when every backend fails. What Postfix gets as a miss (MISS, or an empty map_value) is never
 * STALE, since Postfix rejects mail for it. */
enum cache_state cache_get(struct cache *cache, struct span key, uint64_t hash, uint64_t now_ms,
                           struct reply *reply);
/* The same for a human: it changes nothing, and fills *left_ms with how long the entry stays FRESH
 * or STALE. */
enum cache_state cache_look(struct cache *cache, struct span key, uint64_t hash, uint64_t now_ms,
                            struct reply *reply, uint64_t *left_ms);
/* Copies key and reply. Keeps only FOUND and MISS, fresh for reply's ttl_max_ms at most, and
 * nothing that is larger than the whole cache. Removes what was there for key, unless reply is a
 * failure. key and reply may point into what cache_get() lent. The cost of a call does not depend
 * on the size of the cache, but on the number of entries that a large value pushes out. */
void cache_put(struct cache *cache, struct span key, uint64_t hash, const struct reply *reply,
               uint64_t now_ms);
void cache_drop(struct cache *cache, struct span key, uint64_t hash);
void cache_clear(struct cache *cache); /* takes constant time when there is a disposal */

size_t cache_entries(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);

#endif
