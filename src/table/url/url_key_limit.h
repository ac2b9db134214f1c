/* url_key_limit.h - limits how many requests for one key are under way at the same time. Without
 * the limit, a key on which the backend hangs would take every connection of the pool, each for the
 * whole timeout. Requests beyond the limit wait for a permit; other keys are not affected. A small
 * pool has no connections to spare: there, only keys that were not answered before are limited. */
#ifndef PODOP_TABLE_URL_URL_KEY_LIMIT_H
#define PODOP_TABLE_URL_URL_KEY_LIMIT_H

#include "podop/deadline.h"
#include "podop/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    URL_KEY_LIMIT_POOL_MIN = 16, /* a pool of fewer connections is a small one */
    URL_KEY_LIMIT_FREE_PART = 4, /* a quarter of the pool is given away without counting keys */
    URL_KEY_LIMIT_KEY_PART = 8,  /* then each key may have an eighth of the pool */
    URL_KEY_LIMIT_SLOTS = 64,    /* of the hash table of counted keys */
    URL_SLOW_KEYS_MAX = 16,      /* how many are remembered */
};

struct limited_key; /* a key whose requests are counted */

/* Zeroed but for loop: no request is under way. */
struct url_key_limit {
    struct ev_loop *loop;
    size_t under_way;
    struct limited_key *slots[URL_KEY_LIMIT_SLOTS];
    uint64_t slow[URL_SLOW_KEYS_MAX]; /* keys that were not answered */
    unsigned slow_count, slow_next;
};

typedef void url_key_limit_fn(void *arg, bool has_expired);

/* The permission to send one request. Zeroed: it was not asked for. */
struct url_key_permit {
    bool is_held;
    struct limited_key *key; /* NULL: the request is not counted by its key */
    struct list_node waiting;
    struct deadline deadline; /* of the wait; it ends at once when the permit is granted */
    url_key_limit_fn *done;
    void *arg;
};

/* Takes a permit that is not counted by the key, which costs least. Must not be used for a slow
 * key. Returns false when too many requests are under way for that. */
bool url_key_limit_acquire(struct url_key_limit *limit, struct url_key_permit *permit,
                           uint32_t max_connections);
/* Takes a permit of the key with this hash. Returns false when the key has reached its limit; then
 * url_key_limit_wait() must follow. */
bool url_key_limit_acquire_key(struct url_key_limit *limit, struct url_key_permit *permit,
                               uint64_t hash, uint32_t max_connections);
/* Calls done once, from the loop: with the permit, or without it at at_ms of service_now_ms(). */
void url_key_limit_wait(struct url_key_limit *limit, struct url_key_permit *permit, uint64_t at_ms,
                        url_key_limit_fn *done, void *arg);
/* Gives a permit back, or ends the wait for it. May be called any number of times. */
void url_key_limit_release(struct url_key_limit *limit, struct url_key_permit *permit);

/* Handle slow keys: keys for which a request was sent and not answered. */
void url_key_limit_add_slow(struct url_key_limit *limit, uint64_t hash);
void url_key_limit_remove_slow(struct url_key_limit *limit, uint64_t hash);
bool url_key_limit_is_slow(const struct url_key_limit *limit, uint64_t hash);

#endif
