/* dict.c - Dovecot's dict protocol, majors 2, 3 and 4: lookups, iterations and transactions.
 *
 * Requests of one connection run side by side, with one exception: what asks for or changes a key
 * that an earlier, unfinished commit changes is parked until that has ended. Answers leave in
 * order, or overtake under an id where the client knows ids. A commit goes on when its client has
 * gone. */

#include "dict_line.h"
#include "dict_transaction.h"
#include "protocols.h"
#include "reply_queue.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/table.h"
#include "podop/tabline.h"
#include "podop/transaction.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    LINE_BYTES_DEFAULT = 1024 * 1024,
    COMMIT_BYTES_MAX = 16 * 1024 * 1024, /* of the changes under way for one client */
    ITERATIONS_MAX = 4,                  /* of one client at a time; others wait for their turn */
};

/* dict.h of Dovecot 2.3.19 and 2.4.1. Sorting is asked for by nobody, and rows come in any order.
 */
enum { FLAG_RECURSE = 1, FLAG_NO_VALUE = 8, FLAG_EXACT_KEY = 16 };

enum phase { WANT_HELLO, READY };

enum request_kind { REQUEST_LOOKUP, REQUEST_ITERATE, REQUEST_COMMIT };

struct dict_session {
    struct session_io io;
    struct reply_queue replies;
    enum phase phase;
    uint64_t major, minor;
    char *user;       /* major 2 has it in its hello */
    struct span name; /* of the dict, which is the table; in name_bytes */
    char *name_bytes;
    struct table *table; /* of that name, or NULL; borrowed, under this serial of the service */
    uint64_t table_serial;
    struct dict_transactions open;
    size_t commit_bytes;                /* of transactions that are under way or parked */
    struct dict_request *first, **last; /* all that are not finished, oldest first */
    size_t parked, count;
    size_t put_off;    /* they go on when the client has read its answers */
    size_t iterations; /* under way */
    bool has_ended;    /* a request, since run_parked() looked */
    bool is_orphan;    /* the client has gone, some commits have not ended */
};

struct dict_request {
    struct reply_slot slot;
    struct dict_session *session;
    struct dict_request *next, **prev_next;
    struct table *table; /* a reference, from its arrival on, unless it has to wait and is found
                          * again; NULL: there is none of that name */
    enum request_kind kind;
    bool is_owed; /* an answer in its turn; not those of an async commit */
    bool is_parked;
    bool is_put_off;
    bool is_next_due; /* of one that is put off: the next path, not this one */
    bool was_behind_write;
    bool is_finished; /* answered, but its answer waits for its turn */
    uint64_t arrived_at_ms;
    uint64_t arrived_at_us; /* for the debug log; 0 at other levels */
    struct table_key key;   /* of a lookup or iteration, in name */
    uint64_t key_hash;      /* of a lookup, once an earlier write is looked at; 0: not yet */
    struct span name;       /* as the client wrote it, in bytes */
    struct span more;       /* further paths to iterate, for dict_next_path() */
    struct span user;
    struct iterate_options options;
    bool is_exact;
    struct table_op *op;
    struct table_iteration *iteration;
    uint32_t id; /* of the transaction */
    struct transaction *changes;
    size_t bytes_len;
    char bytes[];
};

static struct dict_session *session_of(struct session *session)
{
    return (struct dict_session *)session;
}

static const struct dict_session *const_session_of(const struct session *session)
{
    return (const struct dict_session *)session;
}

static bool dict_claims(char first_byte)
{
    return first_byte == 'H';
}

static void request_free(struct dict_request *r)
{
    struct dict_session *s = r->session;

    *r->prev_next = r->next;
    if (r->next != NULL)
        r->next->prev_next = r->prev_next;
    else
        s->last = r->prev_next;
    s->count--;
    s->parked -= r->is_parked;
    s->put_off -= r->is_put_off;
    s->iterations -= r->iteration != NULL;
    s->replies.request_bytes -= r->bytes_len;
    if (r->op != NULL)
        reply_queue_cancelled(&s->replies);
    s->commit_bytes -= r->changes == NULL ? 0 : r->changes->bytes;
    table_op_cancel(&r->op);
    table_iteration_cancel(&r->iteration);
    transaction_free(&r->changes);
    table_unref(&r->table);
    free(r);
}

/* Its answer has left, or is owed to nobody any more. */
static void on_slot_free(struct reply_slot *slot)
{
    struct dict_request *r = CONTAINER_OF(slot, struct dict_request, slot);

    r->is_owed = false;
    if (!r->session->is_orphan || r->kind != REQUEST_COMMIT || r->is_finished)
        request_free(r);
}

static struct session *dict_open(const struct session_io *io)
{
    struct dict_session *s = xcalloc(1, sizeof(*s));

    s->io = *io;
    service_ref(s->io.service);
    s->last = &s->first;
    reply_queue_init(&s->replies, s->io.out, s->io.is_under_memory_pressure, on_slot_free);
    return (struct session *)s;
}

static void session_free(struct dict_session *s)
{
    service_unref(&s->io.service);
    free(s->user);
    free(s->name_bytes);
    free(s);
}

static void dict_close(struct session **psession)
{
    struct dict_session *s = session_of(*psession);

    if (s == NULL)
        return;
    *psession = NULL;
    s->is_orphan = true;
    dict_transactions_deinit(&s->open);
    reply_queue_deinit(&s->replies);
    if (s->first == NULL)
        session_free(s);
}

static size_t dict_pending(const struct session *session)
{
    return const_session_of(session)->count + const_session_of(session)->replies.count;
}

static bool dict_is_full(const struct session *session)
{
    const struct dict_session *s = const_session_of(session);

    return s->count >= REPLY_QUEUE_SLOTS_MAX || s->commit_bytes >= COMMIT_BYTES_MAX ||
           reply_queue_is_full(&s->replies);
}

static size_t dict_buffered_bytes(const struct session *session)
{
    const struct dict_session *s = const_session_of(session);

    return s->replies.buffered_bytes + s->replies.request_bytes + s->open.bytes;
}

static bool may_ask_for(struct dict_request *r, const struct transaction *changes)
{
    if (r->key_hash == 0)
        r->key_hash = transaction_key(r->table, &r->key);
    return transaction_may_touch(changes, r->key_hash);
}

/* Whether something older changes what r asks for or changes. */
static bool waits_for_write(const struct dict_session *s, struct dict_request *r)
{
    for (const struct dict_request *older = s->first; older != r; older = older->next) {
        if (older->kind != REQUEST_COMMIT || older->is_finished)
            continue;
        switch (r->kind) {
        case REQUEST_LOOKUP:
            if (may_ask_for(r, older->changes))
                return true;
            break;
        case REQUEST_ITERATE:
            if (transaction_touches_below(older->changes, &r->key))
                return true;
            break;
        case REQUEST_COMMIT:
            if (transaction_may_overlap(older->changes, r->changes))
                return true;
            break;
        }
    }
    return false;
}

/* Whether r must not begin yet. */
static bool has_to_wait(const struct dict_session *s, struct dict_request *r)
{
    if (waits_for_write(s, r)) {
        r->was_behind_write = true;
        return true;
    }
    if (r->kind != REQUEST_ITERATE)
        return false;
    /* The rows of an iteration cannot wait elsewhere for their turn. */
    return s->iterations >= ITERATIONS_MAX ||
           (s->replies.announce == NULL && s->replies.first != &r->slot);
}

static bool run(struct dict_request *r);
static void go_to_next_path(struct dict_request *r);
static struct table *table_of(struct dict_session *s);

/* What waits for its client holds no table: a reload may have made another one of it meanwhile. */
static void let_table_go(struct dict_request *r)
{
    table_unref(&r->table);
}

static void find_table_again(struct dict_request *r)
{
    struct table *table = table_of(r->session);

    table_unref(&r->table);
    r->table = table == NULL ? NULL : table_ref(table);
}

/* Begins what had to wait and has not any longer. */
static void run_parked(struct dict_session *s)
{
    struct dict_request *next;

    s->has_ended = false;
    for (struct dict_request *r = s->first; r != NULL && s->parked > 0; r = next) {
        next = r->next;
        if (!r->is_parked || has_to_wait(s, r))
            continue;
        r->is_parked = false;
        s->parked--;
        if (r->kind != REQUEST_COMMIT)
            find_table_again(r);
        if (run(r))
            go_to_next_path(r);
        next = s->first; /* it may have ended at once, and others with it */
    }
}

static void log_answer(const struct dict_request *r, const struct reply *reply)
{
    static const char *const events[] = {
        [REQUEST_LOOKUP] = "lookup", [REQUEST_ITERATE] = "iterate", [REQUEST_COMMIT] = "commit"};
    const struct dict_session *s = r->session;
    const struct transaction *t = r->changes;
    struct span user = t == NULL ? r->user : span_of(t->user);
    struct span key = t == NULL ? r->name : t->count == 0 ? SPAN("") : t->changes[0].key.key;

    if (r->arrived_at_us == 0) /* it came before the log was told to show such */
        return;
    log_debug(s->io.service->log, events[r->kind], LOG_UINT("conn", s->io.conn),
              LOG_STR("proto", "dict"), LOG_SPAN("table", s->name),
              LOG_IF(user.len > 0, LOG_SPAN("user", user)), LOG_SPAN("key", key),
              LOG_IF(t != NULL, LOG_UINT("changes", t->count)), LOG_REPLY(reply),
              LOG_MS("ms", clock_now_us() - r->arrived_at_us));
}

/* Writes the answer, or its last line, and r is gone. */
static void answer(struct dict_request *r, const struct reply *reply)
{
    struct dict_session *s = r->session;
    struct buf *out;

    log_answer(r, reply);
    r->is_finished = true;
    s->has_ended = true;
    if (s->is_orphan) {
        request_free(r);
        return;
    }
    if (!r->is_owed) { /* an async commit: Dovecot up to 2.2.24 */
        buf_add_char(s->io.out, 'A');
        dict_add_commit(s->io.out, r->id, reply);
        request_free(r);
        return;
    }
    out = reply_queue_begin(&s->replies, &r->slot);
    dict_begin_reply(out, r->slot.id);
    switch (r->kind) {
    case REQUEST_LOOKUP: dict_add_lookup(out, s->name, reply); break;
    case REQUEST_ITERATE: dict_add_finish(out, reply); break;
    case REQUEST_COMMIT: dict_add_commit(out, r->id, reply); break;
    }
    reply_queue_end(&s->replies, &r->slot);
}

static void answer_reason(struct dict_request *r, enum reply_status status, const char *format,
                          struct span name)
{
    char text[400];
    int len = snprintf(text, sizeof(text), "%s%.*s", format, name.len < 255 ? (int)name.len : 255,
                       name.ptr);

    answer(r, &(struct reply){.status = status, .reason = {text, (size_t)len}});
}

/* Something has ended in the loop: begins what waited for it, and lets the client know. */
static void go_on(struct dict_session *s)
{
    run_parked(s);
    s->io.wake(s->io.wake_arg);
}

/* All clients together leave too much unread, and this one has its share in it. */
static bool is_under_memory_pressure(const struct dict_session *s)
{
    return s->io.is_under_memory_pressure != NULL && *s->io.is_under_memory_pressure &&
           s->io.out->len > 0;
}

static void add_row(void *arg, struct span name, struct span value)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;

    dict_begin_reply(s->io.out, r->slot.id);
    dict_add_row(s->io.out, r->name, name, value);
    if (r->iteration != NULL &&
        (s->io.out->len >= REPLY_QUEUE_UNREAD_BYTES_MAX || is_under_memory_pressure(s)))
        table_iteration_pause(r->iteration);
    s->io.wake(s->io.wake_arg);
}

/* A single key that is iterated is a row, and then its list ends. true: the next path is due. */
static bool take_exact(struct dict_request *r, const struct reply *reply)
{
    if (reply->status == REPLY_FOUND) {
        struct span value = r->options.no_values ? SPAN("") : reply->dict_value;

        if (span_has_byte(value, '\0')) {
            answer(r, &(struct reply){.status = REPLY_PERMANENT,
                                      .reason = SPAN("the value has a NUL byte")});
            return false;
        }
        add_row(r, SPAN(""), value);
    }
    if (r->more.len > 0 && (reply->status == REPLY_FOUND || reply->status == REPLY_MISS))
        return true;
    answer(r, reply);
    return false;
}

/* true: the next path is due; otherwise r is answered. */
static bool take_lookup(struct dict_request *r, const struct reply *reply)
{
    if (r->is_exact)
        return take_exact(r, reply);
    answer(r, reply);
    return false;
}

/* It goes on when the client has read its answers. */
static void put_off(struct dict_request *r, bool is_next_due)
{
    r->is_put_off = true;
    r->is_next_due = is_next_due;
    r->session->put_off++;
    let_table_go(r);
}

static size_t answer_bytes(const struct reply *reply)
{
    return reply->dict_value.len + reply->reason.len;
}

static void lookup_done(void *arg, const struct reply *reply)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;
    const size_t bytes = answer_bytes(reply);

    r->op = NULL; /* it ends by itself: nothing left to cancel */
    reply_queue_arrived(&s->replies, bytes);
    if (!reply_queue_admits(&s->replies, &r->slot, bytes))
        put_off(r, false);
    else if (take_lookup(r, reply))
        go_to_next_path(r);
    go_on(s);
}

static void await(struct dict_request *r, struct table_op *op)
{
    r->op = op;
    reply_queue_expect(&r->session->replies);
    table_op_wait(op, lookup_done, r);
}

/* true: it was answered at once, and the next path is due. */
static bool look_up(struct dict_request *r)
{
    struct reply known;
    struct table_op *op = table_lookup(r->table, &r->key, &known);

    if (op != NULL)
        await(r, op);
    else if (reply_queue_admits_known(&r->session->replies, answer_bytes(&known)))
        return take_lookup(r, &known);
    else
        put_off(r, false);
    return false;
}

static void iteration_done(void *arg, const struct reply *reply)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;

    r->iteration = NULL;
    s->iterations--;
    if (reply->status == REPLY_FOUND && r->more.len > 0)
        go_to_next_path(r);
    else
        answer(r, reply);
    go_on(s);
}

static void commit_done(void *arg, const struct reply *reply)
{
    struct dict_request *r = arg;
    struct dict_session *s = r->session;

    answer(r, reply); /* that of an orphan is only logged */
    if (!s->is_orphan) {
        go_on(s);
        return;
    }
    run_parked(s);
    if (s->first == NULL)
        session_free(s);
}

/* r has been waiting for too long to begin: its client will not wait as long again. */
static bool is_late(const struct dict_request *r)
{
    return r->was_behind_write &&
           table_now_ms(r->table) - r->arrived_at_ms > table_timeout_ms(r->table);
}

static bool run_on(struct dict_request *r, struct table *table)
{
    static const struct iterate_events events = {.row = add_row, .done = iteration_done};
    struct dict_session *s = r->session;

    switch (r->kind) {
    case REQUEST_LOOKUP: return look_up(r);
    case REQUEST_ITERATE:
        if (s->replies.announce != NULL)
            reply_queue_announce(&s->replies, &r->slot);
        if (r->is_exact)
            return look_up(r);
        r->iteration = table_iterate(table, &r->key, &r->options, &events, r);
        s->iterations++;
        return false;
    case REQUEST_COMMIT: table_commit(table, r->changes, commit_done, r); return false;
    }
    return false;
}

static void refuse_table(struct dict_request *r)
{
    service_log_unknown_table(r->session->io.service, "dict", r->session->name);
    answer_reason(r, REPLY_TEMPORARY, "no such table: ", r->session->name);
}

/* Only answers, and leaves it to the caller to begin what waited for that. true: it was answered at
 * once, and the next path is due. */
static bool run(struct dict_request *r)
{
    if (r->table == NULL)
        refuse_table(r);
    else if (is_late(r))
        answer_reason(r, REPLY_TIMEOUT, "an earlier write took too long", SPAN(""));
    else
        return run_on(r, r->table);
    return false;
}

static void find_table(struct dict_session *s)
{
    s->table = service_find_table(s->io.service, s->name);
    s->table_serial = s->io.service->serial;
}

static struct table *table_of(struct dict_session *s)
{
    if (s->table_serial != s->io.service->serial)
        find_table(s);
    return s->table;
}

static bool is_logged(const struct dict_session *s)
{
    return s->io.service->log->level >= LOG_LEVEL_DEBUG;
}

/* name and user are copied; r is the last in the order of requests. */
static struct dict_request *request_new(struct dict_session *s, enum request_kind kind,
                                        bool is_owed, struct span name, struct span user)
{
    struct dict_request *r = xmalloc(sizeof(*r) + name.len + user.len);
    struct table *table = table_of(s);

    *r = (struct dict_request){
        .session = s,
        .table = table == NULL ? NULL : table_ref(table),
        .kind = kind,
        .is_owed = is_owed,
        .arrived_at_ms = table == NULL ? 0 : table_now_ms(table),
        .arrived_at_us = is_logged(s) ? clock_now_us() : 0,
        .name = {r->bytes, name.len},
        .user = {r->bytes + name.len, user.len},
        .bytes_len = name.len + user.len,
        .prev_next = s->last,
    };
    if (name.len > 0)
        memcpy(r->bytes, name.ptr, name.len);
    if (user.len > 0)
        memcpy(r->bytes + name.len, user.ptr, user.len);
    *s->last = r;
    s->last = &r->next;
    s->count++;
    s->replies.request_bytes += r->bytes_len;
    if (is_owed)
        reply_queue_add(&s->replies, &r->slot);
    return r;
}

static bool run_or_park(struct dict_request *r)
{
    struct dict_session *s = r->session;

    if (!has_to_wait(s, r))
        return run(r);
    r->is_parked = true;
    s->parked++;
    if (r->kind != REQUEST_COMMIT)
        let_table_go(r);
    return false;
}

/* Lookups and iterations: the key is looked at, then r runs. true as run() has it. */
static bool ask_path(struct dict_request *r)
{
    const char *fault = dict_key(r->name, r->user, &r->key);

    if (fault == NULL && r->kind == REQUEST_ITERATE && span_has_byte(r->name, '\0'))
        fault = "the path has a NUL byte, which no row can have";
    if (fault == NULL)
        return run_or_park(r);
    answer_reason(r, REPLY_PERMANENT, fault, SPAN(""));
    return false;
}

/* Paths that are answered at once follow each other while the client has room for their rows. */
static void go_to_next_path(struct dict_request *r)
{
    const struct dict_session *s = r->session;

    while (s->io.out->len < REPLY_QUEUE_UNREAD_BYTES_MAX) {
        r->name = dict_next_path(&r->more);
        r->arrived_at_ms = r->table == NULL ? 0 : table_now_ms(r->table);
        r->was_behind_write = false;
        r->key_hash = 0;
        if (!ask_path(r))
            return;
    }
    put_off(r, true);
}

static void ask(struct dict_request *r)
{
    if (ask_path(r))
        go_to_next_path(r);
}

static struct span user_of(const struct dict_session *s, const struct dict_line *line, size_t field)
{
    return s->major == 2 ? span_of(s->user) : line->field[field];
}

static bool on_hello(struct dict_session *s, const struct dict_line *line)
{
    uint64_t value_type;

    if (s->phase != WANT_HELLO || line->count < 5 || span_has_byte(line->field[3], '\0') ||
        !dict_number(line->field[0], UINT32_MAX, &s->major) ||
        !dict_number(line->field[1], UINT32_MAX, &s->minor) ||
        !dict_number(line->field[2], 1, &value_type) || s->major < DICT_MAJOR_MIN ||
        s->major > DICT_MAJOR_MAX)
        return false;
    s->user = xmemdup0(line->field[3].ptr, line->field[3].len);
    s->name_bytes = xmemdup0(line->field[4].ptr, line->field[4].len);
    s->name = (struct span){s->name_bytes, line->field[4].len};
    find_table(s);
    s->replies.announce = dict_knows_async(s->major, s->minor) ? dict_announce : NULL;
    s->phase = READY;
    return true;
}

/* The short way of a lookup that waits for nothing and shows in no log: an answer that is known at
 * once needs no request. false: it has to take the long one. */
static bool look_up_alone(struct dict_session *s, struct span name, struct span user)
{
    struct table *table = table_of(s);
    struct table_key key;
    struct reply known;
    struct table_op *op;
    struct dict_request *r;

    if (s->first != NULL || table == NULL || is_logged(s) || dict_key(name, user, &key) != NULL)
        return false;
    op = table_lookup(table, &key, &known);
    if (op == NULL) {
        if (!reply_queue_admits_known(&s->replies, answer_bytes(&known)))
            return false;
        dict_add_lookup(s->io.out, s->name, &known);
        return true;
    }
    r = request_new(s, REQUEST_LOOKUP, true, name, user);
    dict_key(r->name, r->user, &r->key);
    await(r, op);
    return true;
}

static bool on_lookup(struct dict_session *s, const struct dict_line *line)
{
    const struct span name = line->field[0], user = user_of(s, line, 1);

    if (!look_up_alone(s, name, user))
        ask(request_new(s, REQUEST_LOOKUP, true, name, user));
    return true;
}

/* A field that is missing is empty, and none. */
static bool number_or_none(struct span field, uint64_t max, uint64_t *number)
{
    return field.len == 0 || dict_number(field, max, number);
}

/* "I<flags> <max rows> <path> <user>"; 2.0 knows no max rows, and 2.x has more paths instead of a
 * user, whose rows follow each other. */
static bool on_iterate(struct dict_session *s, const struct dict_line *line)
{
    size_t path = s->major == 2 && s->minor == 0 ? 1 : 2;
    struct span user = user_of(s, line, path + 1);
    struct dict_request *r;
    struct buf paths;
    uint64_t flags = 0, max_rows = 0;

    if (!number_or_none(line->field[0], UINT32_MAX, &flags) ||
        (path == 2 && !number_or_none(line->field[1], UINT64_MAX, &max_rows)))
        return false;
    buf_init(&paths, SIZE_MAX);
    dict_add_paths(&paths, line, path, s->major == 2);
    r = request_new(s, REQUEST_ITERATE, true, buf_span(&paths), user);
    buf_deinit(&paths);
    r->more = r->name;
    r->name = dict_next_path(&r->more);
    r->options = (struct iterate_options){
        .recurse = (flags & FLAG_RECURSE) != 0,
        .no_values = (flags & FLAG_NO_VALUE) != 0,
        .max_rows = max_rows,
    };
    r->is_exact = (flags & FLAG_EXACT_KEY) != 0;
    ask(r);
    return true;
}

static bool on_begin(struct dict_session *s, const struct dict_line *line, uint32_t id)
{
    struct span user = user_of(s, line, 1);
    uint64_t expire_s = 0;

    if (s->major >= 4 && !number_or_none(line->field[2], UINT64_MAX, &expire_s))
        return false;
    return dict_transaction_begin(&s->open, id, user, expire_s);
}

/* The reply names the id, so that what is answered without a transaction has one, too. */
static void on_commit(struct dict_session *s, uint32_t id, bool is_async)
{
    struct dict_request *r = request_new(s, REQUEST_COMMIT, !is_async, SPAN(""), SPAN(""));
    char *fault;

    r->id = id;
    r->changes = dict_transaction_take(&s->open, id, &fault);
    s->commit_bytes += r->changes->bytes;
    transaction_seal(r->changes, r->table);
    if (fault != NULL && r->table != NULL)
        answer_reason(r, REPLY_PERMANENT, "", span_of(fault));
    else
        run_or_park(r); /* an unknown table is a better reason than any other */
    free(fault);
}

/* false: this is no Dovecot. */
static bool on_line(struct dict_session *s, const struct dict_line *line)
{
    uint64_t id;

    if (line->letter == 'H')
        return on_hello(s, line);
    if (s->phase != READY)
        return false;
    switch (line->letter) {
    case 'L': return on_lookup(s, line);
    case 'I': return on_iterate(s, line);
    case 'B':
    case 'S':
    case 'U':
    case 'A':
    case 'T':
    case 'V':
    case 'R':
    case 'C':
    case 'D': break;
    default: return false;
    }
    if (!dict_number(line->field[0], UINT32_MAX, &id))
        return false;
    if (line->letter == 'B')
        return on_begin(s, line, (uint32_t)id);
    if (line->letter == 'C' || line->letter == 'D')
        on_commit(s, (uint32_t)id, line->letter == 'D');
    else
        dict_transaction_change(&s->open, line, (uint32_t)id);
    return true;
}

static enum feed dict_feed(struct session *session, struct span in, size_t *used)
{
    struct dict_session *s = session_of(session);
    size_t max = s->io.service->listen->max_request;
    enum feed result = FEED_OK;
    struct buf text;

    *used = 0;
    buf_init(&text, SIZE_MAX);
    while (result == FEED_OK && *used < in.len && !dict_is_full(session)) {
        struct span line;
        struct dict_line parsed;
        size_t taken;
        enum parse found =
            tabline_parse(span_skip(in, *used), max != 0 ? max : LINE_BYTES_DEFAULT, &line, &taken);

        if (found == PARSE_MORE)
            break;
        if (found == PARSE_BAD || !dict_line_parse(line, &parsed, &text) || !on_line(s, &parsed)) {
            result = FEED_BAD;
            break;
        }
        *used += taken;
        if (s->has_ended)
            run_parked(s);
    }
    buf_deinit(&text);
    return result;
}

static void go_on_with(struct dict_request *r)
{
    r->is_put_off = false;
    r->session->put_off--;
    find_table_again(r);
    if (r->is_next_due || run(r))
        go_to_next_path(r);
}

static struct dict_request *first_put_off(const struct dict_session *s)
{
    struct dict_request *r = s->first;

    while (!r->is_put_off)
        r = r->next;
    return r;
}

static void dict_output_drained(struct session *session)
{
    struct dict_session *s = session_of(session);
    size_t left = s->put_off; /* one may be put off again */

    for (struct dict_request *r = s->first; r != NULL; r = r->next) {
        if (r->iteration != NULL)
            table_iteration_resume(r->iteration);
    }
    while (s->put_off > 0 && left-- > 0) {
        struct dict_request *r = first_put_off(s);

        if (!reply_queue_may_retry(&s->replies, &r->slot))
            break;
        go_on_with(r);
    }
    if (s->has_ended)
        run_parked(s);
}

static void dict_output_progressed(struct session *session)
{
    for (struct dict_request *r = session_of(session)->first; r != NULL; r = r->next) {
        if (r->iteration != NULL)
            table_iteration_touch(r->iteration);
    }
}

const struct protocol_ops protocol_dict = {
    .name = "dict",
    .modes = SERVES_AUTO | SERVES_DOVECOT,
    .claims = dict_claims,
    .open = dict_open,
    .feed = dict_feed,
    .pending = dict_pending,
    .is_full = dict_is_full,
    .buffered_bytes = dict_buffered_bytes,
    .output_drained = dict_output_drained,
    .output_progressed = dict_output_progressed,
    .close = dict_close,
};
