/* commit.c - what all types of tables have in common when they are written to. */
#include "memory.h"
#include "write_behind.h"

#include "podop/mem.h"

#include <stdlib.h>

/* To begin a commit costs 1 to 2 us a change. */
enum { TURN_CHANGES_MAX = 4096 };

/* How many of the changes, from the first on, the backend may have made. */
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

    ev_clear_pending(c->table->env.loop, &c->ready);
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    c->table->memory->counters.commits[reply->status]++;
    memory_invalidate_changes(c->table, c->transaction, changes_made(c, reply));
    if (c->turns != NULL)
        commit_turns_end(c);
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

struct commit *commit_through(struct table *table, const struct transaction *transaction,
                              bool ignores_suspension, commit_done_fn *done, void *arg)
{
    struct commit *c = commit_new(table, transaction, done, arg);

    c->ignores_suspension = ignores_suspension;
    table->ops->commit(c);
    c->is_starting = false;
    return c;
}

static void begin(struct commit *c)
{
    struct table_writes *w = c->table->writes;

    if (!is_allowed(c))
        return;
    if (w != NULL && table_writes_take(w, c->transaction))
        commit_finish(c, &(struct reply){.status = REPLY_FOUND, .source = REPLY_PENDING});
    else if (w == NULL || !commit_turns_delay(w, c))
        c->table->ops->commit(c);
}

/* Large commits that arrive together begin in several turns of the loop. */
static bool has_to_queue(const struct commits *commits, const struct commit *c)
{
    return commits->queue != NULL ||
           (commits->begun > 0 && commits->begun + c->transaction->count > TURN_CHANGES_MAX);
}

static void take_from_queue(struct commit *c)
{
    struct commits *commits = c->table->env.commits;
    struct commit **link = &commits->queue;

    ev_timer_stop(c->table->env.loop, &c->later);
    while (*link != c)
        link = &(*link)->next_queued;
    *link = c->next_queued;
    if (*link == NULL)
        commits->queue_last = link;
    c->is_queued = false;
}

/* The timer of the first one brings the loop back to the queue. */
static void wait_for_turn(struct commits *commits)
{
    struct commit *first = commits->queue;

    if (first != NULL && !ev_is_active(&first->later))
        ev_timer_start(first->table->env.loop, &first->later);
}

static void on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct commit *c = w->data;
    struct commits *commits = c->table->env.commits;

    (void)loop;
    (void)revents;
    commits->begun = 0;
    do {
        take_from_queue(c);
        commits->begun += c->transaction->count;
        begin(c);
        c = commits->queue;
    } while (c != NULL && commits->begun + c->transaction->count <= TURN_CHANGES_MAX);
    wait_for_turn(commits);
}

static void queue(struct commit *c)
{
    struct commits *commits = c->table->env.commits;

    ev_timer_init(&c->later, on_turn, 0.0, 0.0);
    c->later.data = c;
    c->is_queued = true;
    if (commits->queue == NULL)
        commits->queue_last = &commits->queue;
    *commits->queue_last = c;
    commits->queue_last = &c->next_queued;
    wait_for_turn(commits);
}

void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg)
{
    struct commit *c = commit_new(table, transaction, done, arg);

    if (has_to_queue(table->env.commits, c)) {
        queue(c);
    } else {
        table->env.commits->begun += transaction->count;
        begin(c);
    }
    c->is_starting = false;
}

/* A commit that has not begun was certainly not made. */
static void abort_commit(struct commit *c)
{
    const bool is_unheard = c->is_queued || commit_turns_is_waiting(c);

    if (c->is_ended) {
        commit_end(c, &c->ended);
        return;
    }
    if (c->is_queued)
        take_from_queue(c);
    else if (!is_unheard && c->table->ops->abort_commit != NULL)
        c->table->ops->abort_commit(c);
    commit_end(c, &(struct reply){.status = is_unheard ? REPLY_TEMPORARY : REPLY_UNCERTAIN,
                                  .reason = SPAN("podop stopped")});
}

void commits_abort(struct commits *commits)
{
    commits->on_idle = NULL;
    while (commits->first != NULL) /* one that ends may let another begin */
        abort_commit(commits->first);
}
