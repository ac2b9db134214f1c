/* lookup.c - what answers a lookup: a pending write, a pattern that skips the key, the cache, a
 * request that is under way, or a new one. */
#include "podop/lookup.h"

#include "explain.h"
#include "fetch.h"
#include "lookup.h"
#include "table_writes.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

/* kept until the next answer; a longer one is freed from the loop */
enum { ANSWER_BYTES_MAX = 4096 };

struct table_op {
    struct fetch_waiter waiter;
    struct table *table;  /* a reference */
    struct reply *answer; /* filled if the answer comes while the fetch starts; NULL later */
    table_done_fn *done;
    void *arg;
    bool is_explained; /* its fetch writes to the caller's notes */
};

static void free_answer(void *arg)
{
    struct table *t = arg;

    free(t->answer_bytes);
    t->answer_bytes = NULL;
}

void lookup_init(struct table *t)
{
    deferred_init(&t->free_answer, t->env.loop, 0, free_answer, t);
}

void lookup_deinit(struct table *t)
{
    deferred_stop(&t->free_answer);
    free(t->answer_bytes);
}

/* Returns a copy of an immediate answer that lives as long as table_lookup() promises. */
static struct reply keep_answer(struct table *t, const struct reply *reply)
{
    if (reply_bytes(reply) > ANSWER_BYTES_MAX)
        deferred_start(&t->free_answer);
    return reply_copy(reply, &t->answer_bytes);
}

static void op_free(struct table_op *op)
{
    table_unref(&op->table);
    free(op);
}

static void on_answered(struct fetch_waiter *waiter, const struct reply *reply)
{
    struct table_op *op = CONTAINER_OF(waiter, struct table_op, waiter);

    if (op->answer != NULL) {
        *op->answer = keep_answer(op->table, reply);
        return;
    }
    op->done(op->arg, reply);
    op_free(op);
}

static struct table_op *op_new(struct table *table)
{
    struct table_op *op = xmalloc(sizeof(*op));

    *op = (struct table_op){.table = table_ref(table), .waiter.answered = on_answered};
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
    if (op->is_explained)
        op->waiter.fetch->notes = NULL; /* other lookups may go on waiting for the fetch */
    fetch_leave(&op->waiter);
    op_free(op);
}

/* Asks the type. Like the functions below, returns an op that waits, or NULL and fills *answer. */
static struct table_op *start_fetch(struct table *t, const struct table_key *key,
                                    const struct identity *id, struct buf *notes,
                                    struct reply *answer)
{
    struct fetch *fetch = fetch_new(t, key, id, notes);
    struct table_op *op = op_new(t);

    op->is_explained = notes != NULL;
    op->answer = answer;
    fetch_join(fetch, &op->waiter, t->memory->cache == NULL ? REPLY_NO_CACHE : REPLY_ABSENT);
    fetch_start(fetch);
    op->answer = NULL;
    if (op->waiter.fetch != NULL)
        return op;
    op_free(op);
    return NULL;
}

static struct table_op *ask(struct table *t, const struct table_key *key, const struct identity *id,
                            struct reply *answer)
{
    struct fetch *fetch = fetch_find_shared(t, id);
    struct table_op *op;

    if (fetch == NULL)
        return start_fetch(t, key, id, NULL, answer);
    op = op_new(t);
    t->memory->counters.joined++;
    fetch_join(fetch, &op->waiter, REPLY_JOINED);
    return op;
}

/* Fills reply with what a lookup would find after value was set. It may point into value and
 * scratch. */
static void read_back(struct table *t, struct span value, struct buf *scratch, struct reply *reply)
{
    if (t->ops->read_back != NULL)
        t->ops->read_back(t, value, scratch, reply);
    else
        *reply = (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
}

/* Answers with a pending write, of which the backend may not know yet. */
static void read_pending(struct table *t, const struct change *pending, struct reply *reply)
{
    struct buf scratch;

    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    *reply = (struct reply){.status = REPLY_MISS};
    if (pending->kind == CHANGE_SET)
        read_back(t->writes->table, pending->value, &scratch, reply);
    reply->source = REPLY_PENDING;
    *reply = keep_answer(t, reply);
    buf_deinit(&scratch);
}

static bool is_cached(struct table *t, const struct identity *id, struct reply *reply)
{
    struct cache *cache = t->memory->cache;

    if (cache == NULL)
        return false;
    if (cache_get(cache, id->bytes, id->hash, loop_now_ms(t->env.loop), reply) != CACHE_FRESH) {
        t->memory->counters.cache_absent++;
        return false;
    }
    reply->source = REPLY_FROM_CACHE;
    t->memory->counters.cache_fresh++;
    return true;
}

/* Returns whether *reply is the answer, whatever cache and backend would say. */
static bool is_settled(struct table *t, const struct table_key *key, const struct change *pending,
                       struct reply *reply)
{
    if (pending != NULL) {
        read_pending(t, pending, reply);
        return true;
    }
    if (!table_skips(t, key->key))
        return false;
    *reply = (struct reply){.status = REPLY_MISS, .source = REPLY_SKIPPED};
    return true;
}

static const struct change *find_pending(struct table *t, const struct table_key *key,
                                         const struct identity *id)
{
    if (t->writes == NULL || t->writes->queue.writes == 0)
        return NULL;
    return table_writes_find(t->writes, t, key, id);
}

static inline struct table_op *look_up(struct table *t, const struct table_key *key,
                                       const struct identity *id, struct reply *answer)
{
    t->memory->counters.lookups++;
    if (is_settled(t, key, find_pending(t, key, id), answer) || is_cached(t, id, answer)) {
        t->memory->counters.answers[answer->status]++;
        return NULL;
    }
    return ask(t, key, id, answer);
}

struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *answer)
{
    struct identity id;
    struct table_op *op;

    identity_of(&id, table, key);
    op = look_up(table, key, &id, answer);
    identity_free(&id);
    return op;
}

struct table_op *table_explain(struct table *t, const struct table_key *key, struct buf *notes,
                               struct reply *answer)
{
    const struct change *pending;
    struct identity id;
    struct table_op *op = NULL;

    identity_of(&id, t, key);
    pending = find_pending(t, key, &id);
    t->memory->counters.lookups++;
    explain_known(t, key, &id, pending, notes);
    if (is_settled(t, key, pending, answer))
        t->memory->counters.answers[answer->status]++;
    else
        op = start_fetch(t, key, &id, notes, answer);
    identity_free(&id);
    return op;
}
