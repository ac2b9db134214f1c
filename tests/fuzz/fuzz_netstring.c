/* The first two bytes are the maximum, the others the input. */
#include "fuzz.h"

#include "podop/netstring.h"

static void check(struct span wire, size_t max)
{
    struct span payload = {NULL, 0}, again, prefix = wire;
    size_t used = 0, used_again;
    enum parse got = netstring_parse(wire, max, &payload, &used);
    enum parse before = PARSE_MORE;
    struct buf out;

    for (prefix.len = 0; prefix.len <= wire.len; prefix.len++) {
        enum parse now = netstring_parse(prefix, max, &again, &used_again);

        /* With each further byte the result is MORE, until it is DONE or BAD and stays that. */
        PROMISE(before == PARSE_MORE || now == before);
        PROMISE(now != PARSE_DONE || (got == PARSE_DONE && used_again == used));
        before = now;
    }
    PROMISE(before == got);
    if (got != PARSE_DONE)
        return;
    PROMISE(used <= wire.len && used >= payload.len + 3 && payload.len <= max);
    PROMISE(payload.ptr + payload.len + 1 == wire.ptr + used);
    PROMISE(netstring_parse((struct span){wire.ptr, used - 1}, max, &again, &used_again) ==
            PARSE_MORE);
    buf_init(&out, SIZE_MAX);
    netstring_add(&out, payload, SPAN(""));
    PROMISE(netstring_parse(buf_span(&out), max, &again, &used_again) == PARSE_DONE);
    PROMISE(used_again == out.len && span_equal(again, payload));
    buf_deinit(&out);
}

/* A netstring is parsed or thrown away, never both, and always to the same end. */
static void check_discard(struct span wire, size_t max)
{
    struct netstring_discard whole, pieces;
    struct span payload;
    size_t begin, used, kept, taken, at;
    enum parse got = netstring_discard_begin(&whole, wire, max, &begin);

    if (got != PARSE_DONE)
        return;
    PROMISE(netstring_parse(wire, max, &payload, &kept) == PARSE_BAD);
    pieces = whole;
    got = netstring_discard(&whole, span_skip(wire, begin), &used);
    PROMISE(netstring_parse(wire, SIZE_MAX, &payload, &kept) == got);
    PROMISE(got != PARSE_DONE || kept == begin + used);
    for (at = begin; at < wire.len; at += taken) {
        enum parse now = netstring_discard(&pieces, (struct span){wire.ptr + at, 1}, &taken);

        if (now == PARSE_MORE)
            continue;
        PROMISE(now == got && (now == PARSE_BAD || at + taken == begin + used));
        return;
    }
    PROMISE(got == PARSE_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span wire = {(const char *)data, size};

    if (size < 2)
        return 0;
    check(span_skip(wire, 2), (size_t)data[0] << 8 | data[1]);
    check_discard(span_skip(wire, 2), (size_t)data[0] << 8 | data[1]);
    return 0;
}
