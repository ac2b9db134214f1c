#include "memory.h"
#include "write_behind.h"

#include "cache.h"
#include "podop/mem.h"

#include <stdlib.h>

enum { FETCH_SLOTS = 1024 }; /* a chain each: lookups under way are some thousands at most */

static struct cache *cache_open(const struct cache_config *config)
{
    const struct cache_limits limits = {
        .ttl_ms = config->ttl_ms,
        .negative_ttl_ms = config->negative_ttl_ms,
        .stale_ms = config->stale_ms,
        .max_entries = config->max_entries,
        .max_bytes = config->max_bytes,
    };

    return config->ttl_ms == 0 && config->negative_ttl_ms == 0 ? NULL : cache_new(&limits);
}

struct table_memory *memory_new(struct table *table, const struct cache_config *config, bool shares)
{
    struct table_memory *m = xcalloc(1, sizeof(*m));

    m->refs = m->served = 1;
    m->table = table;
    m->cache = cache_open(config);
    if (m->cache != NULL)
        cache_set_disposal(m->cache, table->env.disposal);
    if (m->cache != NULL || shares) {
        m->fetches = xcalloc(FETCH_SLOTS, sizeof(struct fetch *));
        hash_key_init_random(&m->fetch_key);
    }
    return m;
}

struct table_memory *memory_ref(struct table_memory *m, struct table *table)
{
    m->refs++;
    m->served++;
    m->table = table;
    return m;
}

void memory_retire(struct table_memory *m)
{
    if (--m->served == 0)
        cache_free(&m->cache);
}

static void memory_leave(struct table_memory *m)
{
    if (m->prev_related == NULL)
        return;
    *m->prev_related = m->related;
    if (m->related != NULL)
        m->related->prev_related = m->prev_related;
    m->prev_related = NULL;
}

void memory_unref(struct table_memory *m, struct table *table)
{
    if (m->table == table)
        m->table = NULL;
    if (--m->refs > 0)
        return;
    memory_leave(m);
    cache_free(&m->cache);
    free(m->fetches);
    free(m);
}

void memory_join(struct table_memory *m, struct table_memory **list)
{
    if (m->prev_related != NULL)
        return;
    m->related = *list;
    m->prev_related = list;
    if (m->related != NULL)
        m->related->prev_related = &m->related;
    *list = m;
}

static struct fetch **slot_of(struct table_memory *m, struct span identity)
{
    return &m->fetches[hash_span(&m->fetch_key, identity) % FETCH_SLOTS];
}

void memory_add_fetch(struct table_memory *m, struct fetch *fetch)
{
    struct fetch **slot;

    fetch->clears = m->clears;
    if (m->fetches == NULL)
        return;
    slot = slot_of(m, fetch->identity);
    fetch->next_in_slot = *slot;
    *slot = fetch;
}

void memory_remove_fetch(struct table_memory *m, struct fetch *fetch)
{
    struct fetch **link;

    if (m->fetches == NULL)
        return;
    for (link = slot_of(m, fetch->identity); *link != fetch;)
        link = &(*link)->next_in_slot;
    *link = fetch->next_in_slot;
}

struct fetch *memory_find_fetch(struct table_memory *m, struct span identity,
                                const struct fetch *after)
{
    struct fetch *fetch = after != NULL        ? after->next_in_slot
                          : m->fetches != NULL ? *slot_of(m, identity)
                                               : NULL;

    while (fetch != NULL && !span_equal(fetch->identity, identity))
        fetch = fetch->next_in_slot;
    return fetch;
}

bool memory_is_current(const struct table_memory *m, const struct fetch *fetch)
{
    return !fetch->is_outdated && fetch->clears == m->clears;
}

static void forget_identity(struct table_memory *m, struct span identity)
{
    struct fetch *fetch = NULL;

    if (m->cache != NULL)
        cache_drop(m->cache, identity);
    while ((fetch = memory_find_fetch(m, identity, fetch)) != NULL)
        fetch->is_outdated = true;
}

void memory_invalidate(struct table_memory *m, const struct table_key *key)
{
    struct identity identity;

    if (m->fetches == NULL)
        return; /* there is nothing to forget */
    identity_of(&identity, m->table, key);
    forget_identity(m, identity.bytes);
    identity_free(&identity);
}

void memory_invalidate_all(struct table_memory *m)
{
    m->clears++;
    if (m->cache != NULL)
        cache_clear(m->cache);
}

/* Without a table there is no telling which keys are one. */
static void forget_changes(struct table_memory *m, const struct transaction *t, size_t changes)
{
    struct table *table = m->table;

    if (changes > 0 && (table == NULL || (table->ops->invalidates_all != NULL &&
                                          table->ops->invalidates_all(table)))) {
        memory_invalidate_all(m);
        return;
    }
    for (size_t i = 0; i < changes; i++)
        memory_invalidate(m, &t->changes[i].key);
}

void memory_invalidate_changes(struct table *table, const struct transaction *t, size_t changes)
{
    if (table->writes == NULL) { /* no other table of its name is known */
        forget_changes(table->memory, t, changes);
        return;
    }
    for (struct table_memory *m = table->writes->memories; m != NULL; m = m->related)
        forget_changes(m, t, changes);
}
