/* commit_turns.c - transactions that cannot be pending are queued for each of their keys, after its
 * pending write and after each other. A transaction begins when it is the first for all its keys.
 * All keys are queued for at once, so two transactions never wait for each other. */
#include "write_behind.h"

#include "podop/mem.h"

struct commit_turns {
    struct commit_turns *next, **prev_next; /* in one of the lists; NULL: in none */
    struct turns_list *list;
    struct table_writes *writes; /* a reference */
    struct commit *commit;
    bool is_begun;
    struct reply failure;
    char *reason;
    size_t blocked; /* turns that are not the first for their key */
    size_t count;
    struct pending_turn turns[];
};

static void list_add(struct turns_list *list, struct commit_turns *c)
{
    if (list->first == NULL)
        list->last = &list->first;
    c->list = list;
    c->next = NULL;
    c->prev_next = list->last;
    *list->last = c;
    list->last = &c->next;
}

static void list_remove(struct commit_turns *c)
{
    if (c->prev_next == NULL)
        return;
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    else
        c->list->last = c->prev_next;
    c->prev_next = NULL;
}

static struct pending_write *find(struct table_writes *w, const struct table_key *key)
{
    struct pending_write *found;
    struct identity id;

    identity_of(&id, w->table, key);
    found = pending_find(&w->queue, id.bytes);
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

/* A key that the transaction changes twice has one turn. */
static bool is_last_in_line(const struct pending_write *key, const struct commit_turns *c)
{
    return key->first != NULL && CONTAINER_OF(key->last, struct pending_turn, next)->owner == c;
}

static void line_up(struct commit_turns *c, const struct table_key *key)
{
    struct table_writes *w = c->writes;
    struct pending_turn *turn = &c->turns[c->count];
    struct pending_write *p;
    struct identity id;

    identity_of(&id, w->table, key);
    p = pending_find_or_add(&w->queue, id.bytes);
    identity_free(&id);
    if (is_last_in_line(p, c))
        return;
    turn->owner = c;
    pending_line_up(&w->queue, p, turn);
    turn->is_free = pending_turn_of(p) == turn;
    c->blocked += !turn->is_free;
    c->count++;
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
    for (size_t i = 0; i < t->count; i++)
        line_up(c, &t->changes[i].key);
    table_writes_schedule(w);
    return true;
}

bool commit_turns_is_waiting(const struct commit *commit)
{
    return commit->turns != NULL && !commit->turns->is_begun;
}

void commit_turns_pass(struct pending_write *key)
{
    struct pending_turn *turn = pending_turn_of(key);
    struct commit_turns *c;

    if (turn == NULL || turn->is_free)
        return;
    turn->is_free = true;
    c = turn->owner;
    if (--c->blocked == 0 && c->reason == NULL)
        list_add(&c->writes->ready, c);
}

static void leave(struct commit_turns *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct pending_write *key = c->turns[i].key;

        pending_leave_line(&c->turns[i]);
        commit_turns_pass(key);
        pending_release(&c->writes->queue, key);
    }
    c->count = 0;
}

void commit_turns_end(struct commit *commit)
{
    struct commit_turns *c = commit->turns;
    struct table_writes *w = c->writes;

    commit->turns = NULL;
    list_remove(c);
    leave(c);
    free(c->reason);
    free(c);
    table_writes_schedule(w);
    table_writes_unref(&w);
}

/* Its turns are removed when it ends, which takes longer. */
static void fail(struct commit_turns *c, const struct reply *reply)
{
    if (c->reason != NULL)
        return;
    list_remove(c);
    c->failure = *reply;
    c->reason = xmemdup0(reply->reason.ptr, reply->reason.len);
    c->failure.reason.ptr = c->reason;
    list_add(&c->writes->failed, c);
}

void commit_turns_fail(struct pending_write *key, const struct reply *reply)
{
    for (struct pending_turn *turn = key->first; turn != NULL; turn = turn->next)
        fail(turn->owner, reply);
}

static void finish(struct commit_turns *c)
{
    const struct reply failure = c->failure;
    char *reason = c->reason;

    c->reason = NULL;
    commit_finish(c->commit, &failure);
    free(reason);
}

size_t commit_turns_go_on(struct table_writes *w)
{
    struct commit_turns *c = w->failed.first != NULL ? w->failed.first : w->ready.first;
    size_t changes;

    if (c == NULL)
        return 0;
    changes = c->commit->transaction->count;
    list_remove(c);
    if (c->reason != NULL) {
        finish(c);
    } else {
        c->is_begun = true;
        c->commit->table->ops->commit(c->commit);
    }
    return changes;
}
