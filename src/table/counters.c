#include "podop/counters.h"

#include "memory.h"
#include "table_writes.h"

#include "podop/clock.h"
#include "podop/counter_json.h"
#include "podop/json_object.h"

struct table_snapshot {
    struct span table, type;
    struct table_counters counts;
    uint64_t commits, commits_failed;
    bool has_cache, has_pending;
    uint64_t cache_entries, cache_bytes;
    uint64_t pending_writes, pending_bytes, oldest_ms, attempts, lost;
};

#define SNAPSHOT(member) offsetof(struct table_snapshot, member)
#define ALWAYS COUNTER_ALWAYS_SHOWN
#define WITH_CACHE SNAPSHOT(has_cache)
#define WITH_PENDING SNAPSHOT(has_pending)
#define ANSWERS(status) SNAPSHOT(counts.answers[status])
#define COMMITS(status) SNAPSHOT(counts.commits[status])

/* clang-format off: a table */
static const struct counter counters[] = {
    {COUNTER_LABEL, NULL, "table", "table", "name of the table", SNAPSHOT(table), ALWAYS},
    {COUNTER_LABEL, NULL, "type", NULL, "type of the table", SNAPSHOT(type), ALWAYS},
    {COUNTER_TOTAL, NULL, "lookups", "lookups", "lookups", SNAPSHOT(counts.lookups), ALWAYS},
    {COUNTER_TOTAL, "answers", "found", "found", "lookups that found a value", ANSWERS(REPLY_FOUND),
     ALWAYS},
    {COUNTER_TOTAL, "answers", "miss", "miss", "lookups of keys that do not exist",
     ANSWERS(REPLY_MISS), ALWAYS},
    {COUNTER_TOTAL, "answers", "temporary", "temporary",
     "lookups that failed and may succeed later", ANSWERS(REPLY_TEMPORARY), ALWAYS},
    {COUNTER_TOTAL, "answers", "timeout", "timeout", "lookups that took too long",
     ANSWERS(REPLY_TIMEOUT), ALWAYS},
    {COUNTER_TOTAL, "answers", "uncertain", NULL, "lookups with an uncertain result; always 0",
     ANSWERS(REPLY_UNCERTAIN), ALWAYS},
    {COUNTER_TOTAL, "answers", "permanent", "permanent", "lookups that can never succeed",
     ANSWERS(REPLY_PERMANENT), ALWAYS},
    {COUNTER_TOTAL, "cache", "fresh", "cache_fresh", "lookups answered from the cache",
     SNAPSHOT(counts.cache_fresh), WITH_CACHE},
    {COUNTER_TOTAL, "cache", "stale", "cache_stale",
     "lookups answered by an expired entry because the backend failed",
     SNAPSHOT(counts.cache_stale), WITH_CACHE},
    {COUNTER_TOTAL, "cache", "absent", "cache_absent", "lookups that the cache could not answer",
     SNAPSHOT(counts.cache_absent), WITH_CACHE},
    {COUNTER_TOTAL, NULL, "joined", "joined", "lookups that joined a request under way",
     SNAPSHOT(counts.joined), ALWAYS},
    {COUNTER_TOTAL, NULL, "fetches", "fetches", "lookups that began a request",
     SNAPSHOT(counts.fetches), ALWAYS},
    {COUNTER_TOTAL, NULL, NULL, "commits", "transactions", SNAPSHOT(commits), ALWAYS},
    {COUNTER_TOTAL, NULL, NULL, "commits_failed", "transactions that failed",
     SNAPSHOT(commits_failed), ALWAYS},
    {COUNTER_TOTAL, "commits", "found", NULL, "transactions that were made", COMMITS(REPLY_FOUND),
     ALWAYS},
    {COUNTER_TOTAL, "commits", "miss", NULL, "transactions that changed a key that does not exist",
     COMMITS(REPLY_MISS), ALWAYS},
    {COUNTER_TOTAL, "commits", "temporary", NULL, "transactions that failed and may succeed later",
     COMMITS(REPLY_TEMPORARY), ALWAYS},
    {COUNTER_TOTAL, "commits", "timeout", NULL, "transactions that took too long",
     COMMITS(REPLY_TIMEOUT), ALWAYS},
    {COUNTER_TOTAL, "commits", "uncertain", NULL, "transactions that may or may not have been made",
     COMMITS(REPLY_UNCERTAIN), ALWAYS},
    {COUNTER_TOTAL, "commits", "permanent", NULL, "transactions that can never succeed",
     COMMITS(REPLY_PERMANENT), ALWAYS},
    {COUNTER_GAUGE, "pending", "writes", "writes_pending", "writes that are pending or under way",
     SNAPSHOT(pending_writes), WITH_PENDING},
    {COUNTER_GAUGE, "pending", "bytes", NULL, "memory of pending writes in bytes",
     SNAPSHOT(pending_bytes), WITH_PENDING},
    {COUNTER_GAUGE, "pending", "oldest_ms", NULL, "age of the oldest pending write in milliseconds",
     SNAPSHOT(oldest_ms), WITH_PENDING},
    {COUNTER_TOTAL, "pending", "attempts", NULL, "attempts to make a pending write",
     SNAPSHOT(attempts), WITH_PENDING},
    {COUNTER_TOTAL, "pending", "lost", "writes_lost", "pending writes that were given up",
     SNAPSHOT(lost), WITH_PENDING},
    {COUNTER_TOTAL, NULL, "iterations", "iterations", "iterations", SNAPSHOT(counts.iterations),
     ALWAYS},
    {COUNTER_GAUGE, "cache", "entries", "cache_entries", "entries in the cache",
     SNAPSHOT(cache_entries), WITH_CACHE},
    {COUNTER_GAUGE, "cache", "bytes", "cache_bytes", "memory of the cache in bytes",
     SNAPSHOT(cache_bytes), WITH_CACHE},
};
/* clang-format on */

const struct counter_set table_counter_set = {counters, ARRAY_LEN(counters)};

static void read_cache(const struct cache *cache, struct table_snapshot *s)
{
    if (cache == NULL)
        return;
    s->has_cache = true;
    s->cache_entries = cache_entries(cache);
    s->cache_bytes = cache_bytes(cache);
}

static void read_writes(const struct table *t, struct table_snapshot *s)
{
    const struct table_writes *w = t->writes;
    const uint64_t now_ms = clock_now_ms();

    if (w == NULL)
        return;
    s->has_pending = t->write_behind_ms != 0 || w->attempts != 0;
    s->pending_writes = w->queue.writes;
    s->pending_bytes = w->queue.bytes;
    s->oldest_ms = now_ms - pending_oldest_ms(&w->queue, now_ms);
    s->attempts = w->attempts;
    s->lost = w->lost;
}

static struct table_snapshot snapshot_of(const struct table *t)
{
    struct table_snapshot s = {
        .table = span_of(t->name),
        .type = span_of(t->ops->config.name),
        .counts = t->memory->counters,
    };

    for (size_t i = 0; i < TABLE_STATUSES; i++)
        s.commits += s.counts.commits[i];
    s.commits_failed = s.commits - s.counts.commits[REPLY_FOUND];
    read_cache(t->memory->cache, &s);
    read_writes(t, &s);
    return s;
}

void table_add_stats(struct table *t, struct buf *out)
{
    const struct table_snapshot snapshot = snapshot_of(t);

    json_add_comma(out);
    buf_add_char(out, '{');
    counter_set_add_json(&table_counter_set, &snapshot, out);
    if (t->ops->add_stats != NULL)
        t->ops->add_stats(t, out);
    buf_add_char(out, '}');
}

void table_log_counters(struct table *t, struct log *log)
{
    const struct table_snapshot snapshot = snapshot_of(t);

    counter_set_log(&table_counter_set, &snapshot, log);
    if (t->ops->log_stats != NULL)
        t->ops->log_stats(t, log);
}
