#include "top_rates.h"

#include "podop/mem.h"

#include <stdlib.h>

/* Searches from the same position on, where the table is unless a reload moved it. */
static const struct top_table *find_table(const struct top_sample *s, const char *name, size_t hint)
{
    for (size_t i = 0; i < s->table_count; i++) {
        const struct top_table *t = &s->tables[(hint + i) % s->table_count];

        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

static const struct top_backend *find_backend(const struct top_sample *s,
                                              const struct top_backend *wanted, size_t hint)
{
    for (size_t i = 0; i < s->backend_count; i++) {
        const struct top_backend *b = &s->backends[(hint + i) % s->backend_count];

        if (strcmp(b->name, wanted->name) == 0 && strcmp(b->table, wanted->table) == 0)
            return b;
    }
    return NULL;
}

static bool has_begun_again(const struct top_table *before, const struct top_table *now)
{
    for (size_t i = 0; i < TOP_COUNTERS; i++) {
        if (now->counts[i] < before->counts[i])
            return true;
    }
    return false;
}

/* Subtracts the earlier counts where the buckets are the same ones. */
static void subtract_durations(struct top_durations *d, const struct top_durations *before)
{
    if (d->buckets != before->buckets)
        return;
    for (size_t i = 0; i < d->buckets; i++) {
        if (d->at_most_us[i] != before->at_most_us[i] || d->counts[i] < before->counts[i])
            return;
    }
    for (size_t i = 0; i < d->buckets; i++)
        d->counts[i] -= before->counts[i];
}

static struct top_table_rates compare_tables(const struct top_table *before,
                                             const struct top_table *now)
{
    struct top_table_rates r = {.is_known = true, .durations = now->durations};

    memcpy(r.counts, now->counts, sizeof(r.counts));
    if (has_begun_again(before, now))
        return r;
    for (size_t i = 0; i < TOP_COUNTERS; i++)
        r.counts[i] -= before->counts[i];
    subtract_durations(&r.durations, &before->durations);
    return r;
}

static struct top_backend_rates compare_backends(const struct top_backend *before,
                                                 const struct top_backend *now)
{
    struct top_backend_rates r = {true, now->requests, now->failures};

    if (now->requests < before->requests || now->failures < before->failures)
        return r;
    r.requests -= before->requests;
    r.failures -= before->failures;
    return r;
}

static bool is_same_process(const struct top_sample *before, const struct top_sample *now)
{
    return before->process.pid == now->process.pid &&
           before->process.uptime_s <= now->process.uptime_s && before->at_ms < now->at_ms;
}

void top_rates_init(struct top_rates *r, const struct top_sample *before,
                    const struct top_sample *now)
{
    *r = (struct top_rates){
        .tables = xcalloc(now->table_count, sizeof(r->tables[0])),
        .backends = xcalloc(now->backend_count, sizeof(r->backends[0])),
    };
    if (before == NULL || !is_same_process(before, now))
        return;
    r->seconds = (double)(now->at_ms - before->at_ms) / 1000;
    for (size_t i = 0; i < now->table_count; i++) {
        const struct top_table *t = find_table(before, now->tables[i].name, i);

        if (t != NULL)
            r->tables[i] = compare_tables(t, &now->tables[i]);
    }
    for (size_t i = 0; i < now->backend_count; i++) {
        const struct top_backend *b = find_backend(before, &now->backends[i], i);

        if (b != NULL)
            r->backends[i] = compare_backends(b, &now->backends[i]);
    }
}

void top_rates_deinit(struct top_rates *r)
{
    free(r->tables);
    free(r->backends);
    *r = (struct top_rates){0};
}

int top_quantile(const struct top_durations *d, double share)
{
    uint64_t all = 0, so_far = 0;

    for (size_t i = 0; i < d->buckets; i++)
        all += d->counts[i];
    for (size_t i = 0; i < d->buckets && all > 0; i++) {
        so_far += d->counts[i];
        if ((double)so_far >= share * (double)all)
            return (int)i;
    }
    return -1;
}
