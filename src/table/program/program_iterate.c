/* program_iterate.c - iterates over the keys below a path, in parts: the next part is asked for
 * when the rows of the last one have been handed out. */
#include "program_table.h"
#include "table/json_reply.h"

static struct program_iteration *iteration_of(struct program_request *request)
{
    return CONTAINER_OF(request, struct program_iteration, request);
}

static void finish(struct program_iteration *it, enum reply_status status, struct span why)
{
    char text[TABLE_REASON_BYTES];
    struct reply reply = {.status = status};

    if (status != REPLY_FOUND)
        reply.reason =
            table_reason(it->base.table, text, "%.*s", (int)why.len, why.len == 0 ? "" : why.ptr);
    iteration_finish(&it->base, &reply);
}

static void add_line(struct program_request *request, uint64_t id, struct buf *out)
{
    const struct program_iteration *it = iteration_of(request);

    program_add_iterate(out, id, it->base.table->name, &it->base.path, &it->base.options);
}

static void take_row(struct program_iteration *it, struct span name, struct span value)
{
    struct reply reply = {.status = REPLY_FOUND};
    size_t name_len;

    buf_clear(&it->texts);
    json_add_text(&it->texts, name);
    name_len = it->texts.len;
    if (!it->base.options.no_values) {
        struct buf scratch;

        buf_init(&scratch, BUF_LIMITED_BY_INPUT);
        json_reply(value, &scratch, &reply);
        buf_add(&it->texts, reply.dict_value);
        buf_deinit(&scratch);
    }
    if (reply.status != REPLY_FOUND)
        return;
    name = (struct span){it->texts.ptr, name_len};
    if (!iteration_row(&it->base, name, span_skip(buf_span(&it->texts), name_len)))
        it->is_enough = true;
}

/* Hands out rows of an array until no more are wanted; those that are left go into rest. Returns
 * false if an item of the array is not a row. */
static bool take_rows(struct program_iteration *it, struct span rows)
{
    struct json_cursor cursor = json_walk(rows);
    struct buf rest;
    int got = 1;

    while (!it->base.is_paused && !it->is_enough) {
        struct span name, value;

        got = program_next_row(&cursor, &name, &value);
        if (got != 1)
            break;
        take_row(it, name, value);
    }
    buf_init(&rest, BUF_LIMITED_BY_INPUT);
    if (got == 1 && !it->is_enough) {
        buf_add_char(&rest, '[');
        buf_add(&rest, *cursor.rest.ptr == ',' ? span_skip(cursor.rest, 1) : cursor.rest);
    }
    buf_deinit(&it->rest); /* rows may point into it */
    it->rest = rest;
    return got != -1;
}

/* Goes on after rows were taken: ends the iteration, asks for the next part, or does nothing while
 * the reader pauses. */
static void move_on(struct program_iteration *it, bool is_good)
{
    if (!is_good) {
        finish(it, REPLY_TEMPORARY,
               SPAN("the program sent rows that are not pairs of a name and a value"));
    } else if (it->is_enough || (it->rest.len == 0 && !it->has_more)) {
        finish(it, REPLY_FOUND, SPAN(""));
    } else if (it->rest.len == 0 && !it->base.is_paused) {
        it->has_parts = true;
        it->request.deadline_at_ms = table_now_ms(it->base.table) + it->base.table->timeout_ms;
        if (!program_ask_more(&it->request))
            finish(it, REPLY_TEMPORARY, SPAN("the program ended, or reads too slowly"));
    }
}

static void on_answer(struct program_request *request, const struct program_answer *answer)
{
    struct program_iteration *it = iteration_of(request);
    char text[TABLE_REASON_BYTES];
    struct reply reply = {.status = REPLY_FOUND};
    bool is_list = answer->rows.ptr != NULL && json_kind(answer->rows) == JSON_ARRAY;

    it->has_more = answer->has_more;
    switch (answer->status) {
    case PROGRAM_OK: move_on(it, is_list && take_rows(it, answer->rows)); return;
    case PROGRAM_MISS:
        if (it->has_parts) { /* what came so far is only a part */
            finish(it, REPLY_TEMPORARY, SPAN("the program answered with a miss after rows"));
            return;
        }
        break;
    case PROGRAM_UNCERTAIN:
    case PROGRAM_TEMPORARY: reply.status = REPLY_TEMPORARY; break;
    case PROGRAM_PERMANENT: reply.status = REPLY_PERMANENT; break;
    }
    if (reply.status != REPLY_FOUND)
        reply.reason = program_reason(it->base.table, answer, text);
    iteration_finish(&it->base, &reply);
}

static void on_failure(struct program_request *request, enum program_failure failure,
                       struct span reason)
{
    finish(iteration_of(request), failure == PROGRAM_OVERDUE ? REPLY_TIMEOUT : REPLY_TEMPORARY,
           reason);
}

static void start(struct program_iteration *it)
{
    static const struct program_request_ops ops = {
        .has_parts = true, .add = add_line, .answered = on_answer, .failed = on_failure};
    const char *reason;

    buf_init(&it->rest, BUF_LIMITED_BY_INPUT);
    buf_init(&it->texts, BUF_LIMITED_BY_INPUT);
    it->request.ops = &ops;
    it->request.key = program_key(program_set_of(it->base.table), &it->base.path);
    it->request.deadline_at_ms =
        table_deadline_at_ms(it->base.table, it->base.options.deadline_at_ms);
    if (!program_wire_can_hold(&it->base.path))
        finish(it, REPLY_FOUND, SPAN(""));
    else if (!program_ask(program_set_of(it->base.table), &it->request, &reason))
        finish(it, REPLY_TEMPORARY, span_of(reason));
}

void program_table_go_on(struct table_iteration *base)
{
    struct program_iteration *it = CONTAINER_OF(base, struct program_iteration, base);

    if (!it->is_started) {
        it->is_started = true;
        start(it);
    } else if (!program_is_awaited(&it->request)) {
        move_on(it, it->rest.len == 0 || take_rows(it, buf_span(&it->rest)));
    }
}

void program_table_stop(struct table_iteration *base)
{
    struct program_iteration *it = CONTAINER_OF(base, struct program_iteration, base);

    program_abandon(&it->request, "stop");
    buf_deinit(&it->rest);
    buf_deinit(&it->texts);
}
