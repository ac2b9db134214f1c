/* socketmap.c - Postfix's socketmap protocol: one netstring in, one out, in order. */

#include "protocols.h"
#include "reply_queue.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/netstring.h"
#include "podop/table.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    REQUEST_BYTES_DEFAULT = 64 * 1024,
    /* Postfix shows 200 bytes of a reason (src/util/dict_sockmap.c); more are for a human's eyes
     * elsewhere, and must leave room in max_reply. */
    REASON_BYTES_MAX = 400,
};

struct socketmap_session {
    struct session_io io;
    struct reply_queue replies;
    struct table *table; /* the last that was asked; borrowed, under this serial of the service */
    uint64_t table_serial;
    size_t put_off; /* requests that are asked again when the client has room */
};

/* What was asked, as the log shows it. */
struct question {
    struct span table, key; /* of a bad request, table is all of it */
    uint64_t started_at_us; /* for the debug log; 0 at other levels */
};

/* An answer that could not be given at once. */
struct socketmap_request {
    struct reply_slot slot;
    struct socketmap_session *session;
    struct table_op *op;
    bool is_put_off;          /* its answer came when there was no room for it */
    struct question question; /* its bytes follow this struct */
};

static struct socketmap_session *session_of(struct session *session)
{
    return (struct socketmap_session *)session;
}

static const struct socketmap_session *const_session_of(const struct session *session)
{
    return (const struct socketmap_session *)session;
}

static void request_free(struct reply_slot *slot)
{
    struct socketmap_request *r = CONTAINER_OF(slot, struct socketmap_request, slot);

    struct socketmap_session *s = r->session;

    if (r->op != NULL)
        reply_queue_cancelled(&s->replies);
    table_op_cancel(&r->op);
    s->put_off -= r->is_put_off;
    s->replies.request_bytes -= r->question.table.len + r->question.key.len;
    free(r);
}

static bool socketmap_claims(char first_byte)
{
    return first_byte >= '0' && first_byte <= '9';
}

static struct session *socketmap_open(const struct session_io *io)
{
    struct socketmap_session *s = xcalloc(1, sizeof(*s));

    s->io = *io;
    service_ref(s->io.service);
    reply_queue_init(&s->replies, s->io.out, s->io.is_under_memory_pressure, request_free);
    return (struct session *)s;
}

static void socketmap_close(struct session **psession)
{
    struct socketmap_session *s = session_of(*psession);

    if (s == NULL)
        return;
    *psession = NULL;
    reply_queue_deinit(&s->replies);
    service_unref(&s->io.service);
    free(s);
}

static size_t socketmap_pending(const struct session *session)
{
    return const_session_of(session)->replies.count;
}

static bool socketmap_is_full(const struct session *session)
{
    return reply_queue_is_full(&const_session_of(session)->replies);
}

static size_t socketmap_buffered_bytes(const struct session *session)
{
    const struct reply_queue *replies = &const_session_of(session)->replies;

    return replies->buffered_bytes + replies->request_bytes;
}

/* What the table found, or why that cannot be told. */
static void encode_value(struct buf *out, struct span value, const char *table, size_t max_reply)
{
    const char *why = NULL;

    if (value.len > max_reply - SPAN("OK ").len)
        why = "the value is longer than a reply may be";
    else if (span_has_byte(value, '\0'))
        why = "the value has a NUL byte";
    if (why != NULL) {
        char text[REASON_BYTES_MAX];
        int len = snprintf(text, sizeof(text), "table %s: %s", table, why);

        netstring_add(out, SPAN("PERM "), (struct span){text, (size_t)len});
    } else if (value.len == 0) { /* an empty result is an error there */
        netstring_add(out, SPAN("NOTFOUND "), SPAN(""));
    } else {
        netstring_add(out, SPAN("OK "), value);
    }
}

static void encode(struct buf *out, const struct reply *reply, const char *table, size_t max_reply)
{
    struct span reason = reply->reason;

    if (reason.len > REASON_BYTES_MAX)
        reason.len = REASON_BYTES_MAX;
    switch (reply->status) {
    case REPLY_FOUND: encode_value(out, reply->map_value, table, max_reply); return;
    case REPLY_MISS: netstring_add(out, SPAN("NOTFOUND "), SPAN("")); return;
    case REPLY_UNCERTAIN: /* of writes only */
    case REPLY_TEMPORARY: netstring_add(out, SPAN("TEMP "), reason); return;
    case REPLY_TIMEOUT: netstring_add(out, SPAN("TIMEOUT "), reason); return;
    case REPLY_PERMANENT: netstring_add(out, SPAN("PERM "), reason); return;
    }
}

static void log_answer(const struct socketmap_session *s, const struct question *q,
                       const struct reply *reply)
{
    if (q->started_at_us == 0) /* it came before the log was told to show such */
        return;
    log_debug(s->io.service->log, "lookup", LOG_UINT("conn", s->io.conn),
              LOG_STR("proto", "socketmap"), LOG_SPAN("table", q->table), LOG_SPAN("key", q->key),
              LOG_REPLY(reply), LOG_MS("ms", clock_now_us() - q->started_at_us));
}

/* table is NULL where none was found. */
static void answer(struct socketmap_request *r, const char *table, const struct reply *reply)
{
    struct socketmap_session *s = r->session;

    log_answer(s, &r->question, reply);
    encode(reply_queue_begin(&s->replies, &r->slot), reply, table,
           s->io.service->listen->max_reply);
    reply_queue_end(&s->replies, &r->slot);
}

/* How many bytes the answer will have, or somewhat less. */
static size_t answer_bytes(const struct socketmap_session *s, const struct reply *reply)
{
    const size_t max = s->io.service->listen->max_reply;

    if (reply->status != REPLY_FOUND)
        return reply->reason.len;
    return reply->map_value.len > max ? 0 : reply->map_value.len;
}

/* Its answer is dropped, and asked for again when there is room. */
static void put_off(struct socketmap_request *r)
{
    r->is_put_off = true;
    r->session->put_off++;
}

static void lookup_done(void *arg, const struct reply *reply)
{
    struct socketmap_request *r = arg;
    struct socketmap_session *s = r->session;
    const char *table = table_op_table(r->op); /* stays until this returns */
    const size_t bytes = answer_bytes(s, reply);

    r->op = NULL; /* it ends by itself: nothing left to cancel */
    reply_queue_arrived(&s->replies, bytes);
    if (reply_queue_admits(&s->replies, &r->slot, bytes))
        answer(r, table, reply);
    else
        put_off(r);
    s->io.wake(s->io.wake_arg);
}

/* The bytes of q as they came, with what is between its table and its key. */
static struct span bytes_of(const struct question *q)
{
    const size_t key_at = q->key.len == 0 ? q->table.len : (size_t)(q->key.ptr - q->table.ptr);

    return (struct span){q->table.ptr, key_at + q->key.len};
}

static struct socketmap_request *request_new(struct socketmap_session *s, const struct question *q)
{
    const struct span bytes = bytes_of(q);
    struct socketmap_request *r = xmalloc(sizeof(*r) + bytes.len);
    char *copy = (char *)(r + 1);

    *r = (struct socketmap_request){
        .session = s,
        .question =
            {
                .table = {copy, q->table.len},
                .key = {copy + bytes.len - q->key.len, q->key.len},
                .started_at_us = q->started_at_us,
            },
    };
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    s->replies.request_bytes += q->table.len + q->key.len;
    reply_queue_add(&s->replies, &r->slot);
    return r;
}

/* What is known at once leaves at once, unless others are owed before. */
static void answer_known(struct socketmap_session *s, const struct question *q, const char *table,
                         const struct reply *reply)
{
    if (s->replies.first != NULL) {
        answer(request_new(s, q), table, reply);
        return;
    }
    log_answer(s, q, reply);
    encode(s->io.out, reply, table, s->io.service->listen->max_reply);
}

static void refuse(struct socketmap_session *s, const struct question *q, const char *why)
{
    answer_known(s, q, NULL, &(struct reply){.status = REPLY_PERMANENT, .reason = span_of(why)});
}

/* text keeps its reason. */
static struct reply no_table(const struct socketmap_session *s, struct span name,
                             char text[REASON_BYTES_MAX])
{
    int len = snprintf(text, REASON_BYTES_MAX, "no such table: %.*s",
                       name.len < 255 ? (int)name.len : 255, name.ptr);

    service_log_unknown_table(s->io.service, "socketmap", name);
    return (struct reply){.status = REPLY_TEMPORARY, .reason = {text, (size_t)len}};
}

/* Most clients ask one table again and again. */
static struct table *find_table(struct socketmap_session *s, struct span name)
{
    struct service *service = s->io.service;

    if (s->table == NULL || s->table_serial != service->serial ||
        !span_equal(table_name(s->table), name)) {
        s->table = service_find_table(service, name);
        s->table_serial = service->serial;
    }
    return s->table;
}

static void await(struct socketmap_request *r, struct table_op *op)
{
    r->op = op;
    reply_queue_expect(&r->session->replies);
    table_op_wait(op, lookup_done, r);
}

static void look_up(struct socketmap_session *s, const struct question *q, struct table *table)
{
    struct reply known;
    struct table_op *op = table_lookup(table, &(struct table_key){.key = q->key}, &known);

    if (op != NULL)
        await(request_new(s, q), op);
    else if (reply_queue_admits_known(&s->replies, answer_bytes(s, &known)))
        answer_known(s, q, table_name(table).ptr, &known);
    else
        put_off(request_new(s, q));
}

static void refuse_table(struct socketmap_session *s, const struct question *q)
{
    char text[REASON_BYTES_MAX];
    struct reply reply = no_table(s, q->table, text);

    answer_known(s, q, NULL, &reply);
}

/* "TABLE KEY": the key is all that is behind the first blank, whatever the bytes. */
static void request(struct socketmap_session *s, struct span payload)
{
    const char *blank = payload.len == 0 ? NULL : memchr(payload.ptr, ' ', payload.len);
    struct question q = {.table = payload, .key = SPAN("")};
    struct table *table;

    if (s->io.service->log->level >= LOG_LEVEL_DEBUG)
        q.started_at_us = clock_now_us();
    if (blank == NULL) {
        refuse(s, &q, "bad request");
        return;
    }
    q.table.len = (size_t)(blank - payload.ptr);
    q.key = span_skip(payload, q.table.len + 1);
    table = find_table(s, q.table);
    if (table == NULL)
        refuse_table(s, &q);
    else
        look_up(s, &q, table);
}

/* Asks again for an answer that there was no room for; a reload may have changed the tables. */
static void ask_again(struct socketmap_request *r)
{
    struct socketmap_session *s = r->session;
    struct table *table = service_find_table(s->io.service, r->question.table);
    char text[REASON_BYTES_MAX];
    struct reply known;
    struct table_op *op = NULL;

    r->is_put_off = false;
    s->put_off--;
    if (table == NULL)
        known = no_table(s, r->question.table, text);
    else
        op = table_lookup(table, &(struct table_key){.key = r->question.key}, &known);
    if (op == NULL)
        answer(r, table == NULL ? NULL : table_name(table).ptr, &known);
    else
        await(r, op);
}

static struct socketmap_request *first_put_off(const struct socketmap_session *s)
{
    struct reply_slot *slot = s->replies.first;

    while (!CONTAINER_OF(slot, struct socketmap_request, slot)->is_put_off)
        slot = slot->next;
    return CONTAINER_OF(slot, struct socketmap_request, slot);
}

static void socketmap_output_drained(struct session *session)
{
    struct socketmap_session *s = session_of(session);

    while (s->put_off > 0) {
        struct socketmap_request *r = first_put_off(s);

        if (!reply_queue_may_retry(&s->replies, &r->slot))
            return;
        ask_again(r);
    }
}

static enum feed socketmap_feed(struct session *session, struct span in, size_t *used)
{
    struct socketmap_session *s = session_of(session);
    const struct listen_config *listen = s->io.service->listen;
    size_t max = listen->max_request != 0 ? listen->max_request : REQUEST_BYTES_DEFAULT;

    *used = 0;
    while (!socketmap_is_full(session)) {
        struct span payload;
        size_t taken;

        switch (netstring_parse(span_skip(in, *used), max, &payload, &taken)) {
        case PARSE_MORE: return FEED_OK;
        case PARSE_BAD: return FEED_BAD;
        case PARSE_DONE: break;
        }
        *used += taken;
        request(s, payload);
    }
    return FEED_OK;
}

const struct protocol_ops protocol_socketmap = {
    .name = "socketmap",
    .modes = SERVES_AUTO | SERVES_POSTFIX,
    .claims = socketmap_claims,
    .open = socketmap_open,
    .feed = socketmap_feed,
    .pending = socketmap_pending,
    .is_full = socketmap_is_full,
    .buffered_bytes = socketmap_buffered_bytes,
    .output_drained = socketmap_output_drained,
    .close = socketmap_close,
};
