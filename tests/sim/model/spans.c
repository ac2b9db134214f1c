#include "spans.h"

#include <stddef.h>

static const int64_t GAP_NS = 300000000;

static unsigned first_of(const struct spans *spans)
{
    return spans->count > SPANS_KEPT ? spans->count - SPANS_KEPT : 0;
}

void spans_add(struct spans *spans, int64_t from_ns, int64_t to_ns)
{
    const unsigned at = spans->count++ % SPANS_KEPT;

    spans->ring[at].from_ns = from_ns;
    spans->ring[at].to_ns = to_ns;
}

void spans_open(struct spans *spans, int64_t now_ns)
{
    if (spans->depth++ == 0)
        spans_add(spans, now_ns, INT64_MAX);
}

void spans_close(struct spans *spans, int64_t now_ns)
{
    if (spans->depth > 0 && --spans->depth == 0)
        spans->ring[(spans->count - 1) % SPANS_KEPT].to_ns = now_ns;
}

void spans_set(struct spans *spans, bool is_open, int64_t now_ns)
{
    if (is_open && !spans_is_open(spans))
        spans_open(spans, now_ns);
    else if (!is_open)
        spans_close(spans, now_ns);
}

void spans_point(struct spans *spans, int64_t now_ns)
{
    if (spans->depth == 0)
        spans_add(spans, now_ns, now_ns);
}

static int64_t least_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns the instant until which the effects last. */
static int64_t effect_end(int64_t to_ns, int64_t after_ns)
{
    return to_ns > INT64_MAX - after_ns ? INT64_MAX : to_ns + after_ns;
}

bool spans_meet(const struct spans *spans, int64_t from_ns, int64_t to_ns, int64_t after_ns,
                int64_t least_ns)
{
    int64_t begin_ns = 0, end_ns = INT64_MIN;

    for (unsigned i = first_of(spans); i < spans->count; i++) {
        const int64_t own_ns = spans->ring[i % SPANS_KEPT].from_ns;

        if (own_ns > to_ns)
            break;
        if (end_ns == INT64_MIN || own_ns > effect_end(end_ns, GAP_NS))
            begin_ns = own_ns;
        end_ns = spans->ring[i % SPANS_KEPT].to_ns;
        if (effect_end(end_ns, after_ns) >= from_ns &&
            least_of(end_ns, to_ns) - begin_ns >= least_ns)
            return true;
    }
    return false;
}

int64_t spans_cover(const struct spans *spans, int64_t from_ns, int64_t to_ns)
{
    int64_t total_ns = 0;

    for (unsigned i = first_of(spans); i < spans->count; i++) {
        const int64_t begin_ns = spans->ring[i % SPANS_KEPT].from_ns;
        const int64_t end_ns = least_of(spans->ring[i % SPANS_KEPT].to_ns, to_ns);
        const int64_t part_ns = end_ns - (begin_ns > from_ns ? begin_ns : from_ns);

        if (part_ns > 0)
            total_ns += part_ns;
    }
    return total_ns;
}

unsigned spans_begun(const struct spans *spans, int64_t from_ns, int64_t to_ns)
{
    unsigned begun = 0;

    for (unsigned i = first_of(spans); i < spans->count; i++)
        begun += spans->ring[i % SPANS_KEPT].from_ns >= from_ns &&
                 spans->ring[i % SPANS_KEPT].from_ns <= to_ns;
    return begun;
}

int64_t spans_last_ns(const struct spans *spans)
{
    return spans->count == 0 ? INT64_MIN : spans->ring[(spans->count - 1) % SPANS_KEPT].to_ns;
}

int64_t spans_last_from_ns(const struct spans *spans)
{
    return spans->count == 0 ? INT64_MIN : spans->ring[(spans->count - 1) % SPANS_KEPT].from_ns;
}
