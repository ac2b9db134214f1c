#include "podop/table_op.h"

#include "known_answer.h"
#include "table_op_private.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

void table_op_free(struct table_op *op)
{
    if (op->search != NULL) /* saves the call in the usual case */
        key_search_free(&op->search);
    table_unref(&op->table);
    free(op);
}

/* Gives the caller its one answer. */
static void finish(struct table_op *op, const struct reply *reply)
{
    durations_add(&op->table->memory->counters.waited, clock_now_us() - op->began_us);
    table_op_count(op->table, reply);
    op->done(op->arg, reply);
    table_op_free(op);
}

/* Finishes with what op makes of an answer, unless it waits for another one. */
static void take(struct table_op *op, const struct reply *reply)
{
    struct reply own = *reply;
    char *bytes = NULL;

    if (!op->take(op, &own, &bytes))
        return;
    finish(op, &own);
    free(bytes);
}

static void on_answered(struct fetch_waiter *waiter, const struct reply *reply)
{
    struct table_op *op = CONTAINER_OF(waiter, struct table_op, waiter);

    if (op->answer != NULL)
        *op->answer = known_answer_keep(op->table, reply);
    else if (op->take != NULL)
        take(op, reply);
    else
        finish(op, reply);
}

struct table_op *table_op_new(struct table *table, struct buf *notes)
{
    struct table_op *op = xmalloc(sizeof(*op));

    *op = (struct table_op){
        .table = table_ref(table),
        .waiter.answered = on_answered,
        .notes = notes,
        .began_us = loop_now_us(table->env.loop),
    };
    return op;
}

void table_op_wait(struct table_op *op, table_done_fn *done, void *arg)
{
    op->done = done;
    op->arg = arg;
}

const char *table_op_table(const struct table_op *op)
{
    return op->table->name;
}

void table_op_cancel(struct table_op **pop)
{
    struct table_op *op = *pop;

    if (op == NULL)
        return;
    *pop = NULL;
    if (op->notes != NULL)
        op->waiter.fetch->notes = NULL; /* other lookups may go on waiting for the fetch */
    fetch_leave(&op->waiter);
    table_op_free(op);
}

/* Asks the type. Returns whether *reply is its answer; otherwise op waits. */
static bool start_fetch(struct table_op *op, const struct table_key *key, const struct identity *id,
                        uint64_t deadline_at_ms, struct reply *reply)
{
    struct table *t = op->table;
    struct fetch *fetch = fetch_new(t, key, id, deadline_at_ms, op->notes);

    op->answer = reply;
    fetch_join(fetch, &op->waiter, t->memory->cache == NULL ? REPLY_NO_CACHE : REPLY_ABSENT);
    fetch_start(fetch);
    op->answer = NULL;
    return op->waiter.fetch == NULL;
}

bool table_op_ask(struct table_op *op, const struct table_key *key, const struct identity *id,
                  uint64_t deadline_at_ms, struct reply *reply)
{
    struct fetch *fetch =
        op->notes == NULL ? fetch_find_shared(op->table, id, deadline_at_ms) : NULL;

    if (fetch == NULL)
        return start_fetch(op, key, id, deadline_at_ms, reply);
    op->table->memory->counters.joined++;
    fetch_join(fetch, &op->waiter, REPLY_JOINED);
    return false;
}
