/* write.c - decides whether a transaction is refused, becomes pending, waits, or is sent. */
#include "podop/write.h"

#include "commit.h"
#include "commit_turns.h"

/* Beginning a commit takes 1 to 2 us for each change. */
enum { TURN_CHANGES_MAX = 4096 };

/* Returns why a change could never be made, or NULL. */
static const char *fault_of(struct table *t, const struct change *change)
{
    if (table_skips(t, change->key.key))
        return "the key matches a pattern of 'skip'";
    if (change->kind == CHANGE_SET && span_has_byte(change->value, '\0'))
        return "a value with a NUL byte cannot be written";
    if (change->kind == CHANGE_SET && !span_is_utf8(change->value))
        return "a value that is not valid UTF-8 cannot be written";
    return t->ops->change_fault == NULL ? NULL : t->ops->change_fault(t, change);
}

/* Checks all changes before the first is made. Returns false after ending the commit with a
 * reason. */
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

static void begin(struct commit *c)
{
    struct table_writes *w = c->table->writes;

    if (!is_allowed(c))
        return;
    if (w != NULL && table_writes_take(w, c->transaction))
        commit_finish(c, &(struct reply){.status = REPLY_FOUND, .source = REPLY_PENDING});
    else if (w == NULL || !commit_turns_delay(w, c))
        commit_send(c);
}

/* Large commits that arrive together begin in several turns of the loop. */
static bool has_to_queue(const struct commits *commits, const struct commit *c)
{
    return commits->queue != NULL ||
           (commits->begun > 0 && commits->begun + c->transaction->count > TURN_CHANGES_MAX);
}

static void leave_queue(struct commit *c)
{
    struct commits *commits = c->table->env.commits;
    struct commit **link = &commits->queue;

    ev_timer_stop(c->table->env.loop, &c->later);
    while (*link != c)
        link = &(*link)->next_queued;
    *link = c->next_queued;
    if (*link == NULL)
        commits->queue_last = link;
    c->on_end = NULL;
    c->state = COMMIT_NEW;
}

/* Starts the timer of the first commit in the queue. */
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
        leave_queue(c);
        commits->begun += c->transaction->count;
        begin(c);
        c = commits->queue;
    } while (c != NULL && commits->begun + c->transaction->count <= TURN_CHANGES_MAX);
    wait_for_turn(commits);
}

static void enter_queue(struct commit *c)
{
    struct commits *commits = c->table->env.commits;

    ev_timer_init(&c->later, on_turn, 0.0, 0.0);
    c->later.data = c;
    c->state = COMMIT_WAITING;
    c->on_end = leave_queue;
    if (commits->queue == NULL)
        commits->queue_last = &commits->queue;
    *commits->queue_last = c;
    commits->queue_last = &c->next_queued;
    wait_for_turn(commits);
}

void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg)
{
    table_commit_until(table, transaction, 0, done, arg);
}

void table_commit_until(struct table *table, const struct transaction *transaction,
                        uint64_t deadline_at_ms, commit_done_fn *done, void *arg)
{
    struct commit *c = commit_new(table, transaction, deadline_at_ms, done, arg);

    if (has_to_queue(table->env.commits, c)) {
        enter_queue(c);
    } else {
        table->env.commits->begun += transaction->count;
        begin(c);
    }
    c->is_starting = false;
}
