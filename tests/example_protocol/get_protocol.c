/* get_protocol.c - a line protocol: "GET TABLE KEY" is answered with "OK VALUE", "NO" or
 * "TEMP REASON". The example of docs/howto-protocol.md. */
#include "protocol/reply_queue.h"

#include "podop/mem.h"
#include "podop/protocol.h"
#include "podop/table.h"
#include "podop/tabline.h"

#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 4096 };

struct get_session {
    struct session_io io;
    struct reply_queue replies;
};

struct get_request {
    struct reply_slot slot;
    struct get_session *session;
    struct table_op *op; /* the lookup, while it is in flight */
};

static struct get_session *session_of(struct session *session)
{
    return (struct get_session *)session;
}

static const struct get_session *const_session_of(const struct session *session)
{
    return (const struct get_session *)session;
}

static bool get_claims(char first_byte)
{
    return first_byte == 'G';
}

/* Called for each slot that leaves the queue: its reply was sent, or the session is closed. */
static void request_free(struct reply_slot *slot)
{
    struct get_request *r = CONTAINER_OF(slot, struct get_request, slot);

    if (r->op != NULL)
        reply_queue_cancelled(&r->session->replies);
    table_op_cancel(&r->op);
    free(r);
}

static struct session *get_open(const struct session_io *io)
{
    struct get_session *s = xcalloc(1, sizeof(*s));

    s->io = *io;
    service_ref(s->io.service);
    reply_queue_init(&s->replies, s->io.out, s->io.is_under_memory_pressure, request_free);
    return (struct session *)s;
}

static void get_close(struct session **psession)
{
    struct get_session *s = session_of(*psession);

    if (s == NULL)
        return;
    *psession = NULL;
    reply_queue_deinit(&s->replies);
    service_unref(&s->io.service);
    free(s);
}

static void add_line(struct buf *out, struct span word, struct span text)
{
    if (span_has_byte(text, '\n')) {
        add_line(out, SPAN("TEMP "), SPAN("the text has a line feed"));
        return;
    }
    buf_add(out, word);
    buf_add(out, text);
    buf_add_char(out, '\n');
}

static void add_reply(struct buf *out, const struct reply *reply)
{
    switch (reply->status) {
    case REPLY_FOUND: add_line(out, SPAN("OK "), reply->map_value); return;
    case REPLY_MISS: add_line(out, SPAN("NO"), SPAN("")); return;
    case REPLY_TEMPORARY:
    case REPLY_TIMEOUT:
    case REPLY_UNCERTAIN: /* of writes only */
    case REPLY_PERMANENT: add_line(out, SPAN("TEMP "), reply->reason); return;
    }
}

/* Writes the reply. r may be freed when this returns. */
static void answer(struct get_request *r, const struct reply *reply)
{
    static const struct reply too_much = {.status = REPLY_TEMPORARY,
                                          .reason = {"too many unread replies", 23}};
    struct reply_queue *replies = &r->session->replies;

    if (!reply_queue_admits(replies, &r->slot, reply->map_value.len + reply->reason.len))
        reply = &too_much;
    add_reply(reply_queue_begin(replies, &r->slot), reply);
    reply_queue_end(replies, &r->slot);
}

static void lookup_done(void *arg, const struct reply *reply)
{
    struct get_request *r = arg;
    struct get_session *s = r->session;

    r->op = NULL; /* freed when this returns */
    reply_queue_arrived(&s->replies, reply->map_value.len);
    answer(r, reply);
    s->io.wake(s->io.wake_arg);
}

static void look_up(struct get_request *r, struct table *table, struct span key)
{
    struct reply known;

    r->op = table_lookup(table, &(struct table_key){.key = key}, &known);
    if (r->op == NULL) {
        answer(r, &known);
        return;
    }
    reply_queue_expect(&r->session->replies);
    table_op_wait(r->op, lookup_done, r);
}

static void request(struct get_session *s, struct span name, struct span key)
{
    struct get_request *r = xcalloc(1, sizeof(*r));
    struct table *table = service_find_table(s->io.service, name);

    r->session = s;
    reply_queue_add(&s->replies, &r->slot);
    if (table != NULL) {
        look_up(r, table, key);
        return;
    }
    service_log_unknown_table(s->io.service, "get", name);
    answer(r, &(struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("no such table")});
}

/* Returns false for a line that is not "GET TABLE KEY". */
static bool parse_request(struct span line, struct span *name, struct span *key)
{
    const struct span rest = span_skip(line, SPAN("GET ").len);
    const char *blank;

    if (!span_starts_with(line, SPAN("GET ")) || rest.len == 0)
        return false;
    blank = memchr(rest.ptr, ' ', rest.len);
    if (blank == NULL)
        return false;
    *name = (struct span){rest.ptr, (size_t)(blank - rest.ptr)};
    *key = span_skip(rest, name->len + 1);
    return true;
}

static bool get_is_full(const struct session *session)
{
    return reply_queue_is_full(&const_session_of(session)->replies);
}

static enum feed get_feed(struct session *session, struct span in, size_t *used)
{
    *used = 0;
    while (!get_is_full(session)) {
        struct span line, name, key;
        size_t taken;
        enum parse parsed = tabline_parse(span_skip(in, *used), LINE_BYTES_MAX, &line, &taken);

        if (parsed == PARSE_MORE)
            return FEED_OK;
        if (parsed == PARSE_BAD || !parse_request(line, &name, &key))
            return FEED_BAD;
        *used += taken;
        request(session_of(session), name, key);
    }
    return FEED_OK;
}

static size_t get_pending(const struct session *session)
{
    return const_session_of(session)->replies.count;
}

static size_t get_buffered_bytes(const struct session *session)
{
    return const_session_of(session)->replies.buffered_bytes;
}

const struct protocol_ops protocol_get = {
    .name = "get",
    .modes = SERVES_AUTO,
    .claims = get_claims,
    .open = get_open,
    .feed = get_feed,
    .pending = get_pending,
    .is_full = get_is_full,
    .buffered_bytes = get_buffered_bytes,
    .close = get_close,
};
