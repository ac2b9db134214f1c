/* The first byte is the size of the pieces, the rest is the output of a server. */
#include "fuzz.h"

#include "backend/http/http1_parse.h"
#include "podop/buf.h"

struct outcome {
    enum http1_event event;
    struct http1 p;
    struct buf body;
    size_t used;
};

static void feed(struct outcome *o, struct buf *in, struct span piece)
{
    struct span rest, part = {NULL, 0};
    size_t used = 0;

    buf_add(in, piece);
    rest = buf_span(in);
    do {
        o->event = http1_parse(&o->p, rest, &used, &part);
        PROMISE(used <= rest.len);
        if (o->event == HTTP1_BODY) {
            PROMISE(part.len > 0 && part.ptr >= rest.ptr && part.ptr + part.len == rest.ptr + used);
            buf_add(&o->body, part);
        }
        rest = span_skip(rest, used);
        o->used += used;
    } while (o->event == HTTP1_BODY);
    PROMISE(o->event != HTTP1_MORE || rest.len <= HTTP1_HEAD_BYTES_MAX);
    PROMISE(o->event != HTTP1_BAD || o->p.fault != NULL);
    buf_drop(in, in->len - rest.len);
}

static void parse(struct outcome *o, struct span wire, size_t piece_bytes)
{
    struct buf in;

    *o = (struct outcome){.event = HTTP1_MORE};
    http1_start(&o->p);
    buf_init(&in, SIZE_MAX);
    buf_init(&o->body, SIZE_MAX);
    while (o->event == HTTP1_MORE && wire.len > 0) {
        struct span piece = {wire.ptr, wire.len < piece_bytes ? wire.len : piece_bytes};

        feed(o, &in, piece);
        wire = span_skip(wire, piece.len);
    }
    buf_deinit(&in);
}

/* The result does not depend on the pieces; only an error may be found earlier. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole, cut;
    struct span wire;

    if (size < 1)
        return 0;
    wire = span_skip((struct span){(const char *)data, size}, 1);
    parse(&whole, wire, SIZE_MAX);
    parse(&cut, wire, (size_t)data[0] + 1);
    PROMISE(whole.event == cut.event);
    PROMISE(whole.event == HTTP1_BAD || whole.used == cut.used);
    PROMISE(whole.event == HTTP1_BAD || whole.p.status == cut.p.status);
    PROMISE(span_equal(buf_span(&whole.body), buf_span(&cut.body)));
    PROMISE(whole.event != HTTP1_END || http1_keeps_alive(&whole.p) == http1_keeps_alive(&cut.p));
    PROMISE(whole.event != HTTP1_END || !http1_ends_by_close(&whole.p));
    PROMISE(whole.event == HTTP1_BAD || strcmp(whole.p.content_type, cut.p.content_type) == 0);
    PROMISE(whole.event == HTTP1_BAD ||
            strcmp(whole.p.content_encoding, cut.p.content_encoding) == 0);
    PROMISE(whole.body.len <= whole.used);
    buf_deinit(&whole.body);
    buf_deinit(&cut.body);
    return 0;
}
