#include "podop/commit.h"

#include "commit.h"
#include "memory.h"

#include "podop/mem.h"

#include <stdlib.h>

/* Returns how many of the changes, from the first on, the backend may have made. */
static size_t changes_made(const struct commit *c, const struct reply *reply)
{
    const bool is_made = reply->status == REPLY_FOUND || reply->status == REPLY_MISS;

    if (reply->source == REPLY_PENDING)
        return 0;
    return is_made ? c->transaction->count : c->changes_sent;
}

static void commit_end(struct commit *c, const struct reply *reply)
{
    struct commits *commits = c->table->env.commits;

    deferred_stop(&c->ended);
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    c->table->memory->counters.commits[reply->status]++;
    memory_invalidate_changes(c->table, c->transaction, changes_made(c, reply));
    if (c->on_end != NULL)
        c->on_end(c);
    c->done(c->arg, reply);
    table_unref(&c->table);
    free(c->reason);
    free(c);
    if (commits->first == NULL && commits->on_idle != NULL)
        commits->on_idle(commits->arg);
}

static void end_later(void *arg)
{
    struct commit *c = arg;

    commit_end(c, &c->reply);
}

void commit_finish(struct commit *c, const struct reply *reply)
{
    if (!c->is_starting) {
        commit_end(c, reply);
        return;
    }
    c->reply = *reply;
    c->reason = xmemdup0(reply->reason.ptr, reply->reason.len);
    c->reply.reason.ptr = c->reason;
    c->state = COMMIT_ENDED;
    deferred_start(&c->ended);
}

struct commit *commit_new(struct table *table, const struct transaction *transaction,
                          uint64_t deadline_at_ms, commit_done_fn *done, void *arg)
{
    struct commits *commits = table->env.commits;
    size_t bytes = table->ops->commit_bytes;
    struct commit *c = xcalloc(1, bytes > sizeof(*c) ? bytes : sizeof(*c));

    c->table = table_ref(table);
    c->transaction = transaction;
    c->deadline_at_ms = table_deadline_at_ms(table, deadline_at_ms);
    c->done = done;
    c->arg = arg;
    c->next = commits->first;
    c->prev_next = &commits->first;
    if (c->next != NULL)
        c->next->prev_next = &c->next;
    commits->first = c;
    deferred_init(&c->ended, table->env.loop, 0, end_later, c);
    c->is_starting = true;
    return c;
}

void commit_send(struct commit *c)
{
    c->state = COMMIT_SENT;
    c->table->ops->commit(c);
}

struct commit *commit_through(struct table *table, const struct transaction *transaction,
                              bool ignores_suspension, commit_done_fn *done, void *arg)
{
    struct commit *c = commit_new(table, transaction, 0, done, arg);

    c->ignores_suspension = ignores_suspension;
    commit_send(c);
    c->is_starting = false;
    return c;
}

static void abort_sent(struct commit *c)
{
    if (c->table->ops->abort_commit != NULL)
        c->table->ops->abort_commit(c);
}

/* Only a commit that was sent may have been made. */
static void abort_commit(struct commit *c)
{
    struct reply reply = {.status = REPLY_TEMPORARY, .reason = SPAN("podop stopped")};

    switch (c->state) {
    case COMMIT_NEW:
    case COMMIT_WAITING: break;
    case COMMIT_SENT:
        abort_sent(c);
        reply.status = REPLY_UNCERTAIN;
        break;
    case COMMIT_ENDED: reply = c->reply; break;
    }
    commit_end(c, &reply);
}

void commits_abort(struct commits *commits)
{
    commits->on_idle = NULL;
    while (commits->first != NULL)    /* the end of one may send another */
        abort_commit(commits->first); /* NOLINT(clang-analyzer-unix.Malloc): it is unlinked first */
}
