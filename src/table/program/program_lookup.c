/* program_lookup.c - lookups in a program table. */
#include "program_table.h"
#include "table/json_reply.h"

static struct program_fetch *program_fetch_of(struct program_request *request)
{
    return CONTAINER_OF(request, struct program_fetch, request);
}

static void fail(struct program_fetch *f, enum reply_status status, struct span why)
{
    char text[TABLE_REASON_BYTES];

    fetch_finish(&f->base, &(struct reply){.status = status,
                                           .reason = table_reason(f->base.table, text, "%.*s",
                                                                  (int)why.len, why.ptr)});
}

static void add_line(struct program_request *request, uint64_t id, struct buf *out)
{
    const struct program_fetch *f = program_fetch_of(request);

    program_add_get(out, id, f->base.table->name, &f->base.key);
}

static void answer_value(struct program_fetch *f, struct span value)
{
    struct reply reply;
    struct buf scratch;

    if (value.ptr == NULL) {
        fail(f, REPLY_TEMPORARY, SPAN("the program found the key, but its answer has no value"));
        return;
    }
    if (json_reply_plain(value, &reply)) {
        fetch_finish(&f->base, &reply);
        return;
    }
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    json_reply(value, &scratch, &reply);
    fetch_finish(&f->base, &reply);
    buf_deinit(&scratch);
}

static void on_answer(struct program_request *request, const struct program_answer *answer)
{
    struct program_fetch *f = program_fetch_of(request);
    struct reply reply = {.status = REPLY_MISS};
    char text[TABLE_REASON_BYTES];

    switch (answer->status) {
    case PROGRAM_OK: answer_value(f, answer->value); return;
    case PROGRAM_MISS: break;
    case PROGRAM_UNCERTAIN:
    case PROGRAM_TEMPORARY: reply.status = REPLY_TEMPORARY; break;
    case PROGRAM_PERMANENT: reply.status = REPLY_PERMANENT; break;
    }
    if (reply.status != REPLY_MISS)
        reply.reason = program_reason(f->base.table, answer, text);
    fetch_finish(&f->base, &reply);
}

static void on_failure(struct program_request *request, enum program_failure failure,
                       struct span reason)
{
    fail(program_fetch_of(request), failure == PROGRAM_OVERDUE ? REPLY_TIMEOUT : REPLY_TEMPORARY,
         reason);
}

void program_table_start(struct fetch *fetch)
{
    static const struct program_request_ops ops = {
        .may_ask_again = true, .add = add_line, .answered = on_answer, .failed = on_failure};
    struct program_fetch *f = CONTAINER_OF(fetch, struct program_fetch, base);
    const char *reason;

    if (!program_wire_can_hold(&fetch->key)) {
        fetch_finish(fetch, &(struct reply){.status = REPLY_MISS});
        return;
    }
    f->request.ops = &ops;
    f->request.deadline_at_ms = fetch->deadline_at_ms;
    f->request.key = program_key(program_set_of(fetch->table), &fetch->key);
    if (!program_ask(program_set_of(fetch->table), &f->request, &reason))
        fail(f, REPLY_TEMPORARY, span_of(reason));
    else
        fetch_format(fetch, "process", "pid %ld", program_pid(&f->request));
}

void program_table_cancel(struct fetch *fetch)
{
    program_abandon(&CONTAINER_OF(fetch, struct program_fetch, base)->request, "cancel");
}
