/* commit.c - what all types of tables have in common when they are written to. */
#include "hold.h"
#include "table_type.h"

#include "podop/mem.h"

#include <stdlib.h>

static void commit_end(struct commit *c, const struct reply *reply)
{
    struct commits *commits = c->table->env.commits;

    ev_clear_pending(c->table->env.loop, &c->ready);
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    c->table->memory->counters.commits[reply->status]++;
    table_forget(c->table, c->transaction);
    c->done(c->arg, reply);
    table_unref(&c->table);
    free(c->reason);
    free(c);
    if (commits->first == NULL && commits->on_idle != NULL)
        commits->on_idle(commits->arg);
}

static void on_ready(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct commit *c = w->data;

    (void)loop;
    (void)revents;
    commit_end(c, &c->ended);
}

void commit_finish(struct commit *c, const struct reply *reply)
{
    if (!c->is_starting) {
        commit_end(c, reply);
        return;
    }
    c->ended = *reply; /* the caller has not returned yet: later */
    c->reason = xmemdup0(reply->reason.ptr, reply->reason.len);
    c->ended.reason.ptr = c->reason;
    c->is_ended = true;
    ev_feed_event(c->table->env.loop, &c->ready, EV_CUSTOM);
}

/* Whether a change could be made at all; all are looked at before the first is made. */
static const char *fault_of(struct table *t, const struct change *change)
{
    if (table_skips(t, change->key.key))
        return "the key is one of those that are skipped";
    if (change->kind == CHANGE_SET && span_has_byte(change->value, '\0'))
        return "a value with a NUL byte cannot be written";
    if (change->kind == CHANGE_SET && !span_is_utf8(change->value))
        return "a value that is not valid UTF-8 cannot be written";
    return t->ops->change_fault == NULL ? NULL : t->ops->change_fault(t, change);
}

/* false: the commit has ended with the reason why not. */
static bool is_allowed(struct commit *c)
{
    struct table *t = c->table;
    const char *why = t->ops->commit == NULL ? "this type of table cannot be written to" : NULL;
    char text[TABLE_REASON_BYTES];

    for (size_t i = 0; i < c->transaction->count && why == NULL; i++)
        why = fault_of(t, &c->transaction->changes[i]);
    if (why != NULL)
        commit_finish(c, &(struct reply){.status = REPLY_PERMANENT,
                                         .reason = table_reason(t, text, "%s", why)});
    return why == NULL;
}

static struct commit *commit_new(struct table *table, const struct transaction *transaction,
                                 commit_done_fn *done, void *arg)
{
    struct commits *commits = table->env.commits;
    size_t bytes = table->ops->commit_bytes;
    struct commit *c = xcalloc(1, bytes > sizeof(*c) ? bytes : sizeof(*c));

    c->table = table_ref(table);
    c->transaction = transaction;
    c->done = done;
    c->arg = arg;
    c->next = commits->first;
    c->prev_next = &commits->first;
    if (c->next != NULL)
        c->next->prev_next = &c->next;
    commits->first = c;
    ev_prepare_init(&c->ready, on_ready);
    c->ready.data = c;
    c->is_starting = true;
    return c;
}

void commit_through(struct table *table, const struct transaction *transaction,
                    commit_done_fn *done, void *arg)
{
    struct commit *c = commit_new(table, transaction, done, arg);

    table->ops->commit(c);
    c->is_starting = false;
}

void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg)
{
    struct commit *c = commit_new(table, transaction, done, arg);

    if (is_allowed(c)) {
        if (table->hold != NULL && hold_take(table->hold, transaction))
            commit_finish(c, &(struct reply){.status = REPLY_FOUND, .source = REPLY_HELD});
        else if (table->hold == NULL || !hold_delays(table->hold, c))
            table->ops->commit(c);
    }
    c->is_starting = false;
}

void commits_abort(struct commits *commits)
{
    commits->on_idle = NULL;
    while (commits->first != NULL) { /* one that ends may let another begin */
        struct commit *c = commits->first;
        bool is_ended = c->is_ended;

        if (c->is_delayed)
            hold_forget_commit(c->table->hold, c);
        else if (!is_ended && c->table->ops->abort_commit != NULL)
            c->table->ops->abort_commit(c);
        if (is_ended)
            commit_end(c, &c->ended);
        else
            commit_end(c,
                       &(struct reply){.status = REPLY_UNCERTAIN, .reason = SPAN("podop stopped")});
    }
}
