#include "podop/counters.h"

#include "memory.h"
#include "table_writes.h"

#include "podop/clock.h"
#include "podop/counter_json.h"
#include "podop/json_object.h"

struct table_snapshot {
    struct span table, type;
    struct table_counters counts;
    struct durations durations;
    struct histogram duration;
    uint64_t commits, commits_failed;
    bool has_cache, has_pending;
    uint64_t cache_entries, cache_bytes;
    uint64_t pending_writes, pending_bytes, oldest_ms, attempts, lost;
};

#define SNAPSHOT(member) offsetof(struct table_snapshot, member)
#define ALWAYS COUNTER_ALWAYS_SHOWN
#define WITH_CACHE SNAPSHOT(has_cache)
#define WITH_PENDING SNAPSHOT(has_pending)
#define NO_METRIC COUNTER_NO_METRIC
/* clang-format off: each is an initialiser */
#define METRIC(family) {(family), NULL, NULL, 0}
#define LOOKUPS(result) {"podop_lookups_total", "result", (result), 0}
#define CACHE_LOOKUPS(outcome) {"podop_cache_lookups_total", "outcome", (outcome), 0}
#define WRITES(result) {"podop_transactions_total", "result", (result), 0}
/* clang-format on */
#define ANSWERS(status) SNAPSHOT(counts.answers[status])
#define COMMITS(status) SNAPSHOT(counts.commits[status])

/* clang-format off: a table */
static const struct counter counters[] = {
    {COUNTER_LABEL,
     NULL,
     "table",
     "table",
     "name of the table",
     SNAPSHOT(table),
     ALWAYS,
     {NULL, "table", NULL, 0}},
    {COUNTER_LABEL, NULL, "type", NULL, "type of the table", SNAPSHOT(type), ALWAYS, NO_METRIC},
    {COUNTER_TOTAL, NULL, "lookups", "lookups", "lookups", SNAPSHOT(counts.lookups), ALWAYS,
     NO_METRIC},
    {COUNTER_TOTAL, "answers", "found", "found", "lookups that found a value", ANSWERS(REPLY_FOUND),
     ALWAYS, LOOKUPS("found")},
    {COUNTER_TOTAL, "answers", "miss", "miss", "lookups of keys that do not exist",
     ANSWERS(REPLY_MISS), ALWAYS, LOOKUPS("miss")},
    {COUNTER_TOTAL, "answers", "temporary", "temporary",
     "lookups that failed and may succeed later", ANSWERS(REPLY_TEMPORARY), ALWAYS,
     LOOKUPS("temporary")},
    {COUNTER_TOTAL, "answers", "timeout", "timeout", "lookups that took too long",
     ANSWERS(REPLY_TIMEOUT), ALWAYS, LOOKUPS("timeout")},
    {COUNTER_TOTAL, "answers", "uncertain", NULL, "lookups with an uncertain result; always 0",
     ANSWERS(REPLY_UNCERTAIN), ALWAYS, NO_METRIC},
    {COUNTER_TOTAL, "answers", "permanent", "permanent", "lookups that can never succeed",
     ANSWERS(REPLY_PERMANENT), ALWAYS, LOOKUPS("permanent")},
    {COUNTER_TOTAL, "cache", "fresh", "cache_fresh", "lookups answered from the cache",
     SNAPSHOT(counts.cache_fresh), WITH_CACHE, CACHE_LOOKUPS("fresh")},
    {COUNTER_TOTAL, "cache", "stale", "cache_stale",
     "lookups answered by an expired entry because the backend failed",
     SNAPSHOT(counts.cache_stale), WITH_CACHE, CACHE_LOOKUPS("stale")},
    {COUNTER_TOTAL, "cache", "absent", "cache_absent", "lookups that the cache could not answer",
     SNAPSHOT(counts.cache_absent), WITH_CACHE, CACHE_LOOKUPS("absent")},
    {COUNTER_TOTAL, NULL, "joined", "joined", "lookups that joined a request under way",
     SNAPSHOT(counts.joined), ALWAYS, METRIC("podop_lookups_joined_total")},
    {COUNTER_TOTAL, NULL, "fetches", "fetches", "lookups that began a request",
     SNAPSHOT(counts.fetches), ALWAYS, METRIC("podop_fetches_total")},
    {COUNTER_HISTOGRAM, NULL, "duration", NULL, "lookups by their duration", SNAPSHOT(duration),
     ALWAYS, METRIC("podop_lookup_duration_seconds")},
    {COUNTER_TOTAL, NULL, NULL, "commits", "transactions", SNAPSHOT(commits), ALWAYS, NO_METRIC},
    {COUNTER_TOTAL, NULL, NULL, "commits_failed", "transactions that failed",
     SNAPSHOT(commits_failed), ALWAYS, NO_METRIC},
    {COUNTER_TOTAL, "commits", "found", NULL, "transactions that were made", COMMITS(REPLY_FOUND),
     ALWAYS, WRITES("found")},
    {COUNTER_TOTAL, "commits", "miss", NULL, "transactions that changed a key that does not exist",
     COMMITS(REPLY_MISS), ALWAYS, WRITES("miss")},
    {COUNTER_TOTAL, "commits", "temporary", NULL, "transactions that failed and may succeed later",
     COMMITS(REPLY_TEMPORARY), ALWAYS, WRITES("temporary")},
    {COUNTER_TOTAL, "commits", "timeout", NULL, "transactions that took too long",
     COMMITS(REPLY_TIMEOUT), ALWAYS, WRITES("timeout")},
    {COUNTER_TOTAL, "commits", "uncertain", NULL, "transactions that may or may not have been made",
     COMMITS(REPLY_UNCERTAIN), ALWAYS, WRITES("uncertain")},
    {COUNTER_TOTAL, "commits", "permanent", NULL, "transactions that can never succeed",
     COMMITS(REPLY_PERMANENT), ALWAYS, WRITES("permanent")},
    {COUNTER_GAUGE, "pending", "writes", "writes_pending", "writes that are pending or under way",
     SNAPSHOT(pending_writes), WITH_PENDING, METRIC("podop_writes_held")},
    {COUNTER_GAUGE, "pending", "bytes", NULL, "memory of pending writes in bytes",
     SNAPSHOT(pending_bytes), WITH_PENDING, METRIC("podop_writes_held_bytes")},
    {COUNTER_GAUGE,
     "pending",
     "oldest_ms",
     NULL,
     "age of the oldest pending write in milliseconds",
     SNAPSHOT(oldest_ms),
     WITH_PENDING,
     {"podop_writes_held_age_seconds", NULL, NULL, 1000}},
    {COUNTER_TOTAL, "pending", "attempts", NULL, "attempts to make a pending write",
     SNAPSHOT(attempts), WITH_PENDING, METRIC("podop_write_attempts_total")},
    {COUNTER_TOTAL, "pending", "lost", "writes_lost", "pending writes that were given up",
     SNAPSHOT(lost), WITH_PENDING, METRIC("podop_writes_lost_total")},
    {COUNTER_TOTAL, NULL, "iterations", "iterations", "iterations", SNAPSHOT(counts.iterations),
     ALWAYS, METRIC("podop_iterations_total")},
    {COUNTER_GAUGE, "cache", "entries", "cache_entries", "entries in the cache",
     SNAPSHOT(cache_entries), WITH_CACHE, METRIC("podop_cache_entries")},
    {COUNTER_GAUGE, "cache", "bytes", "cache_bytes", "memory of the cache in bytes",
     SNAPSHOT(cache_bytes), WITH_CACHE, METRIC("podop_cache_bytes")},
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

/* A lookup that is answered at once is only counted as answered, because most lookups are such and
 * nothing else should cost them time. Here they are put into the first bucket. */
static struct durations durations_of(const struct table_counters *counts)
{
    struct durations all = counts->waited;
    uint64_t answers = 0;

    for (size_t i = 0; i < TABLE_STATUSES; i++)
        answers += counts->answers[i];
    all.count[0] += answers - durations_total(&all);
    return all;
}

static void fill_snapshot(const struct table *t, struct table_snapshot *s)
{
    *s = (struct table_snapshot){
        .table = span_of(t->name),
        .type = span_of(t->ops->config.name),
        .counts = t->memory->counters,
        .durations = durations_of(&t->memory->counters),
    };
    s->duration = durations_histogram(&s->durations);
    for (size_t i = 0; i < TABLE_STATUSES; i++)
        s->commits += s->counts.commits[i];
    s->commits_failed = s->commits - s->counts.commits[REPLY_FOUND];
    read_cache(t->memory->cache, s);
    read_writes(t, s);
}

bool table_has_asked(const struct table *t)
{
    return t->memory->counters.fetches > 0;
}

void table_visit_counters(struct table *t, counter_visit_fn *visit, void *arg)
{
    struct table_snapshot snapshot;

    fill_snapshot(t, &snapshot);
    visit(arg, &table_counter_set, &snapshot);
}

static void add_json(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_add_json(set, snapshot, arg);
}

static void write_log(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_log(set, snapshot, arg);
}

void table_add_stats(struct table *t, struct buf *out)
{
    json_add_comma(out);
    buf_add_char(out, '{');
    table_visit_counters(t, add_json, out);
    if (t->ops->add_stats != NULL)
        t->ops->add_stats(t, out);
    buf_add_char(out, '}');
}

void table_log_counters(struct table *t, struct log *log)
{
    table_visit_counters(t, write_log, log);
    if (t->ops->log_stats != NULL)
        t->ops->log_stats(t, log);
}
