/* dict_order.c - the order of requests on one dict connection. Requests run concurrently, with two
 * exceptions: a request for a key that an earlier, unfinished commit changes is parked until that
 * commit has ended, and an iteration is parked while it would exceed a limit. Replies are sent in
 * order, or out of order with an id when the client knows ids. */
#include "dict_session.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ITERATIONS_MAX = 4,   /* of one client at a time; further ones are parked */
    NAME_BYTES_MAX = 255, /* of a table's name in a reason */
};

static struct dict_request *request_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct dict_request, node);
}

/* The session's table */

struct table *dict_session_table(struct dict_session *s)
{
    if (s->table_serial != s->io.service->serial) {
        s->table = service_find_table(s->io.service, s->name);
        s->table_serial = s->io.service->serial;
    }
    return s->table;
}

bool dict_session_logs_requests(const struct dict_session *s)
{
    return s->io.service->log->level >= LOG_LEVEL_DEBUG;
}

/* Requests */

struct dict_request *dict_request_new(struct dict_session *s, enum dict_kind kind, bool is_async,
                                      struct span name, struct span user)
{
    struct dict_request *r = xmalloc(sizeof(*r) + name.len + user.len);
    struct table *table = dict_session_table(s);

    *r = (struct dict_request){
        .session = s,
        .kind = kind,
        .state = DICT_STARTING,
        .is_async = is_async,
        .table = table == NULL ? NULL : table_ref(table),
        .arrived_at_ms = table == NULL ? 0 : table_now_ms(table),
        .arrived_at_us = dict_session_logs_requests(s) ? clock_now_us() : 0,
        .name = {r->bytes, name.len},
        .user = {r->bytes + name.len, user.len},
        .bytes_len = name.len + user.len,
    };
    deadline_init(&r->parked, s->expire, r);
    if (name.len > 0)
        memcpy(r->bytes, name.ptr, name.len);
    if (user.len > 0)
        memcpy(r->bytes + name.len, user.ptr, user.len);
    list_append(&s->requests, &r->node);
    s->count++;
    s->count_in[DICT_STARTING]++;
    s->replies.request_bytes += r->bytes_len;
    if (!is_async)
        reply_queue_add(&s->replies, &r->slot);
    return r;
}

void dict_request_take_changes(struct dict_request *r, struct transaction *changes)
{
    r->changes = changes;
    r->session->commit_bytes += changes->bytes;
    r->session->io.service->commit_bytes += changes->bytes;
}

static void dict_request_drop_changes(struct dict_request *r)
{
    const size_t bytes = r->changes == NULL ? 0 : r->changes->bytes;

    r->session->commit_bytes -= bytes;
    r->session->io.service->commit_bytes -= bytes;
    transaction_free(&r->changes);
}

void dict_request_free(struct dict_request *r)
{
    struct dict_session *s = r->session;

    deadline_stop(&r->parked);
    list_remove(&r->node);
    s->count--;
    s->count_in[r->state]--;
    s->replies.request_bytes -= r->bytes_len;
    dict_request_drop_changes(r);
    if (r->state == DICT_LOOKING_UP)
        reply_queue_cancelled(&s->replies);
    table_op_cancel(&r->op);
    table_iteration_cancel(&r->iteration);
    table_unref(&r->table);
    free(r);
}

void dict_request_set_state(struct dict_request *r, enum dict_state state)
{
    r->session->count_in[r->state]--;
    r->session->count_in[state]++;
    r->state = state;
}

void dict_request_postpone(struct dict_request *r, enum dict_state state)
{
    dict_request_set_state(r, state);
    table_unref(&r->table); /* a reload may replace it meanwhile */
}

/* A commit keeps its table, because its conflicts with other commits were found with the keys of
 * that table. */
void dict_request_restart(struct dict_request *r)
{
    struct table *table;

    deadline_stop(&r->parked);
    dict_request_set_state(r, DICT_STARTING);
    if (r->kind == DICT_KIND_COMMIT)
        return;
    table = dict_session_table(r->session);
    table_unref(&r->table);
    r->table = table == NULL ? NULL : table_ref(table);
    if (table != NULL && r->arrived_at_ms == 0) /* there was no table when it arrived */
        r->arrived_at_ms = table_now_ms(table);
}

/* Which requests may start */

/* These compare keys as the table of the commit identifies them: r may have another table, from
 * after a reload. Then r may be for the normal form that its key has there. */

static void hash_key(struct dict_request *r, struct table *table)
{
    struct table *current = dict_session_table(r->session);

    if (r->key_hashes[0] != 0 && r->hashed_for == table &&
        r->hashed_serial == r->session->table_serial)
        return;
    r->key_hashes[0] = r->key_hashes[1] = transaction_key(table, &r->key);
    if (current != NULL && current != table)
        r->key_hashes[1] = transaction_key_of_next(table, current, &r->key);
    r->hashed_for = table;
    r->hashed_serial = r->session->table_serial;
}

static bool may_touch_key(struct dict_request *r, const struct dict_request *commit)
{
    hash_key(r, commit->table);
    return transaction_may_touch(commit->changes, r->key_hashes[0]) ||
           transaction_may_touch(commit->changes, r->key_hashes[1]);
}

static bool may_touch_below(const struct dict_request *r, const struct dict_request *commit)
{
    struct table *current = dict_session_table(r->session);

    return transaction_touches_below(commit->changes, commit->table, &r->key) ||
           (current != NULL && current != commit->table &&
            transaction_touches_below(commit->changes, current, &r->key));
}

static bool may_overlap(const struct dict_request *r, const struct dict_request *commit)
{
    if (r->table == commit->table)
        return transaction_may_overlap(commit->changes, r->changes);
    return transaction_may_touch_any(commit->changes, commit->table, r->changes);
}

static bool may_conflict(struct dict_request *r, const struct dict_request *commit)
{
    if (r->is_exact)
        return may_touch_key(r, commit);
    switch (r->kind) {
    case DICT_KIND_LOOKUP: return may_touch_key(r, commit);
    case DICT_KIND_ITERATE: return may_touch_below(r, commit);
    case DICT_KIND_COMMIT: return may_overlap(r, commit);
    }
    return false;
}

/* Returns whether an earlier, unfinished commit may change a key that r reads or changes. */
static bool is_after_write(const struct dict_session *s, struct dict_request *r)
{
    LIST_FOR_EACH (node, &s->requests) {
        const struct dict_request *older = request_of(node);

        if (older == r)
            break;
        if (older->kind == DICT_KIND_COMMIT && older->state != DICT_ANSWERED &&
            may_conflict(r, older))
            return true;
    }
    return false;
}

/* Returns whether r is an iteration that must wait for other requests. Rows cannot be buffered
 * until their turn, so without ids an iteration starts only when its reply is the next one to send.
 */
static bool is_after_iteration(const struct dict_session *s, const struct dict_request *r)
{
    return r->kind == DICT_KIND_ITERATE &&
           (s->count_in[DICT_ITERATING] >= ITERATIONS_MAX ||
            (s->replies.announce == NULL && s->replies.first != &r->slot));
}

static bool must_wait(struct dict_request *r)
{
    if (!is_after_write(r->session, r))
        return is_after_iteration(r->session, r);
    r->is_after_write = true;
    return true;
}

bool dict_order_park(struct dict_request *r)
{
    if (!must_wait(r))
        return false;
    dict_request_set_state(r, DICT_PARKED);
    r->was_parked = true;
    if (r->table != NULL)
        table_start_deadline(r->table, &r->parked, dict_order_deadline_at_ms(r));
    if (r->kind != DICT_KIND_COMMIT)
        table_unref(&r->table); /* a reload may replace it meanwhile */
    return true;
}

static struct dict_request *first_startable(const struct dict_session *s)
{
    if (s->count_in[DICT_PARKED] == 0)
        return NULL;
    LIST_FOR_EACH (node, &s->requests) {
        struct dict_request *r = request_of(node);

        if (r->state == DICT_PARKED && !must_wait(r))
            return r;
    }
    return NULL;
}

void dict_order_run_parked(struct dict_session *s)
{
    struct dict_request *r;

    s->has_ended = false;
    while ((r = first_startable(s)) != NULL) {
        dict_request_restart(r);
        s->start(r);
    }
}

void dict_order_continue(struct dict_session *s)
{
    dict_order_run_parked(s);
    s->io.wake(s->io.wake_arg);
}

/* Replies */

static struct reply no_such_table(const struct dict_session *s, char *text)
{
    const struct span name = s->name;
    int len = snprintf(text, DICT_REASON_BYTES, "no such table: %.*s",
                       name.len < NAME_BYTES_MAX ? (int)name.len : NAME_BYTES_MAX, name.ptr);

    service_log_unknown_table(s->io.service, "dict", name);
    return (struct reply){.status = REPLY_TEMPORARY, .reason = {text, (size_t)len}};
}

struct reply dict_order_late(const struct dict_request *r)
{
    const struct span why = r->is_after_write ? SPAN("an earlier write took too long")
                                              : SPAN("earlier requests took too long");

    return (struct reply){.status = REPLY_TIMEOUT, .reason = why};
}

uint64_t dict_order_deadline_at_ms(const struct dict_request *r)
{
    return r->arrived_at_ms + table_timeout_ms(r->table);
}

/* Returns whether r was parked for as long as a request of its table may take. */
static bool is_late(const struct dict_request *r)
{
    return r->was_parked && table_now_ms(r->table) >= dict_order_deadline_at_ms(r);
}

bool dict_order_refuses(struct dict_request *r, struct reply *reply, char *text)
{
    if (r->table == NULL)
        *reply = no_such_table(r->session, text);
    else if (is_late(r))
        *reply = dict_order_late(r);
    else
        return false;
    return true;
}

static void log_answer(const struct dict_request *r, const struct reply *reply)
{
    static const char *const events[] = {[DICT_KIND_LOOKUP] = "lookup",
                                         [DICT_KIND_ITERATE] = "iterate",
                                         [DICT_KIND_COMMIT] = "commit"};
    const struct dict_session *s = r->session;
    const struct transaction *t = r->changes;
    struct span user = t == NULL ? r->user : span_of(t->user);
    struct span key = t == NULL ? r->name : t->count == 0 ? SPAN("") : t->changes[0].key.key;

    if (r->arrived_at_us == 0) /* the debug log was off when it arrived */
        return;
    log_debug(s->io.service->log, events[r->kind], LOG_UINT("conn", s->io.conn),
              LOG_STR("proto", "dict"), LOG_SPAN("table", s->name),
              LOG_IF(user.len > 0, LOG_SPAN("user", user)), LOG_SPAN("key", key),
              LOG_IF(t != NULL, LOG_UINT("changes", t->count)), LOG_REPLY(reply),
              LOG_MS("ms", clock_now_us() - r->arrived_at_us));
}

static void write_in_turn(struct dict_request *r, const struct reply *reply)
{
    struct dict_session *s = r->session;
    struct buf *out = reply_queue_begin(&s->replies, &r->slot);

    dict_begin_reply(out, r->slot.id);
    switch (r->kind) {
    case DICT_KIND_LOOKUP: dict_add_lookup(out, s->name, reply); break;
    case DICT_KIND_ITERATE: dict_add_finish(out, reply); break;
    case DICT_KIND_COMMIT: dict_add_commit(out, r->id, reply); break;
    }
    reply_queue_end(&s->replies, &r->slot);
}

/* The asynchronous reply of Dovecot up to 2.2.24: "A" and then as for a commit. */
static void write_async(struct dict_request *r, const struct reply *reply)
{
    struct buf *out = r->session->io.out;

    buf_add_char(out, 'A');
    dict_add_commit(out, r->id, reply);
    dict_request_free(r);
}

void dict_order_answer(struct dict_request *r, const struct reply *reply)
{
    struct dict_session *s = r->session;

    log_answer(r, reply);
    deadline_stop(&r->parked);
    dict_request_set_state(r, DICT_ANSWERED);
    s->has_ended = true;
    if (s->is_orphan)
        dict_request_free(r);
    else if (r->is_async)
        write_async(r, reply);
    else
        write_in_turn(r, reply);
}
