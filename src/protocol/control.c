/* control.c - the control socket, on which podopctl asks what podop knows and gives orders: one
 * JSON object a line, and one for each answer, in order. podop(8) has the commands. */

#include "protocols.h"
#include "reply_queue.h"

#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/table.h"
#include "podop/tabline.h"

#include <stdlib.h>

enum {
    LINE_BYTES_MAX = 256 * 1024,
    NOTES_BYTES_MAX = 256 * 1024, /* of one explanation */
    EXPLANATIONS_MAX = 4, /* under way: each answer may be long, and wait here for its turn */
};

struct control_session {
    struct session_io io;
    struct reply_queue replies;
    bool is_reloading;   /* what was asked after a reload is asked of what it leads to */
    size_t explanations; /* not ended, or waiting for their turn */
};

struct control_request {
    struct reply_slot slot;
    struct control_session *session;
    bool is_explanation; /* that had to wait */
    struct table_op *op; /* of it, until it ends */
    struct buf notes;
    struct reload_request reload;
    struct buf faults; /* of a reload */
};

/* What a request may hold; absent members are NULL. */
struct order {
    struct buf command, table, key, user;
    bool has_key, has_user;
};

static struct control_session *session_of(struct session *session)
{
    return (struct control_session *)session;
}

static const struct control_session *const_session_of(const struct session *session)
{
    return (const struct control_session *)session;
}

static void request_free(struct reply_slot *slot)
{
    struct control_request *r = CONTAINER_OF(slot, struct control_request, slot);

    r->session->explanations -= r->is_explanation;
    table_op_cancel(&r->op);
    reload_request_cancel(&r->reload);
    buf_deinit(&r->notes);
    buf_deinit(&r->faults);
    free(r);
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
    reply_queue_init(&s->replies, s->io.out, NULL, request_free);
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

/* Reading a request */

static void order_init(struct order *order)
{
    *order = (struct order){.has_key = false};
    buf_init(&order->command, LINE_BYTES_MAX);
    buf_init(&order->table, LINE_BYTES_MAX);
    buf_init(&order->key, LINE_BYTES_MAX);
    buf_init(&order->user, LINE_BYTES_MAX);
}

static void order_deinit(struct order *order)
{
    buf_deinit(&order->command);
    buf_deinit(&order->table);
    buf_deinit(&order->key);
    buf_deinit(&order->user);
}

static bool take_text(struct span line, const char *pointer, struct buf *to)
{
    if (!json_select(&line, span_of(pointer)) || json_kind(line) != JSON_STRING)
        return false;
    json_add_text(to, line);
    return true;
}

static bool order_parse(struct order *order, struct span line)
{
    struct error ignored;

    if (json_check(line, &ignored) == -1 || json_kind(line) != JSON_OBJECT ||
        !take_text(line, "/command", &order->command))
        return false;
    take_text(line, "/table", &order->table);
    order->has_key = take_text(line, "/key", &order->key);
    order->has_user = take_text(line, "/user", &order->user);
    return true;
}

static bool is_command(const struct order *order, struct span name)
{
    return span_equal(buf_span(&order->command), name);
}

static struct table_key key_of(const struct order *order)
{
    return (struct table_key){.key = buf_span(&order->key),
                              .user = buf_span(&order->user),
                              .is_private = order->has_user};
}

/* Writing an answer */

static struct buf *begin(struct control_request *r, bool is_ok)
{
    struct buf *out = reply_queue_begin(&r->session->replies, &r->slot);

    buf_add(out, is_ok ? SPAN("{\"ok\":true") : SPAN("{\"ok\":false"));
    return out;
}

static void end(struct control_request *r)
{
    struct reply_queue *queue = &r->session->replies;

    buf_add(reply_queue_begin(queue, &r->slot), SPAN("}\n"));
    reply_queue_end(queue, &r->slot);
}

static void refuse(struct control_request *r, const char *why, struct span name)
{
    struct buf *out = begin(r, false);
    struct buf text;

    buf_init(&text, strlen(why) + name.len);
    buf_add(&text, span_of(why));
    buf_add(&text, name);
    json_add_member(out, "error", buf_span(&text));
    buf_deinit(&text);
    end(r);
}

static void refuse_table(struct control_request *r, struct span name)
{
    service_log_unknown_table(r->session->io.service, "control", name);
    refuse(r, "no such table: ", name);
}

/* The commands */

static void add_fault(void *arg, const char *text)
{
    struct control_request *r = arg;

    json_add_comma(&r->faults);
    json_add_bytes(&r->faults, span_of(text));
}

static void reloaded(void *arg, int status)
{
    struct control_request *r = arg;
    struct control_session *s = r->session;
    struct buf *out = begin(r, status == 0);

    s->is_reloading = false;
    if (status == -1) {
        json_add_member(out, "error", SPAN("nothing has changed"));
        json_add_name(out, "faults");
        buf_add_char(out, '[');
        buf_add(out, buf_span(&r->faults));
        buf_add_char(out, ']');
    }
    end(r);
    s->io.wake(s->io.wake_arg);
}

static void reload(struct control_request *r)
{
    const struct admin *admin = r->session->io.service->admin;

    r->reload = (struct reload_request){.report = add_fault, .done = reloaded, .arg = r};
    r->session->is_reloading = true;
    admin->reload(admin->arg, &r->reload);
}

static void stats(struct control_request *r)
{
    const struct admin *admin = r->session->io.service->admin;

    admin->stats(admin->arg, begin(r, true));
    end(r);
}

static void flush(struct control_request *r, const struct order *order, struct table *table)
{
    const struct table_key key = key_of(order);

    if (order->has_key)
        table_drop(table, &key);
    else
        table_clear(table);
    begin(r, true);
    end(r);
}

/* An empty value is none for Postfix, which is told of a miss. */
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

static void add_explanation(struct control_request *r, const struct reply *reply)
{
    struct buf *out = begin(r, true);

    json_add_member(out, "status", span_of(reply_status_name(reply->status)));
    add_answer(out, reply);
    json_add_name(out, "notes");
    buf_add_char(out, '[');
    buf_add(out, buf_span(&r->notes));
    buf_add_char(out, ']');
    end(r);
}

static void explained(void *arg, const struct reply *reply)
{
    struct control_request *r = arg;
    struct control_session *s = r->session;

    r->op = NULL;
    add_explanation(r, reply);
    s->io.wake(s->io.wake_arg);
}

static void explain(struct control_request *r, const struct order *order, struct table *table)
{
    const struct table_key key = key_of(order);
    struct reply known;

    if (!order->has_key) {
        refuse(r, "'key' is missing", SPAN(""));
        return;
    }
    r->op = table_explain(table, &key, &r->notes, &known);
    if (r->op == NULL) {
        add_explanation(r, &known);
        return;
    }
    r->is_explanation = true;
    r->session->explanations++;
    table_op_wait(r->op, explained, r);
}

/* No user is nobody, and what tells keys apart has a NUL behind the user. */
static bool has_bad_user(const struct order *order)
{
    return order->has_user && (order->user.len == 0 || span_has_byte(buf_span(&order->user), '\0'));
}

static void run(struct control_request *r, const struct order *order)
{
    bool is_explain = is_command(order, SPAN("explain"));
    struct table *table;

    if (is_command(order, SPAN("stats"))) {
        stats(r);
        return;
    }
    if (is_command(order, SPAN("reload"))) {
        reload(r);
        return;
    }
    if (!is_explain && !is_command(order, SPAN("flush"))) {
        refuse(r, "no such command: ", buf_span(&order->command));
        return;
    }
    table = service_find_table(r->session->io.service, buf_span(&order->table));
    if (has_bad_user(order))
        refuse(r, "'user' is empty or has a NUL byte", SPAN(""));
    else if (table == NULL)
        refuse_table(r, buf_span(&order->table));
    else if (is_explain)
        explain(r, order, table);
    else
        flush(r, order, table);
}

static void on_line(struct control_session *s, struct span line)
{
    struct control_request *r = xcalloc(1, sizeof(*r));
    struct order order;

    r->session = s;
    buf_init(&r->notes, NOTES_BYTES_MAX);
    buf_init(&r->faults, SIZE_MAX);
    reply_queue_add(&s->replies, &r->slot);
    order_init(&order);
    if (order_parse(&order, line))
        run(r, &order);
    else
        refuse(r, "a request is a JSON object with a 'command'", SPAN(""));
    order_deinit(&order);
}

static enum feed control_feed(struct session *session, struct span in, size_t *used)
{
    struct control_session *s = session_of(session);

    *used = 0;
    while (!control_is_full(session)) {
        struct span line;
        size_t taken;

        switch (tabline_parse(span_skip(in, *used), LINE_BYTES_MAX, &line, &taken)) {
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
