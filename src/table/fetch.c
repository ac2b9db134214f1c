#include "fetch.h"

#include "notes.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

static struct span append(char **to, struct span bytes)
{
    struct span copy = {*to, bytes.len};

    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
        *to += bytes.len;
    }
    return copy;
}

/* Returns a copy of key. Its bytes are those of identity if that contains them, else they are
 * copied to memory. */
static struct table_key copy_key(const struct table_key *key, const struct identity *id,
                                 struct span identity, char *memory)
{
    struct table_key copy = {.is_private = key->is_private};

    if (id->is_plain) {
        copy.key = (struct span){identity.ptr, key->key.len};
        copy.user = key->is_private ? span_skip(identity, key->key.len + 1) : copy.user;
    } else {
        copy.key = append(&memory, key->key);
        copy.user = key->is_private ? append(&memory, key->user) : copy.user;
    }
    return copy;
}

/* The identity and the key follow the type's struct in the same block of memory. */
struct fetch *fetch_new(struct table *t, const struct table_key *key, const struct identity *id,
                        uint64_t deadline_at_ms, struct buf *notes)
{
    const size_t bytes = t->ops->fetch_bytes;
    const size_t key_bytes = id->is_plain ? 0 : key->key.len + key->user.len;
    char *memory = xmalloc(bytes + id->bytes.len + key_bytes);
    struct fetch *fetch = (struct fetch *)(void *)memory;

    memset(memory, 0, bytes);
    memory += bytes;
    fetch->table = table_ref(t);
    fetch->flight.identity = append(&memory, id->bytes);
    fetch->flight.hash = id->hash;
    fetch->deadline_at_ms = deadline_at_ms;
    fetch->notes = notes;
    list_init(&fetch->waiters);
    fetch->key = copy_key(key, id, fetch->flight.identity, memory);
    memory_add_flight(t->memory, &fetch->flight);
    return fetch;
}

static void fetch_free(struct fetch *fetch)
{
    table_unref(&fetch->table);
    free(fetch);
}

void fetch_start(struct fetch *fetch)
{
    fetch->table->memory->counters.fetches++;
    fetch->table->ops->start(fetch);
}

/* Returns whether another lookup may wait for fetch. A fetch from before a reload may ask other
 * backends. A fetch whose key was written since it began may bring the old value. A fetch with less
 * than half of the time that the lookup has left may fail too soon. One with a later deadline may
 * answer too late. */
static bool is_joinable(const struct table *t, const struct fetch *fetch, uint64_t deadline_at_ms)
{
    const uint64_t now_ms = table_now_ms(t);
    const uint64_t left_ms = deadline_at_ms > now_ms ? deadline_at_ms - now_ms : 0;

    return fetch->table == t && memory_is_current(t->memory, &fetch->flight) &&
           fetch->deadline_at_ms <= deadline_at_ms && fetch->deadline_at_ms >= now_ms + left_ms / 2;
}

struct fetch *fetch_find_shared(struct table *t, const struct identity *id, uint64_t deadline_at_ms)
{
    struct in_flight *at = t->shares ? memory_find_flight(t->memory, id, NULL) : NULL;

    while (at != NULL && !is_joinable(t, CONTAINER_OF(at, struct fetch, flight), deadline_at_ms))
        at = memory_find_flight(t->memory, id, at);
    return at == NULL ? NULL : CONTAINER_OF(at, struct fetch, flight);
}

void fetch_join(struct fetch *fetch, struct fetch_waiter *waiter, enum reply_source source)
{
    waiter->fetch = fetch;
    waiter->source = source;
    list_append(&fetch->waiters, &waiter->node);
}

void fetch_leave(struct fetch_waiter *waiter)
{
    struct fetch *fetch = waiter->fetch;

    waiter->fetch = NULL;
    list_remove(&waiter->node);
    if (fetch->is_finished || !list_is_empty(&fetch->waiters))
        return;
    memory_remove_flight(fetch->table->memory, &fetch->flight);
    fetch->table->ops->cancel(fetch);
    fetch_free(fetch);
}

static bool is_outage(enum reply_status status)
{
    return status == REPLY_TEMPORARY || status == REPLY_TIMEOUT;
}

static bool have_all_another(const struct fetch *fetch)
{
    LIST_FOR_EACH (at, &fetch->waiters) {
        struct fetch_waiter *waiter = CONTAINER_OF(at, struct fetch_waiter, node);

        if (waiter->has_other == NULL || !waiter->has_other(waiter))
            return false;
    }
    return true;
}

bool fetch_has_stale(const struct fetch *fetch)
{
    const struct in_flight *flight = &fetch->flight;
    const struct table *t = fetch->table;
    struct reply stale;

    if (t->memory->cache == NULL || cache_get(t->memory->cache, flight->identity, flight->hash,
                                              loop_now_ms(t->env.loop), &stale) != CACHE_STALE)
        return false;
    return !reply_is_miss(&stale) || have_all_another(fetch);
}

/* Replaces a failure by a stale answer, which is borrowed from the cache until the next call on
 * it. Sets *was_miss instead if that is a miss. */
static bool find_stale(const struct fetch *fetch, struct reply *reply, uint64_t now_ms,
                       bool *was_miss)
{
    const struct in_flight *flight = &fetch->flight;
    struct cache *cache = fetch->table->memory->cache;
    struct reply stale;

    if (!is_outage(reply->status) ||
        cache_get(cache, flight->identity, flight->hash, now_ms, &stale) != CACHE_STALE)
        return false;
    *was_miss = reply_is_miss(&stale);
    if (*was_miss)
        return false;
    stale.source = REPLY_STALE;
    stale.http_status = reply->http_status;
    *reply = stale;
    fetch_note(fetch, "answer", SPAN("a stale one from the cache, instead of the failure"));
    return true;
}

/* Puts an answer into the cache, or replaces a failure by a stale answer. Returns true for a
 * stale answer: its bytes are copied to *bytes, since waiters may use the cache while they are
 * called. */
static bool apply_cache(const struct fetch *fetch, struct reply *reply, char **bytes,
                        bool *was_miss)
{
    const struct in_flight *flight = &fetch->flight;
    struct table_memory *memory = fetch->table->memory;
    const uint64_t now_ms = loop_now_ms(fetch->table->env.loop);

    if (memory_is_current(memory, flight))
        cache_put(memory->cache, flight->identity, flight->hash, reply, now_ms);
    if (!find_stale(fetch, reply, now_ms, was_miss))
        return false;
    *reply = reply_copy(reply, bytes);
    return true;
}

static void answer(struct fetch *fetch, struct reply *reply, bool is_stale, bool was_miss)
{
    struct table_counters *counters = &fetch->table->memory->counters;
    struct list_node *node;

    fetch->is_finished = true;
    while ((node = list_pop(&fetch->waiters)) != NULL) {
        struct fetch_waiter *waiter = CONTAINER_OF(node, struct fetch_waiter, node);

        waiter->fetch = NULL;
        waiter->was_miss = was_miss;
        if (!is_stale)
            reply->source = waiter->source;
        counters->cache_stale += is_stale;
        waiter->answered(waiter, reply);
    }
}

void fetch_finish(struct fetch *fetch, const struct reply *reply)
{
    struct table_memory *memory = fetch->table->memory;
    struct reply own = *reply;
    char *stale_bytes = NULL;
    bool was_miss = false;
    const bool is_stale =
        memory->cache != NULL && apply_cache(fetch, &own, &stale_bytes, &was_miss);

    memory_remove_flight(memory, &fetch->flight);
    answer(fetch, &own, is_stale, was_miss);
    free(stale_bytes);
    fetch_free(fetch);
}

void fetch_note(const struct fetch *fetch, const char *name, struct span text)
{
    notes_add(fetch->notes, name, text);
}

void fetch_note_cut(const struct fetch *fetch, const char *name, struct span text, size_t max)
{
    notes_add_cut(fetch->notes, name, text, max);
}

void fetch_format(const struct fetch *fetch, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    notes_vformat(fetch->notes, name, format, args);
    va_end(args);
}
