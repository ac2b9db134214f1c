#include "history_point.h"

#include "podop/mem.h"
#include "podop/quantile.h"

static uint64_t number(const struct counter_set *set, const void *snapshot, const char *group,
                       const char *name)
{
    const struct counter *c = counter_set_find(set, group, name);

    return c == NULL ? 0 : counter_number(c, snapshot);
}

static void fill(void *arg, const struct counter_set *set, const void *snapshot)
{
    static const char *const failures[] = {"temporary", "timeout", "uncertain", "permanent"};
    const struct counter *durations = counter_set_find(set, NULL, "duration");
    struct history_point *p = arg;
    struct histogram h;

    p->found = number(set, snapshot, "answers", "found");
    p->miss = number(set, snapshot, "answers", "miss");
    p->fresh = number(set, snapshot, "cache", "fresh");
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        p->failed += number(set, snapshot, "answers", failures[i]);
    p->lookups = p->found + p->miss + p->failed;
    if (durations == NULL)
        return;
    h = counter_histogram(durations, snapshot);
    for (size_t i = 0; i < h.buckets && i < DURATION_BUCKETS; i++)
        p->duration[i] = h.counts[i];
}

struct history_point history_point_of(struct table *table, uint64_t now_ms)
{
    struct history_point p = {.at_ms = now_ms};

    table_visit_counters(table, fill, &p);
    return p;
}

static uint64_t more(uint64_t from, uint64_t to)
{
    return to < from ? to : to - from;
}

struct history_point history_point_between(const struct history_point *from,
                                           const struct history_point *to)
{
    struct history_point p = {
        .at_ms = to->at_ms - from->at_ms,
        .lookups = more(from->lookups, to->lookups),
        .found = more(from->found, to->found),
        .miss = more(from->miss, to->miss),
        .failed = more(from->failed, to->failed),
        .fresh = more(from->fresh, to->fresh),
    };

    for (size_t i = 0; i < DURATION_BUCKETS; i++)
        p.duration[i] = more(from->duration[i], to->duration[i]);
    return p;
}

int64_t history_point_quantile_us(const struct history_point *between, unsigned per_mille)
{
    const struct durations none = {0};
    struct histogram h = durations_histogram(&none);

    h.counts = between->duration;
    return quantile_of(&h, per_mille);
}
