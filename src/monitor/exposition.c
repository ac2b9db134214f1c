#include "exposition.h"

#include <string.h>

static const uint32_t second_us = 1000000;

/* Returns the name of the family in HELP and TYPE: OpenMetrics leaves out "_total". */
static struct span family_name(enum exposition_format format, const struct metric_family *family)
{
    struct span name = span_of(family->name);

    if (format == EXPOSITION_OPENMETRICS && family->kind == COUNTER_TOTAL)
        name.len -= strlen("_total");
    return name;
}

static const char *type_name(enum counter_kind kind)
{
    switch (kind) {
    case COUNTER_TOTAL: return "counter";
    case COUNTER_HISTOGRAM: return "histogram";
    case COUNTER_GAUGE:
    case COUNTER_FLAG:
    case COUNTER_LABEL: return "gauge";
    }
    return "unknown";
}

static void add_comment(const char *what, struct span name, const char *text, struct buf *out)
{
    buf_add(out, SPAN("# "));
    buf_add(out, span_of(what));
    buf_add_char(out, ' ');
    buf_add(out, name);
    buf_add_char(out, ' ');
    buf_add(out, span_of(text));
    buf_add_char(out, '\n');
}

void exposition_add_family(enum exposition_format format, const struct metric_family *family,
                           struct buf *out)
{
    const struct span name = family_name(format, family);

    add_comment("HELP", name, family->help, out);
    add_comment("TYPE", name, type_name(family->kind), out);
}

/* Adds the four characters \xff, with the backslash escaped, so that two names stay apart. */
static void add_byte(unsigned char byte, struct buf *out)
{
    static const char digits[] = "0123456789abcdef";

    buf_add(out, SPAN("\\\\x"));
    buf_add_char(out, digits[byte / 16]);
    buf_add_char(out, digits[byte % 16]);
}

/* Both formats are UTF-8, and escape a backslash, a quote and a line feed in a value. A byte that
 * is not UTF-8 is written as the log does it. */
static void add_escaped(struct span text, struct buf *out)
{
    while (text.len > 0) {
        const size_t len = span_utf8_char(text);

        if (len == 0)
            add_byte((unsigned char)text.ptr[0], out);
        else if (text.ptr[0] == '\n')
            buf_add(out, SPAN("\\n"));
        else if (text.ptr[0] == '\\' || text.ptr[0] == '"')
            buf_add(out, text.ptr[0] == '"' ? SPAN("\\\"") : SPAN("\\\\"));
        else
            buf_add(out, (struct span){text.ptr, len});
        text = span_skip(text, len == 0 ? 1 : len);
    }
}

static void add_label(const char *name, struct span value, bool *is_first, struct buf *out)
{
    buf_add_char(out, *is_first ? '{' : ',');
    *is_first = false;
    buf_add(out, span_of(name));
    buf_add(out, SPAN("=\""));
    add_escaped(value, out);
    buf_add_char(out, '"');
}

static bool is_label(const struct counter *c)
{
    return c->kind == COUNTER_LABEL && c->metric.label != NULL;
}

/* Writes the name of a sample, the labels of the set, and that of the counter. */
static void begin_sample(const char *suffix, const struct counter *c, const struct counter_set *set,
                         const void *snapshot, bool *is_first, struct buf *out)
{
    *is_first = true;
    buf_add(out, span_of(c->metric.family));
    buf_add(out, span_of(suffix));
    for (size_t i = 0; i < set->count; i++) {
        const struct counter *label = &set->counters[i];

        if (is_label(label))
            add_label(label->metric.label, counter_label(label, snapshot), is_first, out);
    }
    if (c->metric.label != NULL)
        add_label(c->metric.label, span_of(c->metric.value), is_first, out);
}

/* Writes n / divisor, a power of ten, without zeros at the end, but with at least one digit after
 * the point. */
static void add_fraction(uint64_t n, uint32_t divisor, struct buf *out)
{
    uint64_t rest = n % divisor;

    buf_add_uint(out, n / divisor);
    buf_add_char(out, '.');
    do {
        divisor /= 10;
        buf_add_char(out, (char)('0' + rest / divisor));
        rest %= divisor;
    } while (rest > 0);
}

static void add_value(uint64_t n, uint32_t divisor, struct buf *out)
{
    if (divisor == 0)
        buf_add_uint(out, n);
    else
        add_fraction(n, divisor, out);
}

static void end_sample(bool is_first, uint64_t n, uint32_t divisor, struct buf *out)
{
    if (!is_first)
        buf_add_char(out, '}');
    buf_add_char(out, ' ');
    add_value(n, divisor, out);
    buf_add_char(out, '\n');
}

static void add_bound(const struct histogram *h, size_t i, bool *is_first, struct buf *out)
{
    buf_add(out, *is_first ? SPAN("{le=\"") : SPAN(",le=\""));
    *is_first = false;
    if (h->bounds[i] == 0)
        buf_add(out, SPAN("+Inf"));
    else
        add_fraction((uint64_t)h->bounds[i] * h->bound_us, second_us, out);
    buf_add_char(out, '"');
}

/* Buckets are cumulative: each has the values of those before it, too. */
static void add_histogram(const struct counter *c, const struct counter_set *set,
                          const void *snapshot, struct buf *out)
{
    const struct histogram h = counter_histogram(c, snapshot);
    uint64_t count = 0;
    bool is_first;

    for (size_t i = 0; i < h.buckets; i++) {
        count += h.counts[i];
        begin_sample("_bucket", c, set, snapshot, &is_first, out);
        add_bound(&h, i, &is_first, out);
        end_sample(is_first, count, 0, out);
    }
    begin_sample("_sum", c, set, snapshot, &is_first, out);
    end_sample(is_first, h.sum_us, second_us, out);
    begin_sample("_count", c, set, snapshot, &is_first, out);
    end_sample(is_first, count, 0, out);
}

static void add_counter(const struct counter *c, const struct counter_set *set,
                        const void *snapshot, struct buf *out)
{
    uint64_t n;
    bool is_first;

    if (c->kind == COUNTER_HISTOGRAM) {
        add_histogram(c, set, snapshot, out);
        return;
    }
    n = c->kind == COUNTER_FLAG ? counter_flag(c, snapshot) : counter_number(c, snapshot);
    begin_sample("", c, set, snapshot, &is_first, out);
    end_sample(is_first, n, c->metric.divisor, out);
}

void exposition_add_samples(const struct metric_family *family, const struct counter_set *set,
                            const void *snapshot, struct buf *out)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct counter *c = &set->counters[i];

        if (c->metric.family != NULL && counter_is_shown(c, snapshot) &&
            strcmp(c->metric.family, family->name) == 0)
            add_counter(c, set, snapshot, out);
    }
}

void exposition_end(enum exposition_format format, struct buf *out)
{
    if (format == EXPOSITION_OPENMETRICS)
        buf_add(out, SPAN("# EOF\n"));
}
