#include "url_key_limit.h"

#include "podop/mem.h"

#include <stdlib.h>

struct limited_key {
    struct limited_key *next; /* of its slot */
    uint64_t hash;
    uint32_t under_way;
    struct list waiting; /* permits, the oldest first */
};

/* Slow keys */

bool url_key_limit_is_slow(const struct url_key_limit *limit, uint64_t hash)
{
    for (unsigned i = 0; i < limit->slow_count; i++) {
        if (limit->slow[i] == hash)
            return true;
    }
    return false;
}

void url_key_limit_add_slow(struct url_key_limit *limit, uint64_t hash)
{
    if (url_key_limit_is_slow(limit, hash))
        return;
    if (limit->slow_count < URL_SLOW_KEYS_MAX) {
        limit->slow[limit->slow_count++] = hash;
    } else {
        limit->slow[limit->slow_next] = hash;
        limit->slow_next = (limit->slow_next + 1) % URL_SLOW_KEYS_MAX;
    }
}

void url_key_limit_remove_slow(struct url_key_limit *limit, uint64_t hash)
{
    for (unsigned i = 0; i < limit->slow_count; i++) {
        if (limit->slow[i] == hash)
            limit->slow[i--] = limit->slow[--limit->slow_count];
    }
}

/* Counted keys */

static struct limited_key **slot_of(struct url_key_limit *limit, uint64_t hash)
{
    return &limit->slots[hash / 2 % URL_KEY_LIMIT_SLOTS]; /* the lowest bit is always set */
}

static struct limited_key *find_key(struct url_key_limit *limit, uint64_t hash)
{
    struct limited_key **slot = slot_of(limit, hash);
    struct limited_key *key = *slot;

    while (key != NULL && key->hash != hash)
        key = key->next;
    if (key != NULL)
        return key;
    key = xcalloc(1, sizeof(*key));
    key->hash = hash;
    list_init(&key->waiting);
    key->next = *slot;
    *slot = key;
    return key;
}

static void free_if_unused(struct url_key_limit *limit, struct limited_key *key)
{
    struct limited_key **link = slot_of(limit, key->hash);

    if (key->under_way > 0 || !list_is_empty(&key->waiting))
        return;
    while (*link != key)
        link = &(*link)->next;
    *link = key->next;
    free(key);
}

/* Permits */

static uint32_t max_of_key(const struct url_key_limit *limit, uint64_t hash,
                           uint32_t max_connections)
{
    if (max_connections < URL_KEY_LIMIT_POOL_MIN && !url_key_limit_is_slow(limit, hash))
        return UINT32_MAX;
    return max_connections < URL_KEY_LIMIT_KEY_PART ? 1 : max_connections / URL_KEY_LIMIT_KEY_PART;
}

static void grant(struct url_key_limit *limit, struct url_key_permit *permit)
{
    permit->is_held = true;
    limit->under_way++;
    if (permit->key != NULL)
        permit->key->under_way++;
}

bool url_key_limit_acquire(struct url_key_limit *limit, struct url_key_permit *permit,
                           uint32_t max_connections)
{
    if (max_connections >= URL_KEY_LIMIT_POOL_MIN &&
        limit->under_way >= max_connections / URL_KEY_LIMIT_FREE_PART)
        return false;
    grant(limit, permit);
    return true;
}

bool url_key_limit_acquire_key(struct url_key_limit *limit, struct url_key_permit *permit,
                               uint64_t hash, uint32_t max_connections)
{
    permit->key = find_key(limit, hash);
    if (permit->key->under_way >= max_of_key(limit, hash, max_connections))
        return false;
    grant(limit, permit);
    return true;
}

static void stop_waiting(struct url_key_permit *permit)
{
    list_remove(&permit->waiting);
    deadline_stop(&permit->deadline);
}

static void on_deadline(void *arg)
{
    struct url_key_permit *permit = arg;

    permit->done(permit->arg, !permit->is_held);
}

void url_key_limit_wait(struct url_key_limit *limit, struct url_key_permit *permit, uint64_t at_ms,
                        url_key_limit_fn *done, void *arg)
{
    permit->done = done;
    permit->arg = arg;
    list_append(&permit->key->waiting, &permit->waiting);
    deadline_init(&permit->deadline, on_deadline, permit);
    deadline_start(&permit->deadline, limit->loop, at_ms);
}

/* Gives a permit to the request that has waited longest. Its done() is called from the loop,
 * because the caller may be in the middle of something. */
static void pass_on(struct url_key_limit *limit, struct limited_key *key)
{
    struct url_key_permit *permit =
        LIST_ENTRY_OR_NULL(list_pop(&key->waiting), struct url_key_permit, waiting);

    if (permit == NULL)
        return;
    grant(limit, permit);
    deadline_end(&permit->deadline, limit->loop);
}

void url_key_limit_release(struct url_key_limit *limit, struct url_key_permit *permit)
{
    struct limited_key *key = permit->key;

    stop_waiting(permit);
    if (permit->is_held) {
        limit->under_way--;
        if (key != NULL) {
            key->under_way--;
            pass_on(limit, key);
        }
    }
    permit->is_held = false;
    permit->key = NULL;
    if (key != NULL)
        free_if_unused(limit, key);
}
