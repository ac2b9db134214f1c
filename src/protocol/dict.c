/* dict.c - a session of Dovecot's dict protocol, major versions 2, 3 and 4: the hello, then
 * commands. A commit goes on after its client has disconnected; the session lives until the last
 * commit has ended. */
#include "dict_session.h"

#include "podop/mem.h"
#include "podop/tabline.h"

#include <stdlib.h>

enum {
    LINE_BYTES_DEFAULT = 1024 * 1024,
    COMMIT_BYTES_MAX = 16 * 1024 * 1024,      /* changes of one client in unfinished commits */
    ALL_COMMIT_BYTES_MAX = 256 * 1024 * 1024, /* of all clients, also those that have left */
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
    return first_byte == (char)DICT_HELLO;
}

/* Called when the reply is in the output, and for all slots when the client disconnects. */
static void on_slot_free(struct reply_slot *slot)
{
    struct dict_request *r = CONTAINER_OF(slot, struct dict_request, slot);

    if (r->session->is_orphan && r->kind == DICT_KIND_COMMIT && r->state != DICT_ANSWERED)
        return; /* the commit goes on */
    dict_request_free(r);
}

static void start(struct dict_request *r);
static void expire(void *arg);

static struct session *dict_open(const struct session_io *io)
{
    struct dict_session *s = xcalloc(1, sizeof(*s));

    s->io = *io;
    service_ref(s->io.service);
    list_init(&s->requests);
    dict_transactions_init(&s->open);
    s->start = start;
    s->expire = expire;
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

static void free_without_requests(struct dict_session *s)
{
    if (list_is_empty(&s->requests))
        session_free(s);
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
    free_without_requests(s);
}

static size_t dict_pending(const struct session *session)
{
    return const_session_of(session)->count;
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

/* Commits */

/* Answers r from the loop. */
static void finish(struct dict_request *r, const struct reply *reply)
{
    struct dict_session *s = r->session;

    dict_order_answer(r, reply);
    if (!s->is_orphan) {
        dict_order_continue(s);
        return;
    }
    dict_order_run_parked(s);
    free_without_requests(s);
}

static void commit_done(void *arg, const struct reply *reply)
{
    finish(arg, reply);
}

static void expire(void *arg)
{
    struct dict_request *r = arg;
    const struct reply late = dict_order_late(r);

    finish(r, &late);
}

static void start_commit(struct dict_request *r)
{
    char text[DICT_REASON_BYTES];
    struct reply refusal;

    if (dict_order_refuses(r, &refusal, text)) {
        dict_order_answer(r, &refusal);
        return;
    }
    dict_request_set_state(r, DICT_COMMITTING);
    table_commit_until(r->table, r->changes, dict_order_deadline_at_ms(r), commit_done, r);
}

static void start(struct dict_request *r)
{
    if (r->kind == DICT_KIND_COMMIT)
        start_commit(r);
    else
        dict_query_run(r);
}

/* The commands. Those that return bool return false for a line that Dovecot never sends. */

static struct span user_of(const struct dict_session *s, const struct dict_line *line, size_t field)
{
    return s->major == 2 ? span_of(s->user) : line->field[field];
}

static bool on_hello(struct dict_session *s, const struct dict_line *line)
{
    uint64_t value_type;

    if (line->count < 5 || span_has_byte(line->field[3], '\0') ||
        !dict_number(line->field[0], UINT32_MAX, &s->major) ||
        !dict_number(line->field[1], UINT32_MAX, &s->minor) ||
        !dict_number(line->field[2], 1, &value_type) || s->major < DICT_MAJOR_MIN ||
        s->major > DICT_MAJOR_MAX)
        return false;
    s->user = xmemdup0(line->field[3].ptr, line->field[3].len);
    s->name_bytes = xmemdup0(line->field[4].ptr, line->field[4].len);
    s->name = (struct span){s->name_bytes, line->field[4].len};
    s->table = service_find_table(s->io.service, s->name);
    s->table_serial = s->io.service->serial;
    s->replies.announce = dict_knows_async(s->major, s->minor) ? dict_announce : NULL;
    s->phase = DICT_READY;
    return true;
}

static void on_lookup(struct dict_session *s, const struct dict_line *line)
{
    const struct span name = line->field[0], user = user_of(s, line, 1);

    s->io.service->requests.of[REQUEST_DICT_LOOKUP]++;
    if (!dict_query_lookup_at_once(s, name, user))
        dict_query_run(dict_request_new(s, DICT_KIND_LOOKUP, false, name, user));
}

/* Protocol 2.0 has no row limit. In major 2, the fields after the path are further paths; in later
 * ones the field after the path is the user. */
static bool on_iterate(struct dict_session *s, const struct dict_line *line)
{
    const bool has_limit = s->major > 2 || s->minor > 0;
    const size_t path = has_limit ? 2 : 1;
    struct dict_request *r;
    struct buf paths;
    uint64_t flags, max_rows = 0;

    if (!dict_optional_number(line->field[0], UINT32_MAX, &flags) ||
        (has_limit && !dict_optional_number(line->field[1], UINT64_MAX, &max_rows)))
        return false;
    buf_init(&paths, BUF_LIMITED_BY_INPUT);
    dict_add_paths(&paths, line, path, s->major == 2);
    s->io.service->requests.of[REQUEST_DICT_ITERATION]++;
    r = dict_request_new(s, DICT_KIND_ITERATE, false, buf_span(&paths), user_of(s, line, path + 1));
    buf_deinit(&paths);
    r->more_paths = r->name;
    r->name = dict_next_path(&r->more_paths);
    r->options = (struct iterate_options){
        .recurse = (flags & DICT_ITERATE_RECURSE) != 0,
        .no_values = (flags & DICT_ITERATE_NO_VALUE) != 0,
        .max_rows = max_rows,
    };
    r->is_exact = (flags & DICT_ITERATE_EXACT_KEY) != 0;
    dict_query_run(r);
    return true;
}

static bool on_begin(struct dict_session *s, const struct dict_line *line)
{
    uint64_t expire_s = 0;

    if (s->major >= 4 && !dict_optional_number(line->field[2], UINT64_MAX, &expire_s))
        return false;
    return dict_transaction_begin(&s->open, line->id, user_of(s, line, 1), expire_s);
}

/* Returns why the changes cannot be committed, or NULL; fault is why they could not be collected.
 */
static const char *refusal_of(const struct dict_session *s, const char *fault)
{
    return fault == NULL && s->io.service->commit_bytes > ALL_COMMIT_BYTES_MAX
               ? "the unfinished transactions of all clients are too large"
               : fault;
}

/* Makes a request even for an unknown transaction, because the reply must name its id. */
static void on_commit(struct dict_session *s, const struct dict_line *line)
{
    struct dict_request *r = dict_request_new(
        s, DICT_KIND_COMMIT, line->command == DICT_COMMIT_ASYNC, SPAN(""), SPAN(""));
    const char *why;
    char *fault;

    s->io.service->requests.of[REQUEST_DICT_TRANSACTION]++;
    r->id = line->id;
    dict_request_take_changes(r, dict_transaction_take(&s->open, line->id, &fault));
    transaction_seal(r->changes, r->table);
    why = refusal_of(s, fault);
    if (why != NULL && r->table != NULL) /* without a table, start_commit() has a better reason */
        dict_order_answer(r, &(struct reply){.status = REPLY_PERMANENT, .reason = span_of(why)});
    else if (!dict_order_park(r))
        start_commit(r);
    free(fault);
}

static bool run_command(struct dict_session *s, const struct dict_line *line)
{
    const struct span *field = line->field;

    if ((line->command == DICT_HELLO) != (s->phase == DICT_WANT_HELLO))
        return false;
    switch (line->command) {
    case DICT_HELLO: return on_hello(s, line);
    case DICT_LOOKUP: on_lookup(s, line); break;
    case DICT_ITERATE: return on_iterate(s, line);
    case DICT_BEGIN: return on_begin(s, line);
    case DICT_COMMIT:
    case DICT_COMMIT_ASYNC: on_commit(s, line); break;
    case DICT_ROLLBACK: dict_transaction_rollback(&s->open, line->id); break;
    case DICT_SET: dict_transaction_set(&s->open, line->id, field[1], field[2]); break;
    case DICT_UNSET: dict_transaction_unset(&s->open, line->id, field[1]); break;
    case DICT_INCREMENT: dict_transaction_increment(&s->open, line->id, field[1], field[2]); break;
    case DICT_TIMESTAMP: dict_transaction_set_time(&s->open, line->id, field[1], field[2]); break;
    case DICT_HIDE_VALUES: break; /* podop logs no values */
    }
    return true;
}

/* Reading */

/* Takes one line off the front of in. Returns PARSE_DONE when its command was run. */
static enum parse feed_line(struct dict_session *s, struct span in, struct buf *text, size_t *used)
{
    const size_t max = s->io.service->listen->max_request;
    struct span bytes;
    struct dict_line line;
    const enum parse parsed = tabline_parse(in, max != 0 ? max : LINE_BYTES_DEFAULT, &bytes, used);

    if (parsed != PARSE_DONE)
        return parsed;
    return dict_line_parse(bytes, &line, text) && run_command(s, &line) ? PARSE_DONE : PARSE_BAD;
}

static enum feed dict_feed(struct session *session, struct span in, size_t *used)
{
    struct dict_session *s = session_of(session);
    enum parse parsed = PARSE_DONE;
    struct buf text; /* of a line with escapes */

    *used = 0;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    while (*used < in.len && !dict_is_full(session)) {
        size_t taken;

        parsed = feed_line(s, span_skip(in, *used), &text, &taken);
        if (parsed != PARSE_DONE)
            break;
        *used += taken;
        if (s->has_ended)
            dict_order_run_parked(s);
    }
    buf_deinit(&text);
    return parsed == PARSE_BAD ? FEED_BAD : FEED_OK;
}

static void dict_output_drained(struct session *session)
{
    struct dict_session *s = session_of(session);

    dict_query_output_drained(s);
    if (s->has_ended)
        dict_order_run_parked(s);
}

static void dict_output_progressed(struct session *session)
{
    const struct dict_session *s = session_of(session);

    LIST_FOR_EACH (node, &s->requests) {
        const struct dict_request *r = CONTAINER_OF(node, struct dict_request, node);

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
