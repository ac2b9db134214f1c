/* cache.h - answers remembered for a while. Plain memory: no loop, no clock, no I/O. */
#ifndef PODOP_TABLE_CACHE_H
#define PODOP_TABLE_CACHE_H

#include "podop/disposal.h"
#include "podop/reply.h"

#include <stdint.h>

struct cache; /* opaque: laid out in cache.c only */

struct cache_limits {
    uint32_t ttl_ms, negative_ttl_ms; /* of a value, of a miss; spread by up to 10 % each way; 0:
                                       * such are not kept */
    uint32_t stale_ms;                /* how much longer a value is kept for outages */
    uint32_t max_entries;
    size_t max_bytes; /* keys, values and what an entry costs besides (at most 128 bytes) */
};

/* Never NULL; limits are copied. The least recently used entry leaves first. For start and reload:
 * it waits for the kernel's random numbers, which the hash of the keys needs. */
struct cache *cache_new(const struct cache_limits *limits);
/* Entries that go all at once are given back by disposal, which is borrowed; NULL: at once. */
void cache_set_disposal(struct cache *cache, struct disposal *disposal);
void cache_free(struct cache **cache); /* *cache becomes NULL; a NULL *cache is fine */

enum cache_state { CACHE_ABSENT, CACHE_FRESH, CACHE_STALE };

/* What is remembered of key at now_ms: *reply (FOUND or MISS) is filled unless ABSENT, and borrowed
 * until the next call on this cache. STALE: past its time, good only when every backend fails. What
 * Postfix is told as a miss (MISS, or an empty map_value) is never STALE, for it rejects mail. */
enum cache_state cache_get(struct cache *cache, struct span key, uint64_t now_ms,
                           struct reply *reply);
/* The same for a human: nothing moves or leaves, and *left_ms is how long it stays FRESH or STALE.
 */
enum cache_state cache_look(struct cache *cache, struct span key, uint64_t now_ms,
                            struct reply *reply, uint64_t *left_ms);
/* Copies key and reply. Only FOUND and MISS are kept, fresh for no longer than reply's ttl_max_ms
 * says, and failures never; what is larger than the whole cache is not kept either, and what was
 * there for key is gone in any case but a failure. key and reply may point into what cache_get()
 * lent. One call costs no more in a large cache than in a small one, but for the entries that a
 * large value pushes out. */
void cache_put(struct cache *cache, struct span key, const struct reply *reply, uint64_t now_ms);
void cache_drop(struct cache *cache, struct span key);
void cache_clear(struct cache *cache); /* with a disposal no work, however many there are */

size_t cache_entries(const struct cache *cache);
size_t cache_bytes(const struct cache *cache);

#endif
