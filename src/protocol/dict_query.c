/* dict_query.c - lookups and iterations. A lookup has one path. An iteration has one or more paths,
 * asks for them in turn, and sends rows: all keys below a path, or with is_exact the key itself. */
#include "dict_session.h"

#include "podop/mem.h"

static void run_path_done(struct dict_request *r, const struct reply *reply);

static size_t encoded_bytes(const struct reply *reply)
{
    return reply->dict_value.len + reply->reason.len;
}

/* Rows */

/* Returns whether the iterations of this client must pause until the client has read its output. */
static bool has_too_much_output(const struct dict_session *s)
{
    const size_t unread = s->io.out->len;

    return unread >= REPLY_QUEUE_UNREAD_BYTES_MAX ||
           (unread > 0 && *s->replies.is_under_memory_pressure);
}

static void add_row(void *arg, struct span name, struct span value)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;

    dict_begin_reply(s->io.out, r->slot.id);
    dict_add_row(s->io.out, r->name, name, value);
    if (r->iteration != NULL && has_too_much_output(s))
        table_iteration_pause(r->iteration);
    s->io.wake(s->io.wake_arg);
}

/* Asking the table for a path */

static void lookup_done(void *arg, const struct reply *reply)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;
    const size_t bytes = encoded_bytes(reply);

    r->op = NULL; /* freed when this returns */
    dict_request_set_state(r, DICT_STARTING);
    reply_queue_arrived(&s->replies, bytes);
    if (reply_queue_admits(&s->replies, &r->slot, bytes))
        run_path_done(r, reply);
    else
        dict_request_postpone(r, DICT_POSTPONED_PATH);
    dict_order_continue(s);
}

static void await(struct dict_request *r, struct table_op *op)
{
    r->op = op;
    dict_request_set_state(r, DICT_LOOKING_UP);
    reply_queue_expect(&r->session->replies);
    table_op_wait(op, lookup_done, r);
}

/* Returns whether *known is the reply; otherwise r waits. */
static bool look_up(struct dict_request *r, struct reply *known)
{
    struct table_op *op =
        table_lookup_until(r->table, &r->key, dict_order_deadline_at_ms(r), known);

    if (op != NULL)
        await(r, op);
    else if (reply_queue_admits_known(&r->session->replies, encoded_bytes(known)))
        return true;
    else
        dict_request_postpone(r, DICT_POSTPONED_PATH);
    return false;
}

static void iteration_done(void *arg, const struct reply *reply)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;

    r->iteration = NULL; /* freed when this returns */
    dict_request_set_state(r, DICT_STARTING);
    run_path_done(r, reply);
    dict_order_continue(s);
}

static void iterate(struct dict_request *r)
{
    static const struct iterate_events events = {.row = add_row, .done = iteration_done};

    r->options.deadline_at_ms = dict_order_deadline_at_ms(r);
    r->iteration = table_iterate(r->table, &r->key, &r->options, &events, r);
    dict_request_set_state(r, DICT_ITERATING);
}

/* Sets r->key from the current path. Returns NULL, or what is wrong with the path. */
static const char *check_path(struct dict_request *r)
{
    const char *fault = dict_key(r->name, r->user, &r->key);

    if (fault == NULL && r->kind == DICT_KIND_ITERATE && span_has_byte(r->name, '\0'))
        return "the path has a NUL byte, which a row cannot contain";
    return fault;
}

/* Begins the current path. Returns whether *known is its reply, whose reason may point into text;
 * otherwise r waits. */
static bool begin_path(struct dict_request *r, struct reply *known, char *text)
{
    const char *fault = check_path(r);

    if (fault != NULL) {
        *known = (struct reply){.status = REPLY_PERMANENT, .reason = span_of(fault)};
        return true;
    }
    if (dict_order_park(r))
        return false;
    if (dict_order_refuses(r, known, text))
        return true;
    if (r->kind == DICT_KIND_ITERATE && r->session->replies.announce != NULL)
        reply_queue_announce(&r->session->replies, &r->slot); /* its rows need the id */
    if (r->kind == DICT_KIND_LOOKUP || r->is_exact)
        return look_up(r, known);
    iterate(r);
    return false;
}

/* Sends the key itself as a row. Returns false when the value cannot be sent: then r is answered
 * with a failure. */
static bool send_exact_row(struct dict_request *r, const struct reply *reply)
{
    const struct span value = r->options.no_values ? SPAN("") : reply->dict_value;

    if (span_has_byte(value, '\0')) { /* Dovecot would cut the value there */
        dict_order_answer(r, &(struct reply){.status = REPLY_PERMANENT,
                                             .reason = SPAN("the value has a NUL byte")});
        return false;
    }
    add_row(r, SPAN(""), value);
    return true;
}

static bool has_next_path(const struct dict_request *r, const struct reply *reply)
{
    return r->more_paths.len > 0 &&
           (reply->status == REPLY_FOUND || (r->is_exact && reply->status == REPLY_MISS));
}

/* Gives the current path its whole time. */
static void restart_time(struct dict_request *r)
{
    r->arrived_at_ms = r->table == NULL ? 0 : table_now_ms(r->table);
    r->was_parked = false;
    r->is_after_write = false;
}

static void go_to_next_path(struct dict_request *r)
{
    r->name = dict_next_path(&r->more_paths);
    restart_time(r);
    r->key_hashes[0] = 0;
}

/* Takes the reply to the current path. Returns whether the next path begins now; otherwise r is
 * answered or postponed. */
static bool finish_path(struct dict_request *r, const struct reply *reply)
{
    if (r->is_exact && reply->status == REPLY_FOUND && !send_exact_row(r, reply))
        return false;
    if (!has_next_path(r, reply)) {
        dict_order_answer(r, reply);
        return false;
    }
    if (r->session->io.out->len >= REPLY_QUEUE_UNREAD_BYTES_MAX) {
        dict_request_postpone(r, DICT_POSTPONED_NEXT);
        return false;
    }
    go_to_next_path(r);
    return true;
}

void dict_query_run(struct dict_request *r)
{
    char text[DICT_REASON_BYTES];
    struct reply known;

    do {
        if (!begin_path(r, &known, text))
            return;
    } while (finish_path(r, &known));
}

static void run_path_done(struct dict_request *r, const struct reply *reply)
{
    if (finish_path(r, reply))
        dict_query_run(r);
}

bool dict_query_lookup_at_once(struct dict_session *s, struct span name, struct span user)
{
    struct table *table = dict_session_table(s);
    struct table_key key;
    struct reply known;
    struct table_op *op;
    struct dict_request *r;

    if (!list_is_empty(&s->requests) || table == NULL || dict_session_logs_requests(s) ||
        dict_key(name, user, &key) != NULL)
        return false;
    op = table_lookup(table, &key, &known);
    if (op == NULL) {
        if (!reply_queue_admits_known(&s->replies, encoded_bytes(&known)))
            return false;
        dict_add_lookup(s->io.out, s->name, &known);
        return true;
    }
    r = dict_request_new(s, DICT_KIND_LOOKUP, false, name, user);
    dict_key(r->name, r->user, &r->key);
    await(r, op);
    return true;
}

/* Resuming after the client has read its output */

static bool is_postponed(const struct dict_request *r)
{
    return r->state == DICT_POSTPONED_PATH || r->state == DICT_POSTPONED_NEXT;
}

static struct dict_request *first_postponed(const struct dict_session *s)
{
    LIST_FOR_EACH (node, &s->requests) {
        struct dict_request *r = CONTAINER_OF(node, struct dict_request, node);

        if (is_postponed(r))
            return r;
    }
    return NULL;
}

static void resume(struct dict_request *r)
{
    const bool is_next_due = r->state == DICT_POSTPONED_NEXT;

    dict_request_restart(r);
    restart_time(r); /* the client took the time that has passed */
    if (is_next_due)
        go_to_next_path(r);
    dict_query_run(r);
}

static void resume_iterations(const struct dict_session *s)
{
    LIST_FOR_EACH (node, &s->requests) {
        const struct dict_request *r = CONTAINER_OF(node, struct dict_request, node);

        if (r->iteration != NULL)
            table_iteration_resume(r->iteration);
    }
}

void dict_query_output_drained(struct dict_session *s)
{
    /* Counts the requests to resume, because each of them may be postponed again. */
    size_t left = s->count_in[DICT_POSTPONED_PATH] + s->count_in[DICT_POSTPONED_NEXT];

    resume_iterations(s);
    for (; left > 0; left--) {
        struct dict_request *r = first_postponed(s);

        if (r == NULL || !reply_queue_may_retry(&s->replies, &r->slot))
            return;
        resume(r);
    }
}
