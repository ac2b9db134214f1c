/* known_answer.h - what answers a lookup without its backend: a pending write, a pattern that skips
 * the key, the cache. Inline, since a cache hit is all that most lookups need. Private to
 * src/table. */
#ifndef PODOP_TABLE_KNOWN_ANSWER_H
#define PODOP_TABLE_KNOWN_ANSWER_H

#include "identity.h"
#include "memory.h"
#include "table_writes.h"

#include "podop/deadline.h"

/* Initialises the members of table that keep its last answer; table->env must be set. */
void known_answer_init(struct table *table);
void known_answer_deinit(struct table *table);

/* Returns a copy of an immediate answer that lives as long as table_lookup() promises. */
struct reply known_answer_keep(struct table *table, const struct reply *reply);
/* Returns the answer that a pending write gives. */
struct reply known_answer_of_write(struct table *table, const struct change *pending);

/* Returns a change of key that is not written yet, or NULL. */
static inline const struct change *known_pending(struct table *t, const struct table_key *key,
                                                 const struct identity *id)
{
    if (t->writes == NULL || t->writes->queue.writes == 0)
        return NULL;
    return table_writes_find(t->writes, t, key, id);
}

/* Returns whether *reply is the answer, whatever cache and backend would say. */
static inline bool known_settled(struct table *t, const struct table_key *key,
                                 const struct change *pending, struct reply *reply)
{
    if (pending != NULL) {
        *reply = known_answer_of_write(t, pending);
        return true;
    }
    if (!table_skips(t, key->key))
        return false;
    *reply = (struct reply){.status = REPLY_MISS, .source = REPLY_SKIPPED};
    return true;
}

/* Returns whether *reply is a fresh answer from the cache. */
static inline bool known_cached(struct table *t, const struct identity *id, struct reply *reply)
{
    struct cache *cache = t->memory->cache;

    if (cache == NULL)
        return false;
    if (cache_get(cache, id->bytes, id->hash, loop_now_ms(t->env.loop), reply) != CACHE_FRESH) {
        t->memory->counters.cache_absent++;
        return false;
    }
    reply->source = REPLY_FROM_CACHE;
    t->memory->counters.cache_fresh++;
    return true;
}

#endif
