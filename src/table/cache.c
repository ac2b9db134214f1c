#include "cache.h"

#include "podop/hash.h"
#include "podop/mem.h"

#include <stdlib.h>

/* A node of the ring of all entries. The ring also contains a node in struct cache: its "older"
 * is the newest entry, and its "newer" is the oldest one. */
struct lru {
    struct lru *newer, *older;
};

struct entry {
    struct lru lru;
    struct entry *next; /* of its bucket */
    uint64_t fresh_until_ms;
    uint32_t hash;
    bool is_found;                     /* or a miss */
    bool map_is_text;                  /* both values are the same bytes, stored once */
    size_t key_len, text_len, map_len; /* MISS: map_len is 0 */
    char bytes[]; /* key, text (FOUND: dict_value, MISS: reason), map_value unless it is text */
};

/* The hash table grows by linear hashing: each new entry splits one bucket, so no call has to move
 * all entries. There are at most 5 buckets for 4 entries, and 3 slots for a bucket. */
enum {
    BUCKETS_MIN = 16, /* a power of two */
    SLOTS_PER_ENTRY = 4,
    MALLOC_BYTES = 24, /* glibc: 8 before each block, which ends at the next multiple of 16 */
    ENTRY_BYTES = sizeof(struct entry) + SLOTS_PER_ENTRY * sizeof(struct entry *) + MALLOC_BYTES,
};
_Static_assert(ENTRY_BYTES <= 128, "cache.h promises at most 128 bytes of overhead");

/* Entries of a cache that was cleared or freed, which are freed in small steps. */
struct remains {
    struct disposable base;
    struct lru lru; /* a ring, as in struct cache */
    struct entry **slots;
    size_t slots_bytes;
};

enum { ENTRIES_PER_STEP = 512 };

struct cache {
    struct cache_limits limits;
    bool keeps_misses;         /* expired ones */
    struct disposal *disposal; /* NULL: none */
    uint64_t random;           /* state of cache_random() */
    struct lru lru;
    struct entry **slots;
    size_t slots_count; /* allocated */
    size_t buckets;     /* in use: (mask + 1) / 2 < buckets <= mask + 1 */
    size_t mask;
    size_t entries, bytes;
};

static void cache_reset(struct cache *c)
{
    c->lru = (struct lru){&c->lru, &c->lru};
    c->slots = xcalloc(BUCKETS_MIN, sizeof(c->slots[0]));
    c->slots_count = c->buckets = BUCKETS_MIN;
    c->mask = BUCKETS_MIN - 1;
    c->entries = c->bytes = 0;
}

struct cache *cache_new(const struct cache_limits *limits)
{
    struct cache *c = xcalloc(1, sizeof(*c));
    struct hash_key seed;

    c->limits = *limits;
    hash_key_init_random(&seed);
    c->random = seed.low;
    cache_reset(c);
    return c;
}

void cache_keep_misses(struct cache *c)
{
    c->keeps_misses = true;
}

void cache_set_disposal(struct cache *c, struct disposal *disposal)
{
    c->disposal = disposal;
}

static bool free_some(struct disposable *base)
{
    struct remains *r = CONTAINER_OF(base, struct remains, base);

    for (int i = 0; i < ENTRIES_PER_STEP && r->lru.older != &r->lru; i++) {
        struct lru *at = r->lru.older;

        r->lru.older = at->older;
        free(CONTAINER_OF(at, struct entry, lru));
    }
    if (r->lru.older != &r->lru || disposal_shrink(r->slots, &r->slots_bytes))
        return true;
    free(r->slots);
    free(r);
    return false;
}

/* Leaves c without entries and slots. */
static void cache_empty(struct cache *c)
{
    struct remains *r = xmalloc(sizeof(*r));

    *r = (struct remains){
        .base.give_back_some = free_some,
        .lru = {&r->lru, &r->lru},
        .slots = c->slots,
        .slots_bytes = c->slots_count * sizeof(*c->slots),
    };
    if (c->lru.older != &c->lru) {
        r->lru = c->lru;
        r->lru.older->newer = r->lru.newer->older = &r->lru;
    }
    disposal_add(c->disposal, &r->base);
}

void cache_free(struct cache **pcache)
{
    struct cache *c = *pcache;

    if (c == NULL)
        return;
    *pcache = NULL;
    cache_empty(c);
    free(c);
}

void cache_clear(struct cache *c)
{
    cache_empty(c);
    cache_reset(c);
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static uint64_t cache_random(struct cache *c)
{
    uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Varies the time by a tenth, so that entries which were added together do not expire together. */
static uint64_t cache_spread(struct cache *c, uint32_t ttl_ms)
{
    const uint64_t spread = ttl_ms / 10;

    return ttl_ms - spread + cache_random(c) % (2 * spread + 1);
}

static inline struct entry **table_bucket(const struct cache *c, uint32_t hash)
{
    size_t i = hash & c->mask;

    return &c->slots[i < c->buckets ? i : i & c->mask >> 1];
}

/* Returns where the pointer to key's entry is, or the NULL at the end of its bucket. */
static inline struct entry **table_find(const struct cache *c, struct span key, uint32_t hash)
{
    struct entry **at = table_bucket(c, (uint32_t)hash);

    for (; *at != NULL; at = &(*at)->next) {
        const struct entry *e = *at;

        __builtin_prefetch(
            e->bytes); /* loaded together with the hash, which is in the cache line before */
        if (e->hash == hash && span_equal((struct span){e->bytes, e->key_len}, key))
            break;
    }
    return at;
}

/* Adds a bucket. Its entries were in the bucket that the shorter mask gives. */
static void table_split(struct cache *c)
{
    const size_t b = c->buckets;
    struct entry **from, **to;

    if (b == c->slots_count) {
        c->slots = xreallocarray(c->slots, b, 2 * sizeof(c->slots[0]));
        c->slots_count = 2 * b;
    }
    if (b > c->mask)
        c->mask = 2 * c->mask + 1;
    from = &c->slots[b & c->mask >> 1];
    to = &c->slots[b];
    while (*from != NULL) {
        if (((*from)->hash & c->mask) == b) {
            *to = *from;
            to = &(*to)->next;
            *from = *to;
        } else {
            from = &(*from)->next;
        }
    }
    *to = NULL;
    c->buckets++;
}

/* Removes the last bucket. Its entries go back to the bucket that the shorter mask gives. */
static void table_merge(struct cache *c)
{
    const size_t b = c->buckets - 1;
    struct entry **to = &c->slots[b & c->mask >> 1];

    while (*to != NULL)
        to = &(*to)->next;
    *to = c->slots[b];
    c->buckets = b;
    if (b == (c->mask + 1) / 2)
        c->mask >>= 1;
    if (b <= c->slots_count / 3) {
        c->slots_count /= 2;
        c->slots = xreallocarray(c->slots, c->slots_count, sizeof(c->slots[0]));
    }
}

static inline void lru_unlink(struct lru *lru)
{
    lru->newer->older = lru->older;
    lru->older->newer = lru->newer;
}

static inline void lru_link_newest(struct cache *c, struct lru *lru)
{
    lru->newer = &c->lru;
    lru->older = c->lru.older;
    lru->older->newer = lru;
    c->lru.older = lru;
}

static size_t entry_bytes(const struct entry *e)
{
    return ENTRY_BYTES + e->key_len + e->text_len + (e->map_is_text ? 0 : e->map_len);
}

static void cache_remove(struct cache *c, struct entry **at)
{
    struct entry *e = *at;

    *at = e->next;
    lru_unlink(&e->lru);
    c->entries--;
    c->bytes -= entry_bytes(e);
    free(e);
    while (c->buckets > BUCKETS_MIN && c->buckets - c->buckets / 5 > c->entries)
        table_merge(c); /* at most two merges */
}

static void cache_remove_oldest(struct cache *c)
{
    struct entry *oldest = CONTAINER_OF(c->lru.newer, struct entry, lru);
    struct entry **at = table_bucket(c, oldest->hash);

    while (*at != oldest)
        at = &(*at)->next;
    cache_remove(c, at);
}

/* Assigns the members of *reply one by one. Building a struct and copying it would be slower:
 * 16-byte loads have to wait for the 8-byte stores just before them. */
static inline void read_entry(const struct entry *e, struct reply *reply)
{
    const char *text = e->bytes + e->key_len;

    *reply = (struct reply){.status = e->is_found ? REPLY_FOUND : REPLY_MISS};
    if (e->is_found) {
        reply->dict_value.ptr = text;
        reply->dict_value.len = e->text_len;
        reply->map_value.ptr = e->map_is_text ? text : text + e->text_len;
        reply->map_value.len = e->map_len;
    } else {
        reply->reason.ptr = text;
        reply->reason.len = e->text_len;
    }
}

/* An expired entry that Postfix would get as a miss (map_len is 0) is not STALE without
 * keeps_misses: during an outage it would make Postfix reject mail, while a failure only delays
 * mail. */
static enum cache_state state_of(const struct cache *c, const struct entry *e, uint64_t now_ms)
{
    if (now_ms < e->fresh_until_ms)
        return CACHE_FRESH;
    if ((e->map_len == 0 && !c->keeps_misses) || now_ms - e->fresh_until_ms >= c->limits.stale_ms)
        return CACHE_ABSENT;
    return CACHE_STALE;
}

enum cache_state cache_get(struct cache *c, struct span key, uint64_t hash, uint64_t now_ms,
                           struct reply *reply)
{
    struct entry **at = table_find(c, key, (uint32_t)hash);
    struct entry *e = *at;
    enum cache_state state = e == NULL ? CACHE_ABSENT : state_of(c, e, now_ms);

    if (e == NULL)
        return CACHE_ABSENT;
    if (state == CACHE_ABSENT) {
        cache_remove(c, at);
        return CACHE_ABSENT;
    }
    read_entry(e, reply);
    lru_unlink(&e->lru);
    lru_link_newest(c, &e->lru);
    return state;
}

enum cache_state cache_look(struct cache *c, struct span key, uint64_t hash, uint64_t now_ms,
                            struct reply *reply, uint64_t *left_ms)
{
    const struct entry *e = *table_find(c, key, (uint32_t)hash);
    enum cache_state state = e == NULL ? CACHE_ABSENT : state_of(c, e, now_ms);

    if (state == CACHE_ABSENT)
        return state;
    *left_ms = e->fresh_until_ms + (state == CACHE_STALE ? c->limits.stale_ms : 0) - now_ms;
    read_entry(e, reply);
    return state;
}

/* Returns the bytes that an entry of these parts costs, or 0 when they are more than max. */
static size_t bytes_within(size_t max, const struct span *parts, size_t count)
{
    size_t sum = ENTRY_BYTES;

    if (sum > max)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > max - sum)
            return 0;
        sum += parts[i].len;
    }
    return sum;
}

static uint64_t bound(uint64_t ttl_ms, const struct reply *reply)
{
    return reply->has_ttl_max && reply->ttl_max_ms < ttl_ms ? reply->ttl_max_ms : ttl_ms;
}

/* Returns an entry with copies of key and reply, not linked yet. NULL: the limits do not allow it.
 */
static struct entry *entry_new(struct cache *c, struct span key, uint32_t hash,
                               const struct reply *reply, uint64_t now_ms)
{
    const bool is_found = reply->status == REPLY_FOUND;
    const uint32_t kind_ms = is_found ? c->limits.ttl_ms : c->limits.negative_ttl_ms;
    const uint64_t ttl_ms = bound(cache_spread(c, kind_ms), reply);
    const struct span text = is_found ? reply->dict_value : reply->reason;
    const struct span map = is_found ? reply->map_value : (struct span){NULL, 0};
    const bool map_is_text = is_found && span_equal(map, text);
    const struct span parts[] = {key, text, map};
    const size_t count = map_is_text ? 2 : 3;
    const size_t bytes = bytes_within(c->limits.max_bytes, parts, count);
    struct entry *e;
    char *to;

    if (ttl_ms == 0 || c->limits.max_entries == 0 || bytes == 0)
        return NULL;
    e = xmalloc(sizeof(*e) + (bytes - ENTRY_BYTES));
    *e = (struct entry){
        .fresh_until_ms = now_ms + ttl_ms,
        .hash = hash,
        .is_found = is_found,
        .map_is_text = map_is_text,
        .key_len = key.len,
        .text_len = text.len,
        .map_len = map.len,
    };
    to = e->bytes;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    return e;
}

void cache_put(struct cache *c, struct span key, uint64_t hash, const struct reply *reply,
               uint64_t now_ms)
{
    struct entry *e, **at;

    if (reply->status != REPLY_FOUND && reply->status != REPLY_MISS)
        return;
    e = entry_new(c, key, (uint32_t)hash, reply,
                  now_ms); /* first: reply may point into the entry that is removed */
    at = table_find(c, key, (uint32_t)hash);
    if (*at != NULL)
        cache_remove(c, at);
    if (e == NULL)
        return;
    while (c->entries >= c->limits.max_entries || entry_bytes(e) > c->limits.max_bytes - c->bytes)
        cache_remove_oldest(c);
    at = table_bucket(c, (uint32_t)hash);
    e->next = *at;
    *at = e;
    lru_link_newest(c, &e->lru);
    c->bytes += entry_bytes(e);
    if (++c->entries > c->buckets)
        table_split(c);
}

void cache_drop(struct cache *c, struct span key, uint64_t hash)
{
    struct entry **at = table_find(c, key, (uint32_t)hash);

    if (*at != NULL)
        cache_remove(c, at);
}

size_t cache_entries(const struct cache *c)
{
    return c->entries;
}

size_t cache_bytes(const struct cache *c)
{
    return c->bytes;
}
