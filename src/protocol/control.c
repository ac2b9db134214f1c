/* control.c - a session of the control socket, which podopctl uses: each request and each reply is
 * a JSON object on one line, and replies are in order. podop(8) describes the commands. */
#include "control_request.h"
#include "reply_queue.h"

#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/protocol.h"
#include "podop/table.h"
#include "podop/tabline.h"

#include <stdlib.h>

enum {
    NOTES_BYTES_MAX = 256 * 1024, /* of one explanation */
    EXPLANATIONS_MAX =
        4, /* pending at a time, because each reply may be long, and buffered until its turn */
};

struct control_session {
    struct session_io io;
    struct reply_queue replies;
    bool is_reloading;   /* further requests wait until the new configuration is in use */
    size_t explanations; /* pending */
};

/* A request whose reply is not complete. */
struct pending {
    struct reply_slot slot;
    struct control_session *session;
    bool is_explanation; /* it counts in explanations of the session */
    struct table_op *op; /* of an explanation, while it is in flight */
    struct buf notes;
    struct reload_request reload;
    struct buf faults; /* of a reload */
};

static struct control_session *session_of(struct session *session)
{
    return (struct control_session *)session;
}

static const struct control_session *const_session_of(const struct session *session)
{
    return (const struct control_session *)session;
}

static void pending_free(struct reply_slot *slot)
{
    struct pending *p = CONTAINER_OF(slot, struct pending, slot);

    p->session->explanations -= p->is_explanation;
    table_op_cancel(&p->op);
    reload_request_cancel(&p->reload);
    buf_deinit(&p->notes);
    buf_deinit(&p->faults);
    free(p);
}

static struct pending *pending_new(struct control_session *s)
{
    struct pending *p = xcalloc(1, sizeof(*p));

    p->session = s;
    buf_init(&p->notes, NOTES_BYTES_MAX);
    buf_init(&p->faults, BUF_LIMITED_BY_INPUT);
    reply_queue_add(&s->replies, &p->slot);
    return p;
}

static bool control_claims(char first_byte)
{
    return first_byte == '{';
}

static struct session *control_open(const struct session_io *io)
{
    struct control_session *s = xcalloc(1, sizeof(*s));

    s->io = *io;
    service_ref(s->io.service);
    reply_queue_init(&s->replies, s->io.out, NULL, pending_free);
    return (struct session *)s;
}

static void control_close(struct session **psession)
{
    struct control_session *s = session_of(*psession);

    if (s == NULL)
        return;
    *psession = NULL;
    reply_queue_deinit(&s->replies);
    service_unref(&s->io.service);
    free(s);
}

static size_t control_pending(const struct session *session)
{
    return const_session_of(session)->replies.count;
}

static bool control_is_full(const struct session *session)
{
    const struct control_session *s = const_session_of(session);

    return s->is_reloading || s->explanations >= EXPLANATIONS_MAX ||
           reply_queue_is_full(&s->replies);
}

static size_t control_buffered_bytes(const struct session *session)
{
    return const_session_of(session)->replies.buffered_bytes;
}

/* Replies */

static struct buf *begin(struct pending *p, bool is_ok)
{
    struct buf *out = reply_queue_begin(&p->session->replies, &p->slot);

    buf_add(out, is_ok ? SPAN("{\"ok\":true") : SPAN("{\"ok\":false"));
    return out;
}

/* Ends the reply. p may be freed. */
static void end(struct pending *p)
{
    struct reply_queue *replies = &p->session->replies;

    buf_add(reply_queue_begin(replies, &p->slot), SPAN("}\n"));
    reply_queue_end(replies, &p->slot);
}

/* Appends a member that is an array of these items. */
static void add_array(struct buf *out, const char *name, const struct buf *items)
{
    json_add_name(out, name);
    buf_add_char(out, '[');
    buf_add(out, buf_span(items));
    buf_add_char(out, ']');
}

static void refuse(struct pending *p, const char *why, struct span name)
{
    struct buf *out = begin(p, false);
    struct buf text;

    buf_init(&text, strlen(why) + name.len);
    buf_add(&text, span_of(why));
    buf_add(&text, name);
    json_add_member(out, "error", buf_span(&text));
    buf_deinit(&text);
    end(p);
}

/* The commands */

static void stats(struct pending *p)
{
    const struct admin *admin = p->session->io.service->admin;

    admin->stats(admin->arg, begin(p, true));
    end(p);
}

static void add_fault(void *arg, const char *text)
{
    struct pending *p = arg;

    json_add_comma(&p->faults);
    json_add_bytes(&p->faults, span_of(text));
}

static void reloaded(void *arg, int status)
{
    struct pending *p = arg;
    struct control_session *s = p->session;
    struct buf *out = begin(p, status == 0);

    s->is_reloading = false;
    if (status == -1) {
        json_add_member(out, "error", SPAN("nothing has changed"));
        add_array(out, "faults", &p->faults);
    }
    end(p);
    s->io.wake(s->io.wake_arg);
}

static void reload(struct pending *p)
{
    const struct admin *admin = p->session->io.service->admin;

    p->reload = (struct reload_request){.report = add_fault, .done = reloaded, .arg = p};
    p->session->is_reloading = true;
    admin->reload(admin->arg, &p->reload);
}

static struct table_key key_of(const struct control_request *request)
{
    return (struct table_key){.key = buf_span(&request->key),
                              .user = buf_span(&request->user),
                              .is_private = request->has_user};
}

static void flush(struct pending *p, const struct control_request *request, struct table *table)
{
    const struct table_key key = key_of(request);

    if (request->has_key)
        table_drop(table, &key);
    else
        table_clear(table);
    begin(p, true);
    end(p);
}

/* Without "postfix" when the value is empty, because that is a miss for Postfix. */
static void add_answer(struct buf *out, const struct reply *reply)
{
    if (reply->status != REPLY_FOUND) {
        if (reply->reason.len > 0)
            json_add_member(out, "reason", reply->reason);
        return;
    }
    if (reply->map_value.len > 0)
        json_add_member(out, "postfix", reply->map_value);
    json_add_member(out, "dovecot", reply->dict_value);
}

static void add_explanation(struct pending *p, const struct reply *reply)
{
    struct buf *out = begin(p, true);

    json_add_member(out, "status", span_of(reply_status_name(reply->status)));
    add_answer(out, reply);
    add_array(out, "notes", &p->notes);
    end(p);
}

static void explained(void *arg, const struct reply *reply)
{
    struct pending *p = arg;
    struct control_session *s = p->session;

    p->op = NULL; /* freed when this returns */
    add_explanation(p, reply);
    s->io.wake(s->io.wake_arg);
}

static void explain(struct pending *p, const struct control_request *request, struct table *table)
{
    const struct table_key key = key_of(request);
    struct reply known;

    if (!request->has_key) {
        refuse(p, "'key' is missing", SPAN(""));
        return;
    }
    p->op = table_explain(table, &key, &p->notes, &known);
    if (p->op == NULL) {
        add_explanation(p, &known);
        return;
    }
    p->is_explanation = true;
    p->session->explanations++;
    table_op_wait(p->op, explained, p);
}

/* An empty user would mean a shared key. A NUL byte separates user and key in a key's identity. */
static bool has_bad_user(const struct control_request *request)
{
    return request->has_user &&
           (request->user.len == 0 || span_has_byte(buf_span(&request->user), '\0'));
}

static void run_on_table(struct pending *p, const struct control_request *request)
{
    struct service *service = p->session->io.service;
    const struct span name = buf_span(&request->table);
    struct table *table = service_find_table(service, name);

    if (has_bad_user(request)) {
        refuse(p, "'user' is empty or has a NUL byte", SPAN(""));
    } else if (table == NULL) {
        service_log_unknown_table(service, "control", name);
        refuse(p, "no such table: ", name);
    } else if (request->command == CONTROL_EXPLAIN) {
        explain(p, request, table);
    } else {
        flush(p, request, table);
    }
}

static void run(struct pending *p, const struct control_request *request)
{
    switch (request->command) {
    case CONTROL_STATS: stats(p); return;
    case CONTROL_RELOAD: reload(p); return;
    case CONTROL_EXPLAIN:
    case CONTROL_FLUSH: run_on_table(p, request); return;
    case CONTROL_UNKNOWN: refuse(p, "no such command: ", buf_span(&request->name)); return;
    }
}

static void on_line(struct control_session *s, struct span line)
{
    struct pending *p = pending_new(s);
    struct control_request request;

    s->io.service->requests.of[REQUEST_CONTROL]++;
    control_request_init(&request);
    if (control_request_parse(&request, line))
        run(p, &request);
    else
        refuse(p, "a request is a JSON object with a 'command'", SPAN(""));
    control_request_deinit(&request);
}

static enum feed control_feed(struct session *session, struct span in, size_t *used)
{
    struct control_session *s = session_of(session);

    *used = 0;
    while (!control_is_full(session)) {
        struct span line;
        size_t taken;

        switch (tabline_parse(span_skip(in, *used), CONTROL_LINE_BYTES_MAX, &line, &taken)) {
        case PARSE_MORE: return FEED_OK;
        case PARSE_BAD: return FEED_BAD;
        case PARSE_DONE: break;
        }
        *used += taken;
        on_line(s, line);
    }
    return FEED_OK;
}

const struct protocol_ops protocol_control = {
    .name = "control",
    .modes = SERVES_CONTROL,
    .claims = control_claims,
    .open = control_open,
    .feed = control_feed,
    .pending = control_pending,
    .is_full = control_is_full,
    .buffered_bytes = control_buffered_bytes,
    .close = control_close,
};
