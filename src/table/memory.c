#include "memory.h"

#include "identity.h"

#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

enum { FLIGHT_SLOTS = 1024 }; /* each is a chain; at most some thousands of keys are in flight */

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

    m->refs = m->active = 1;
    m->table = table;
    m->cache = cache_open(config);
    if (m->cache != NULL)
        cache_set_disposal(m->cache, table->env.disposal);
    if (m->cache != NULL && key_rules_search(table->rules))
        cache_keep_misses(m->cache);
    if (m->cache != NULL || shares)
        m->flights = xcalloc(FLIGHT_SLOTS, sizeof(struct in_flight *));
    return m;
}

struct table_memory *memory_ref(struct table_memory *m, struct table *table)
{
    m->refs++;
    m->active++;
    m->table = table;
    return m;
}

void memory_retire(struct table_memory *m)
{
    if (--m->active == 0)
        cache_free(&m->cache);
}

void memory_unref(struct table_memory *m, struct table *table)
{
    if (m->table == table)
        m->table = NULL;
    if (--m->refs > 0)
        return;
    list_remove(&m->in_group);
    cache_free(&m->cache);
    free(m->flights);
    free(m);
}

void memory_group_init(struct memory_group *group)
{
    list_init(&group->members);
}

void memory_join(struct table_memory *m, struct memory_group *group)
{
    if (m->group != NULL)
        return;
    m->group = group;
    list_append(&group->members, &m->in_group);
}

static struct in_flight **slot_of(struct table_memory *m, uint64_t hash)
{
    return &m->flights[hash % FLIGHT_SLOTS];
}

void memory_add_flight(struct table_memory *m, struct in_flight *flight)
{
    struct in_flight **slot;

    flight->generation = m->generation;
    if (m->flights == NULL)
        return;
    slot = slot_of(m, flight->hash);
    flight->next_in_slot = *slot;
    *slot = flight;
}

void memory_remove_flight(struct table_memory *m, struct in_flight *flight)
{
    struct in_flight **link;

    if (m->flights == NULL)
        return;
    for (link = slot_of(m, flight->hash); *link != flight;)
        link = &(*link)->next_in_slot;
    *link = flight->next_in_slot;
}

struct in_flight *memory_find_flight(struct table_memory *m, const struct identity *id,
                                     const struct in_flight *after)
{
    struct in_flight *flight = after != NULL        ? after->next_in_slot
                               : m->flights != NULL ? *slot_of(m, id->hash)
                                                    : NULL;

    while (flight != NULL && !(flight->hash == id->hash && span_equal(flight->identity, id->bytes)))
        flight = flight->next_in_slot;
    return flight;
}

bool memory_is_current(const struct table_memory *m, const struct in_flight *flight)
{
    return !flight->is_outdated && flight->generation == m->generation;
}

static void invalidate_identity(struct table_memory *m, const struct identity *id)
{
    struct in_flight *flight = NULL;

    if (m->cache != NULL)
        cache_drop(m->cache, id->bytes, id->hash);
    while ((flight = memory_find_flight(m, id, flight)) != NULL)
        flight->is_outdated = true;
}

void memory_invalidate(struct table_memory *m, const struct table_key *key)
{
    struct identity id;

    if (m->flights == NULL)
        return; /* neither a cache nor anything in flight to find */
    identity_of(&id, m->table, key);
    invalidate_identity(m, &id);
    identity_free(&id);
}

void memory_invalidate_form(struct table_memory *m, const struct table_key *form)
{
    struct identity id;

    if (m->flights == NULL)
        return;
    identity_of_normal(&id, m->table, form);
    invalidate_identity(m, &id);
    identity_free(&id);
}

void memory_invalidate_all(struct table_memory *m)
{
    m->generation++;
    if (m->cache != NULL)
        cache_clear(m->cache);
}

/* Without a table, the identities of keys are not known. */
static bool affects_all_keys(struct table *table)
{
    return table == NULL ||
           (table->ops->invalidates_all != NULL && table->ops->invalidates_all(table));
}

static void invalidate_changes(struct table_memory *m, const struct transaction *t, size_t changes)
{
    if (changes > 0 && affects_all_keys(m->table)) {
        memory_invalidate_all(m);
        return;
    }
    for (size_t i = 0; i < changes; i++)
        memory_invalidate(m, &t->changes[i].key);
}

void memory_invalidate_changes(struct table *table, const struct transaction *t, size_t changes)
{
    struct memory_group *group = table->memory->group;

    if (group == NULL) { /* no other table of its name is known */
        invalidate_changes(table->memory, t, changes);
        return;
    }
    LIST_FOR_EACH (at, &group->members)
        invalidate_changes(CONTAINER_OF(at, struct table_memory, in_group), t, changes);
}
