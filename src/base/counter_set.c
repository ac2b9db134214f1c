#include "podop/counter_set.h"

#include "podop/buf.h"

enum { FIELDS_MAX = 32, HISTOGRAM_TEXT_BYTES_MAX = 1024 };

static const void *value_of(const struct counter *c, const void *snapshot)
{
    return (const char *)snapshot + c->offset;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

const struct counter *counter_set_find(const struct counter_set *set, const char *group,
                                       const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct counter *c = &set->counters[i];

        if (c->name != NULL && is_same(c->name, name) && is_same(c->group, group))
            return c;
    }
    return NULL;
}

uint64_t counter_number(const struct counter *c, const void *snapshot)
{
    uint64_t n;

    memcpy(&n, value_of(c, snapshot), sizeof(n));
    return n;
}

bool counter_flag(const struct counter *c, const void *snapshot)
{
    bool flag;

    memcpy(&flag, value_of(c, snapshot), sizeof(flag));
    return flag;
}

struct span counter_label(const struct counter *c, const void *snapshot)
{
    struct span text;

    memcpy(&text, value_of(c, snapshot), sizeof(text));
    return text;
}

struct histogram counter_histogram(const struct counter *c, const void *snapshot)
{
    struct histogram histogram;

    memcpy(&histogram, value_of(c, snapshot), sizeof(histogram));
    return histogram;
}

bool counter_is_shown(const struct counter *c, const void *snapshot)
{
    bool is_shown = true;

    if (c->shown_offset != COUNTER_ALWAYS_SHOWN)
        memcpy(&is_shown, (const char *)snapshot + c->shown_offset, sizeof(is_shown));
    return is_shown;
}

/* Appends "1:20,2:3,...,more:0". */
static struct span describe_histogram(const struct histogram *h, struct buf *text)
{
    for (size_t i = 0; i < h->buckets; i++) {
        if (i > 0)
            buf_add_char(text, ',');
        if (h->bounds[i] == 0)
            buf_add(text, SPAN("more"));
        else
            buf_add_uint(text, h->bounds[i]);
        buf_add_char(text, ':');
        buf_add_uint(text, h->counts[i]);
    }
    return buf_span(text);
}

static struct log_field field_of(const struct counter *c, const void *snapshot, struct buf *text)
{
    struct histogram histogram;

    switch (c->kind) {
    case COUNTER_TOTAL:
    case COUNTER_GAUGE: return LOG_UINT(c->log_name, counter_number(c, snapshot));
    case COUNTER_FLAG: return LOG_UINT(c->log_name, counter_flag(c, snapshot));
    case COUNTER_LABEL: return LOG_SPAN(c->log_name, counter_label(c, snapshot));
    case COUNTER_HISTOGRAM:
        histogram = counter_histogram(c, snapshot);
        return LOG_SPAN(c->log_name, describe_histogram(&histogram, text));
    }
    return (struct log_field){0};
}

void counter_set_log(const struct counter_set *set, const void *snapshot, struct log *log)
{
    struct log_field fields[FIELDS_MAX];
    size_t count = 0;
    struct buf text;

    if (LOG_LEVEL_WARNING > log->level)
        return;
    buf_init(&text, HISTOGRAM_TEXT_BYTES_MAX);
    for (size_t i = 0; i < set->count && count < FIELDS_MAX; i++) {
        if (set->counters[i].log_name != NULL)
            fields[count++] = field_of(&set->counters[i], snapshot, &text);
    }
    log_write(log, LOG_LEVEL_WARNING, "counters", fields, count);
    buf_deinit(&text);
}
