/* socketmap.c - a session of Postfix's socketmap protocol: requests and replies in order. */
#include "reply_queue.h"
#include "socketmap_message.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/netstring.h"
#include "podop/protocol.h"
#include "podop/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_BYTES_DEFAULT = 64 * 1024 };

struct socketmap_session {
    struct session_io io;
    struct reply_queue replies;
    struct table *table; /* of the last lookup; borrowed, valid while the service's serial is
                          * table_serial */
    uint64_t table_serial;
    size_t postponed;                  /* requests in state POSTPONED */
    struct netstring_discard too_long; /* a request that is longer than max_request */
};

/* The question of a request. The log shows it. */
struct query {
    struct span table, key; /* of a malformed request, table is all of it */
    uint64_t started_at_us; /* for the debug log; 0 at other levels */
};

/* The states of a request. A reply that is known at once, while no earlier reply is pending, needs
 * no request.
 *
 *     LOOKING_UP ---> POSTPONED ---> LOOKING_UP ...   there was no room for the reply, which was
 *         |               |                           dropped; the client has read its output
 *         +---------------+--------> (answered)       the reply is written, or buffered until its
 *                                                     turn; then the request is freed */
enum request_state { LOOKING_UP, POSTPONED, ANSWERED };

struct socketmap_request {
    struct reply_slot slot;
    struct socketmap_session *session;
    enum request_state state;
    struct table_op *op; /* of LOOKING_UP */
    struct query query;  /* its bytes follow this struct */
};

static struct socketmap_session *session_of(struct session *session)
{
    return (struct socketmap_session *)session;
}

static const struct socketmap_session *const_session_of(const struct session *session)
{
    return (const struct socketmap_session *)session;
}

static struct socketmap_request *request_of(struct reply_slot *slot)
{
    return CONTAINER_OF(slot, struct socketmap_request, slot);
}

static void request_free(struct reply_slot *slot)
{
    struct socketmap_request *r = request_of(slot);
    struct socketmap_session *s = r->session;

    if (r->op != NULL)
        reply_queue_cancelled(&s->replies);
    table_op_cancel(&r->op);
    s->postponed -= r->state == POSTPONED;
    s->replies.request_bytes -= r->query.table.len + r->query.key.len;
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

/* Replies */

static void log_answer(const struct socketmap_session *s, const struct query *q,
                       const struct reply *reply)
{
    if (q->started_at_us == 0) /* the debug log was off when it arrived */
        return;
    log_debug(s->io.service->log, "lookup", LOG_UINT("conn", s->io.conn),
              LOG_STR("proto", "socketmap"), LOG_SPAN("table", q->table), LOG_SPAN("key", q->key),
              LOG_REPLY(reply), LOG_MS("ms", clock_now_us() - q->started_at_us));
}

/* Writes the reply. r may be freed. table is the table's name, or NULL when there is no table. */
static void answer(struct socketmap_request *r, const char *table, const struct reply *reply)
{
    struct socketmap_session *s = r->session;

    log_answer(s, &r->query, reply);
    r->state = ANSWERED;
    socketmap_add_reply(reply_queue_begin(&s->replies, &r->slot), reply, table,
                        s->io.service->listen->max_reply);
    reply_queue_end(&s->replies, &r->slot);
}

/* Returns a lower bound of the size of the encoded reply in bytes, close to it. */
static size_t encoded_bytes(const struct socketmap_session *s, const struct reply *reply)
{
    const size_t max = s->io.service->listen->max_reply;

    if (reply->status != REPLY_FOUND)
        return reply->reason.len;
    return reply->map_value.len > max ? 0 : reply->map_value.len;
}

static void postpone(struct socketmap_request *r)
{
    r->state = POSTPONED;
    r->session->postponed++;
}

static void lookup_done(void *arg, const struct reply *reply)
{
    struct socketmap_request *r = arg;
    struct socketmap_session *s = r->session;
    const char *table = table_op_table(r->op); /* valid until this returns */
    const size_t bytes = encoded_bytes(s, reply);

    r->op = NULL; /* freed when this returns */
    reply_queue_arrived(&s->replies, bytes);
    if (reply_queue_admits(&s->replies, &r->slot, bytes))
        answer(r, table, reply);
    else
        postpone(r);
    s->io.wake(s->io.wake_arg);
}

/* Requests */

/* Returns the bytes of q as received, including those between its table and its key. */
static struct span bytes_of(const struct query *q)
{
    const size_t key_at = q->key.len == 0 ? q->table.len : (size_t)(q->key.ptr - q->table.ptr);

    return (struct span){q->table.ptr, key_at + q->key.len};
}

static struct socketmap_request *request_new(struct socketmap_session *s, const struct query *q)
{
    const struct span bytes = bytes_of(q);
    struct socketmap_request *r = xmalloc(sizeof(*r) + bytes.len);
    char *copy = (char *)(r + 1);

    *r = (struct socketmap_request){
        .session = s,
        .query =
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

/* Writes a reply that is known at once. Makes a request only if earlier replies are pending. */
static void answer_known(struct socketmap_session *s, const struct query *q, const char *table,
                         const struct reply *reply)
{
    if (s->replies.first != NULL) {
        answer(request_new(s, q), table, reply);
        return;
    }
    log_answer(s, q, reply);
    socketmap_add_reply(s->io.out, reply, table, s->io.service->listen->max_reply);
}

/* Returns a reply whose reason points into text, which has SOCKETMAP_REASON_BYTES_MAX. */
static struct reply no_such_table(const struct socketmap_session *s, struct span name, char *text)
{
    int len = snprintf(text, SOCKETMAP_REASON_BYTES_MAX, "no such table: %.*s",
                       name.len < 255 ? (int)name.len : 255, name.ptr);

    service_log_unknown_table(s->io.service, "socketmap", name);
    return (struct reply){.status = REPLY_TEMPORARY, .reason = {text, (size_t)len}};
}

/* Remembers the last table, because most clients use only one. */
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
    r->state = LOOKING_UP;
    r->op = op;
    reply_queue_expect(&r->session->replies);
    table_op_wait(op, lookup_done, r);
}

static void look_up(struct socketmap_session *s, const struct query *q, struct table *table)
{
    struct reply known;
    struct table_op *op = table_lookup(table, &(struct table_key){.key = q->key}, &known);

    if (op != NULL)
        await(request_new(s, q), op);
    else if (reply_queue_admits_known(&s->replies, encoded_bytes(s, &known)))
        answer_known(s, q, table_name(table).ptr, &known);
    else
        postpone(request_new(s, q));
}

static void refuse(struct socketmap_session *s, const struct query *q)
{
    static const struct reply refusal = {.status = REPLY_PERMANENT, .reason = {"bad request", 11}};

    answer_known(s, q, NULL, &refusal);
}

static void refuse_table(struct socketmap_session *s, const struct query *q)
{
    char text[SOCKETMAP_REASON_BYTES_MAX];
    struct reply refusal = no_such_table(s, q->table, text);

    answer_known(s, q, NULL, &refusal);
}

static void request(struct socketmap_session *s, struct span payload)
{
    struct query q = {.table = payload, .key = SPAN("")};
    struct table *table;

    s->io.service->requests.of[REQUEST_SOCKETMAP_LOOKUP]++;
    if (s->io.service->log->level >= LOG_LEVEL_DEBUG)
        q.started_at_us = clock_now_us();
    if (!socketmap_parse_request(payload, &q.table, &q.key)) {
        refuse(s, &q);
        return;
    }
    table = find_table(s, q.table);
    if (table == NULL)
        refuse_table(s, &q);
    else
        look_up(s, &q, table);
}

/* Requests that are longer than max_request */

/* Answers that there is no such key, which is true of every table. */
static void answer_long(struct socketmap_session *s)
{
    const struct reply none = {.status = REPLY_MISS,
                               .reason = SPAN("the request is longer than max_request")};
    struct query q = {.table = SPAN(""), .key = SPAN("")};

    if (s->io.service->log->level >= LOG_LEVEL_DEBUG)
        q.started_at_us = clock_now_us();
    s->io.service->requests.of[REQUEST_SOCKETMAP_LOOKUP]++;
    service_log_long_request(s->io.service, "socketmap");
    answer_known(s, &q, NULL, &none);
}

/* Throws away what has arrived of the request that is under way. */
static enum parse discard_more(struct socketmap_session *s, struct span in, size_t *used)
{
    const enum parse parsed = netstring_discard(&s->too_long, in, used);

    if (parsed == PARSE_DONE)
        answer_long(s);
    return parsed;
}

/* Throws away the request that in begins with. Returns PARSE_BAD for one that is not too long. */
static enum parse discard(struct socketmap_session *s, struct span in, size_t max, size_t *used)
{
    size_t begin, rest;
    enum parse parsed = netstring_discard_begin(&s->too_long, in, max, &begin);

    if (parsed != PARSE_DONE)
        return parsed;
    parsed = discard_more(s, span_skip(in, begin), &rest);
    *used = begin + rest;
    return parsed;
}

static enum feed feed_result(const struct socketmap_session *s, enum parse parsed)
{
    if (parsed == PARSE_BAD)
        return FEED_BAD;
    return s->too_long.is_under_way ? FEED_DISCARDING : FEED_OK;
}

static enum parse take_request(struct socketmap_session *s, struct span in, size_t max,
                               size_t *used)
{
    struct span payload;
    enum parse parsed = netstring_parse(in, max, &payload, used);

    if (parsed == PARSE_DONE)
        request(s, payload);
    else if (parsed == PARSE_BAD)
        parsed = discard(s, in, max, used);
    return parsed;
}

static enum feed socketmap_feed(struct session *session, struct span in, size_t *used)
{
    struct socketmap_session *s = session_of(session);
    const struct listen_config *listen = s->io.service->listen;
    size_t max = listen->max_request != 0 ? listen->max_request : REQUEST_BYTES_DEFAULT;

    *used = 0;
    if (s->too_long.is_under_way) {
        const enum parse parsed = discard_more(s, in, used);

        if (parsed != PARSE_DONE) {
            *used = 0;
            return feed_result(s, parsed);
        }
    }
    while (*used < in.len && !socketmap_is_full(session)) {
        size_t taken;
        const enum parse parsed = take_request(s, span_skip(in, *used), max, &taken);

        if (parsed != PARSE_DONE)
            return feed_result(s, parsed);
        *used += taken;
    }
    return FEED_OK;
}

/* Resuming after the client has read its output */

/* Repeats the lookup of a postponed request. Finds the table again, because a reload may have
 * replaced it. */
static void retry(struct socketmap_request *r)
{
    struct socketmap_session *s = r->session;
    struct table *table = service_find_table(s->io.service, r->query.table);
    char text[SOCKETMAP_REASON_BYTES_MAX];
    struct reply known;
    struct table_op *op = NULL;

    s->postponed--;
    r->state = LOOKING_UP;
    if (table == NULL)
        known = no_such_table(s, r->query.table, text);
    else
        op = table_lookup(table, &(struct table_key){.key = r->query.key}, &known);
    if (op == NULL)
        answer(r, table == NULL ? NULL : table_name(table).ptr, &known);
    else
        await(r, op);
}

static struct socketmap_request *first_postponed(const struct socketmap_session *s)
{
    struct reply_slot *slot = s->replies.first;

    while (request_of(slot)->state != POSTPONED)
        slot = slot->next;
    return request_of(slot);
}

static void socketmap_output_drained(struct session *session)
{
    struct socketmap_session *s = session_of(session);

    while (s->postponed > 0) {
        struct socketmap_request *r = first_postponed(s);

        if (!reply_queue_may_retry(&s->replies, &r->slot))
            return;
        retry(r);
    }
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
