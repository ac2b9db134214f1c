/* A transaction enters the queues of all its keys at once, and is sent when it is the first in each
 * of them. So two transactions never wait for each other. */
#include "commit_turns.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

struct commit_turns {
    struct list_node node;       /* in writes->ready or writes->failed, or in none */
    struct table_writes *writes; /* a reference */
    struct commit *commit;       /* NULL: it has ended */
    struct deadline deadline;    /* of the wait */
    struct reply failure;        /* when reason is not NULL */
    char *reason;
    size_t blocked; /* turns that are not the first for their key */
    size_t count;
    struct pending_turn turns[];
};

static struct pending_write *find(struct table_writes *w, const struct table_key *key)
{
    struct pending_write *found;
    struct identity id;

    identity_of(&id, w->table, key);
    found = pending_find(&w->queue, &id);
    identity_free(&id);
    return found;
}

static bool has_pending(struct table_writes *w, const struct transaction *t)
{
    bool found = false;

    for (size_t i = 0; i < t->count && w->queue.keys > 0 && !found; i++)
        found = find(w, &t->changes[i].key) != NULL;
    return found;
}

/* Returns whether c is the last in the queue of key: a transaction that changes a key twice has one
 * turn. */
static bool is_last_in_queue(const struct pending_write *key, const struct commit_turns *c)
{
    const struct pending_turn *last = pending_last_turn(key);

    return last != NULL && last->owner == c;
}

static void enqueue(struct commit_turns *c, const struct table_key *key)
{
    struct table_writes *w = c->writes;
    struct pending_turn *turn = &c->turns[c->count];
    struct pending_write *p;
    struct identity id;

    identity_of(&id, w->table, key);
    p = pending_find_or_add(&w->queue, &id);
    identity_free(&id);
    if (is_last_in_queue(p, c))
        return;
    turn->owner = c;
    pending_enqueue(&w->queue, p, turn);
    turn->is_free = pending_first_turn(p) == turn;
    c->blocked += !turn->is_free;
    c->count++;
}

void commit_turns_pass(struct pending_write *key)
{
    struct pending_turn *turn = pending_first_turn(key);
    struct commit_turns *c;

    if (turn == NULL || turn->is_free)
        return;
    c = turn->owner;
    for (; turn != NULL && turn->owner == c; turn = pending_next_turn(turn)) {
        turn->is_free = true;
        c->blocked--;
    }
    if (c->blocked == 0 && c->reason == NULL && c->commit != NULL)
        list_append(&c->writes->ready, &c->node);
}

static void leave(struct commit_turns *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct pending_write *key = c->turns[i].key;

        pending_dequeue(&c->turns[i]);
        commit_turns_pass(key);
        pending_release(&c->writes->queue, key);
    }
    c->count = 0;
}

/* Removes commit from its queues, so that the next transactions can begin. */
static void on_end(struct commit *commit)
{
    struct commit_turns *c = commit->turns;
    struct table_writes *w = c->writes;

    commit->turns = NULL;
    c->commit = NULL;
    deadline_stop(&c->deadline);
    list_remove(&c->node);
    leave(c);
    free(c->reason);
    free(c);
    table_writes_schedule(w);
    table_writes_unref(&w);
}

/* Marks c as failed. commit_turns_run() ends it later, within the budget of a turn. */
static void fail(struct commit_turns *c, const struct reply *reply)
{
    if (c->reason != NULL)
        return;
    deadline_stop(&c->deadline);
    list_remove(&c->node);
    c->failure = *reply;
    c->reason = xmemdup0(reply->reason.ptr, reply->reason.len);
    c->failure.reason.ptr = c->reason;
    list_append(&c->writes->failed, &c->node);
}

/* The pending writes took all of the transaction's time, and it was not sent. */
static void on_timeout(void *arg)
{
    struct commit_turns *c = arg;
    char text[TABLE_REASON_BYTES];
    const struct reply reply = {
        .status = REPLY_TIMEOUT,
        .reason = table_reason(c->commit->table, text,
                               "pending writes were not made within the table's timeout"),
    };

    fail(c, &reply);
    table_writes_schedule(c->writes);
}

bool commit_turns_delay(struct table_writes *w, struct commit *commit)
{
    const struct transaction *t = commit->transaction;
    struct commit_turns *c;

    if (!has_pending(w, t))
        return false;
    c = xcalloc(1, sizeof(*c) + t->count * sizeof(struct pending_turn));
    w->refs++;
    c->writes = w;
    c->commit = commit;
    commit->turns = c;
    commit->state = COMMIT_WAITING;
    commit->on_end = on_end;
    for (size_t i = 0; i < t->count; i++)
        enqueue(c, &t->changes[i].key);
    deadline_init(&c->deadline, on_timeout, c);
    deadline_start(&c->deadline, commit->table->env.loop, commit->deadline_at_ms);
    table_writes_schedule(w);
    return true;
}

void commit_turns_fail(struct pending_write *key, const struct reply *reply)
{
    LIST_FOR_EACH (at, &key->turns)
        fail(CONTAINER_OF(at, struct pending_turn, node)->owner, reply);
}

static void finish(struct commit_turns *c)
{
    const struct reply failure = c->failure;
    char *reason = c->reason;

    c->reason = NULL;
    commit_finish(c->commit, &failure);
    free(reason);
}

size_t commit_turns_run(struct table_writes *w)
{
    struct list *list = list_is_empty(&w->failed) ? &w->ready : &w->failed;
    struct list_node *node = list_pop(list);
    struct commit_turns *c = LIST_ENTRY_OR_NULL(node, struct commit_turns, node);
    size_t changes;

    if (c == NULL)
        return 0;
    changes = c->commit->transaction->count;
    deadline_stop(&c->deadline);
    if (c->reason != NULL)
        finish(c);
    else
        commit_send(c->commit);
    return changes;
}
