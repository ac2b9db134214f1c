#include "podop/counters.h"

#include "memory.h"
#include "table_writes.h"

#include "podop/clock.h"
#include "podop/json_object.h"

static void add_statuses(struct buf *out, const char *name, const uint64_t counts[TABLE_STATUSES])
{
    json_add_name(out, name);
    buf_add_char(out, '{');
    for (int i = 0; i < TABLE_STATUSES; i++)
        json_add_number(out, reply_status_name((enum reply_status)i), counts[i]);
    buf_add_char(out, '}');
}

static void add_cache(struct buf *out, const struct table_memory *memory)
{
    const struct table_counters *c = &memory->counters;

    if (memory->cache == NULL)
        return;
    json_add_name(out, "cache");
    buf_add_char(out, '{');
    json_add_number(out, "fresh", c->cache_fresh);
    json_add_number(out, "stale", c->cache_stale);
    json_add_number(out, "absent", c->cache_absent);
    json_add_number(out, "entries", cache_entries(memory->cache));
    json_add_number(out, "bytes", cache_bytes(memory->cache));
    buf_add_char(out, '}');
}

/* Of pending writes. A table that never had any has no such member. */
static void add_pending(struct buf *out, const struct table *t)
{
    const struct table_writes *w = t->writes;
    const uint64_t now_ms = clock_now_ms();

    if (w == NULL || (t->write_behind_ms == 0 && w->attempts == 0))
        return;
    json_add_name(out, "pending");
    buf_add_char(out, '{');
    json_add_number(out, "writes", w->queue.writes);
    json_add_number(out, "bytes", w->queue.bytes);
    json_add_number(out, "oldest_ms", now_ms - pending_oldest_ms(&w->queue, now_ms));
    json_add_number(out, "attempts", w->attempts);
    json_add_number(out, "lost", w->lost);
    buf_add_char(out, '}');
}

void table_add_stats(struct table *t, struct buf *out)
{
    const struct table_counters *c = &t->memory->counters;

    json_add_comma(out);
    buf_add_char(out, '{');
    json_add_member(out, "table", span_of(t->name));
    json_add_member(out, "type", span_of(t->ops->config.name));
    json_add_number(out, "lookups", c->lookups);
    add_statuses(out, "answers", c->answers);
    add_cache(out, t->memory);
    json_add_number(out, "joined", c->joined);
    json_add_number(out, "fetches", c->fetches);
    add_statuses(out, "commits", c->commits);
    add_pending(out, t);
    json_add_number(out, "iterations", c->iterations);
    if (t->ops->add_stats != NULL)
        t->ops->add_stats(t, out);
    buf_add_char(out, '}');
}

void table_log_counters(const struct table *t, struct log *log)
{
    const struct table_counters *c = &t->memory->counters;
    const struct cache *cache = t->memory->cache;
    const struct table_writes *w = t->writes;
    uint64_t commits = 0;

    for (int i = 0; i < TABLE_STATUSES; i++)
        commits += c->commits[i];
    log_warning(
        log, "counters", LOG_STR("table", t->name), LOG_UINT("lookups", c->lookups),
        LOG_UINT("found", c->answers[REPLY_FOUND]), LOG_UINT("miss", c->answers[REPLY_MISS]),
        LOG_UINT("temporary", c->answers[REPLY_TEMPORARY]),
        LOG_UINT("timeout", c->answers[REPLY_TIMEOUT]),
        LOG_UINT("permanent", c->answers[REPLY_PERMANENT]), LOG_UINT("cache_fresh", c->cache_fresh),
        LOG_UINT("cache_stale", c->cache_stale), LOG_UINT("cache_absent", c->cache_absent),
        LOG_UINT("joined", c->joined), LOG_UINT("fetches", c->fetches),
        LOG_UINT("commits", commits), LOG_UINT("commits_failed", commits - c->commits[REPLY_FOUND]),
        LOG_UINT("writes_pending", w == NULL ? 0 : w->queue.writes),
        LOG_UINT("writes_lost", w == NULL ? 0 : w->lost), LOG_UINT("iterations", c->iterations),
        LOG_UINT("cache_entries", cache == NULL ? 0 : cache_entries(cache)),
        LOG_UINT("cache_bytes", cache == NULL ? 0 : cache_bytes(cache)));
}
