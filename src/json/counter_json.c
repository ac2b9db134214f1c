#include "podop/counter_json.h"

#include "podop/json_object.h"

static void add_label(const struct counter *c, const void *snapshot, struct buf *out)
{
    const struct span text = counter_label(c, snapshot);

    if (text.len > 0)
        json_add_member(out, c->name, text);
}

void json_add_histogram(struct buf *out, const char *name, const struct histogram *h)
{
    json_add_name(out, name);
    buf_add_char(out, '[');
    for (size_t i = 0; i < h->buckets; i++) {
        json_add_comma(out);
        buf_add_char(out, '{');
        if (h->bounds[i] != 0)
            json_add_number(out, h->bound_name, h->bounds[i]);
        json_add_number(out, "count", h->counts[i]);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_counter(const struct counter *c, const void *snapshot, struct buf *out)
{
    struct histogram histogram;

    switch (c->kind) {
    case COUNTER_TOTAL:
    case COUNTER_GAUGE: json_add_number(out, c->name, counter_number(c, snapshot)); break;
    case COUNTER_FLAG: json_add_flag(out, c->name, counter_flag(c, snapshot)); break;
    case COUNTER_LABEL: add_label(c, snapshot, out); break;
    case COUNTER_HISTOGRAM:
        histogram = counter_histogram(c, snapshot);
        json_add_histogram(out, c->name, &histogram);
        break;
    }
}

static bool is_in_group(const struct counter *c, const char *group)
{
    return c->name != NULL && c->group != NULL && strcmp(c->group, group) == 0;
}

/* Returns whether the counter at this place is the first of its group. */
static bool begins_group(const struct counter_set *set, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (is_in_group(&set->counters[i], set->counters[at].group))
            return false;
    }
    return true;
}

void counter_set_add_json_group(const struct counter_set *set, const char *group,
                                const void *snapshot, struct buf *out)
{
    json_add_name(out, group);
    buf_add_char(out, '{');
    for (size_t i = 0; i < set->count; i++) {
        if (is_in_group(&set->counters[i], group))
            add_counter(&set->counters[i], snapshot, out);
    }
    buf_add_char(out, '}');
}

void counter_set_add_json(const struct counter_set *set, const void *snapshot, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct counter *c = &set->counters[i];

        if (c->name == NULL || !counter_is_shown(c, snapshot))
            continue;
        if (c->group == NULL)
            add_counter(c, snapshot, out);
        else if (begins_group(set, i))
            counter_set_add_json_group(set, c->group, snapshot, out);
    }
}
