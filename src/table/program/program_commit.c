/* program_commit.c - writes to a co-process: a transaction is one request. */
#include "program_table.h"

static struct program_commit *program_commit_of(struct program_request *request)
{
    return CONTAINER_OF(request, struct program_commit, request);
}

static void fail(struct program_commit *c, enum reply_status status, struct span why)
{
    char text[TABLE_REASON_BYTES];

    commit_finish(&c->base, &(struct reply){.status = status,
                                            .reason = table_reason(c->base.table, text, "%.*s",
                                                                   (int)why.len, why.ptr)});
}

static const char not_utf8[] = "a key that is not valid UTF-8 cannot be written";

const char *program_table_change_fault(struct table *table, const struct change *change)
{
    (void)table;
    return program_wire_can_hold(&change->key) ? NULL : not_utf8;
}

/* Returns whether a request can hold all keys. A pending write that was accepted with other
 * settings of the table, for a URL, may have any key. */
static bool can_hold(const struct transaction *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!program_wire_can_hold(&t->changes[i].key))
            return false;
    }
    return true;
}

static void add_line(struct program_request *request, uint64_t id, struct buf *out)
{
    const struct program_commit *c = program_commit_of(request);

    program_add_commit(out, id, c->base.table->name, c->base.transaction);
}

static bool has_kind(const struct transaction *t, enum change_kind kind)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->changes[i].kind == kind)
            return true;
    }
    return false;
}

static void answer_miss(struct program_commit *c)
{
    const struct transaction *t = c->base.transaction;

    if (has_kind(t, CHANGE_INCREMENT))
        commit_finish(&c->base, &(struct reply){.status = REPLY_MISS});
    else if (t->count == 1 && has_kind(t, CHANGE_UNSET)) /* the key was not there to be removed */
        commit_finish(&c->base, &(struct reply){.status = REPLY_FOUND});
    else
        fail(c, REPLY_TEMPORARY, SPAN("the program answered a write with a miss"));
}

static void on_answer(struct program_request *request, const struct program_answer *answer)
{
    struct program_commit *c = program_commit_of(request);
    struct reply reply = {.status = REPLY_TEMPORARY};
    char text[TABLE_REASON_BYTES];

    c->base.changes_sent = c->base.transaction->count;
    switch (answer->status) {
    case PROGRAM_OK: commit_finish(&c->base, &(struct reply){.status = REPLY_FOUND}); return;
    case PROGRAM_MISS: answer_miss(c); return;
    case PROGRAM_TEMPORARY: break;
    case PROGRAM_UNCERTAIN: reply.status = REPLY_UNCERTAIN; break;
    case PROGRAM_PERMANENT: reply.status = REPLY_PERMANENT; break;
    }
    reply.reason = program_reason(c->base.table, answer, text);
    commit_finish(&c->base, &reply);
}

/* The result of an overdue write is uncertain: the program may still read and make it. */
static void on_failure(struct program_request *request, enum program_failure failure,
                       struct span reason)
{
    struct program_commit *c = program_commit_of(request);

    c->base.changes_sent = failure == PROGRAM_UNREAD ? 0 : c->base.transaction->count;
    fail(c, failure == PROGRAM_UNREAD ? REPLY_TEMPORARY : REPLY_UNCERTAIN, reason);
}

void program_table_commit(struct commit *commit)
{
    static const struct program_request_ops ops = {
        .add = add_line, .answered = on_answer, .failed = on_failure};
    struct program_commit *c = CONTAINER_OF(commit, struct program_commit, base);
    const char *reason;

    if (commit->transaction->count == 0) { /* there is nothing to ask for */
        commit_finish(commit, &(struct reply){.status = REPLY_FOUND});
        return;
    }
    if (!can_hold(commit->transaction)) {
        fail(c, REPLY_PERMANENT, span_of(not_utf8));
        return;
    }
    c->request.ops = &ops;
    c->request.key =
        program_key(program_set_of(commit->table), &commit->transaction->changes[0].key);
    c->request.deadline_at_ms = commit->deadline_at_ms;
    if (!program_ask(program_set_of(commit->table), &c->request, &reason))
        fail(c, REPLY_TEMPORARY, span_of(reason));
}

void program_table_abort_commit(struct commit *commit)
{
    program_abandon(&CONTAINER_OF(commit, struct program_commit, base)->request, NULL);
}
