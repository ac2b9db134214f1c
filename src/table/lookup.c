/* lookup.c - lookups, whatever the type of the table: who waits for an answer, which are one
 * question to the type, what is not even asked, and who is told when. */
#include "lookup.h"
#include "explain.h"
#include "hold.h"

#include "podop/cache.h"
#include "podop/clock.h"
#include "podop/hash.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <stdlib.h>

enum {
    SHARED_SLOTS = 1024,        /* a chain each: lookups under way are some thousands at most */
    USUAL_IDENTITY_BYTES = 256, /* of a key; a longer one costs an allocation */
    USUAL_REPLY_BYTES = 256,    /* of an answer that is known at once; the same */
};

/* A caller's wait. An answer that is known at once is kept here until the loop delivers it. */
struct table_op {
    struct table *table;                /* a reference */
    struct fetch *fetch;                /* NULL: the answer is known */
    struct table_op *next, **prev_next; /* in the fetch's list or among those that are ready */
    table_done_fn *done;
    void *arg;
    struct buf *notes;  /* borrowed: it began its fetch to explain it; or NULL */
    struct reply reply; /* its source is known when the op begins */
    char *reply_bytes;  /* what reply points to, unless that is behind this struct */
    bool is_usual;      /* USUAL_REPLY_BYTES are */
};

static void list_init(struct op_list *list)
{
    *list = (struct op_list){.last = &list->first};
}

static void list_add(struct op_list *list, struct table_op *op)
{
    op->next = NULL;
    op->prev_next = list->last;
    *list->last = op;
    list->last = &op->next;
}

static void list_remove(struct op_list *list, struct table_op *op)
{
    *op->prev_next = op->next;
    if (op->next != NULL)
        op->next->prev_next = op->prev_next;
    else
        list->last = op->prev_next;
}

static struct table_op *op_new(struct table *table, table_done_fn *done, void *arg)
{
    struct table_op *op = xmalloc(sizeof(*op));

    *op = (struct table_op){.table = table_ref(table), .done = done, .arg = arg};
    return op;
}

/* With room for an answer of so many bytes. Most often there is one such op at a time, for a
 * moment: it is kept for the next. */
static struct table_op *op_new_roomy(struct table *table, table_done_fn *done, void *arg,
                                     size_t bytes)
{
    bool is_usual = bytes <= USUAL_REPLY_BYTES;
    struct table_op *op = is_usual ? table->spare : NULL;

    if (op == NULL)
        op = xmalloc(sizeof(*op) + (is_usual ? USUAL_REPLY_BYTES : bytes));
    else
        table->spare = NULL;
    *op = (struct table_op){
        .table = table_ref(table), .done = done, .arg = arg, .is_usual = is_usual};
    return op;
}

static void op_free(struct table_op *op)
{
    struct table *table = op->table;

    free(op->reply_bytes);
    if (op->is_usual && table->spare == NULL)
        table->spare = op;
    else
        free(op);
    table_unref(&table);
}

/* One watcher for all, not one each: libev calls what was fed to it newest first, and answers that
 * are out of order have to wait for each other. done may cancel any other, or ask for more. */
static void deliver(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct table *t = table_ref(w->data); /* the last op may have the last reference */
    struct table_op *op;

    (void)loop;
    (void)revents;
    while ((op = t->ready.first) != NULL) {
        list_remove(&t->ready, op);
        op->done(op->arg, &op->reply);
        op_free(op);
    }
    table_unref(&t);
}

void lookup_init(struct table *t)
{
    list_init(&t->ready);
    ev_prepare_init(&t->deliver, deliver);
    ev_set_priority(&t->deliver, PRIORITY_ANSWERS);
    t->deliver.data = t;
    if (t->shares) {
        t->shared = xcalloc(SHARED_SLOTS, sizeof(*t->shared));
        hash_key_init_random(&t->shared_key);
    }
}

void lookup_deinit(struct table *t)
{
    ev_clear_pending(t->env.loop, &t->deliver);
    free(t->spare);
    free(t->shared);
}

const char *table_op_table(const struct table_op *op)
{
    return op->table->name;
}

static struct span append(char **to, struct span bytes)
{
    struct span copy = {*to, bytes.len};

    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
        *to += bytes.len;
    }
    return copy;
}

/* Most often both values are the same bytes, which are copied once. */
static bool is_one_value(const struct reply *reply)
{
    return reply->map_value.ptr == reply->dict_value.ptr &&
           reply->map_value.len == reply->dict_value.len;
}

static size_t reply_bytes(const struct reply *reply)
{
    return reply->map_value.len + (is_one_value(reply) ? 0 : reply->dict_value.len) +
           reply->reason.len;
}

/* Keeps a copy of reply, its bytes in memory, and has the loop deliver it, right after the callback
 * now running. */
static void op_answer(struct table_op *op, const struct reply *reply, char *memory)
{
    struct table *t = op->table;

    op->reply.status = reply->status;
    op->reply.map_value = append(&memory, reply->map_value);
    op->reply.dict_value =
        is_one_value(reply) ? op->reply.map_value : append(&memory, reply->dict_value);
    op->reply.reason = append(&memory, reply->reason);
    op->reply.source = reply->source;
    op->reply.http_status = reply->http_status;
    list_add(&t->ready, op);
    if (!ev_is_pending(&t->deliver))
        ev_feed_event(t->env.loop, &t->deliver, EV_CUSTOM);
}

/* For an op that has waited; op_new_answered() spares the second piece of memory. */
static void deliver_later(struct table_op *op, const struct reply *reply)
{
    size_t bytes = reply_bytes(reply);

    op->reply_bytes = bytes == 0 ? NULL : xmalloc(bytes);
    op_answer(op, reply, op->reply_bytes);
}

static struct table_op *op_new_answered(struct table *table, table_done_fn *done, void *arg,
                                        const struct reply *reply)
{
    struct table_op *op = op_new_roomy(table, done, arg, reply_bytes(reply));

    table->memory->counters.answers[reply->status]++;
    op_answer(op, reply, (char *)(op + 1));
    return op;
}

/* What tells one key from another, whoever asks: the same bytes mean the same answer. */
static size_t identity_len(const struct table_key *key)
{
    return 1 + (key->is_private ? key->user.len + 1 : 0) + key->key.len;
}

static struct span identify(char *to, const struct table_key *key)
{
    struct span identity = {to, identity_len(key)};

    append(&to, key->is_private ? SPAN("p") : SPAN("s"));
    if (key->is_private) {
        append(&to, key->user);
        append(&to, SPAN("\0")); /* no user has one in it */
    }
    append(&to, key->key);
    return identity;
}

static void forget(struct cache *cache, const struct table_key *key)
{
    char *bytes = xmalloc(identity_len(key));

    cache_drop(cache, identify(bytes, key));
    free(bytes);
}

void table_forget(struct table *t, const struct transaction *transaction)
{
    for (struct table_memory *m = t->memory; m != NULL; m = m->next) {
        m->generation++;
        for (size_t i = 0; m->cache != NULL && i < transaction->count; i++)
            forget(m->cache, &transaction->changes[i].key);
    }
}

void table_drop(struct table *t, const struct table_key *key)
{
    t->memory->generation++;
    if (t->memory->cache != NULL)
        forget(t->memory->cache, key);
}

void table_clear(struct table *t)
{
    t->memory->generation++;
    if (t->memory->cache != NULL)
        cache_clear(t->memory->cache);
}

static void op_wait(struct table_op *op, struct fetch *fetch, enum reply_source source)
{
    op->fetch = fetch;
    op->reply.source = source;
    list_add(&fetch->waiting, op);
}

static void op_leave(struct table_op *op)
{
    list_remove(&op->fetch->waiting, op);
    op->fetch = NULL;
}

static struct fetch **shared_slot(struct table *t, struct span identity)
{
    return &t->shared[hash_span(&t->shared_key, identity) % SHARED_SLOTS];
}

/* Not when it began before a write, nor when most of its time is over: who joins is owed a whole
 * timeout, or nearly. */
static bool is_joinable(const struct fetch *fetch)
{
    const struct table *t = fetch->table;

    return fetch->generation == t->memory->generation &&
           fetch->deadline_at_ms >= clock_coarse_ms() + t->timeout_ms / 2;
}

static struct fetch *find_shared(struct table *t, struct span identity)
{
    struct fetch *fetch = t->shares ? *shared_slot(t, identity) : NULL;

    while (fetch != NULL && !(span_equal(fetch->identity, identity) && is_joinable(fetch)))
        fetch = fetch->next_shared;
    return fetch;
}

static void fetch_free(struct fetch *fetch)
{
    table_unref(&fetch->table);
    free(fetch);
}

/* Nobody joins it from here on. */
static void fetch_unlink(struct fetch *fetch)
{
    struct fetch **link;

    if (!fetch->table->shares)
        return;
    for (link = shared_slot(fetch->table, fetch->identity); *link != fetch;)
        link = &(*link)->next_shared;
    *link = fetch->next_shared;
}

static bool is_outage(enum reply_status status)
{
    return status == REPLY_TEMPORARY || status == REPLY_TIMEOUT;
}

/* An answer from before the outage is better than none. */
static void prefer_stale(const struct fetch *fetch, struct reply *reply, uint64_t now_ms)
{
    struct reply stale;

    if (!is_outage(reply->status) ||
        cache_get(fetch->table->memory->cache, fetch->identity, now_ms, &stale) != CACHE_STALE)
        return;
    stale.source = REPLY_STALE;
    stale.http_status = reply->http_status;
    *reply = stale;
    fetch_note(fetch, "answer", SPAN("the stale one of the cache, instead of the failure"));
}

void fetch_finish(struct fetch *fetch, const struct reply *answer)
{
    struct table *t = fetch->table;
    struct table_counters *counters = &t->memory->counters;
    struct reply reply = *answer;
    uint64_t now_ms = clock_coarse_ms();

    if (t->memory->cache != NULL) {
        if (fetch->generation == t->memory->generation)
            cache_put(t->memory->cache, fetch->identity, &reply, now_ms);
        prefer_stale(fetch, &reply, now_ms);
    }
    fetch_unlink(fetch);
    fetch->is_finished = true;
    while (fetch->waiting.first != NULL) {
        struct table_op *op = fetch->waiting.first;

        op_leave(op);
        if (reply.status == answer->status)
            reply.source = op->reply.source;
        counters->answers[reply.status]++;
        counters->cache_stale += reply.status != answer->status;
        /* Later, when the caller has not been given op yet, or when the reply is the cache's own,
         * which the first of them to ask for more would change under the others. */
        if (fetch->is_starting || reply.status != answer->status) {
            deliver_later(op, &reply);
        } else {
            op->done(op->arg, &reply);
            op_free(op);
        }
    }
    fetch_free(fetch);
}

/* The identity is kept behind the type's struct, in the same piece of memory, and the key in it. */
static struct fetch *fetch_new(struct table *t, const struct table_key *key, struct span identity)
{
    size_t bytes = t->ops->fetch_bytes;
    char *memory = xmalloc(bytes + identity.len);
    struct fetch *fetch = (struct fetch *)(void *)memory;

    memset(memory, 0, bytes);
    memory += bytes;
    *fetch = (struct fetch){
        .table = table_ref(t),
        .identity = append(&memory, identity),
        .deadline_at_ms = clock_coarse_ms() + t->timeout_ms,
        .generation = t->memory->generation,
        .is_starting = true,
    };
    list_init(&fetch->waiting);
    fetch->key.is_private = key->is_private;
    fetch->key.user = (struct span){fetch->identity.ptr + 1, key->is_private ? key->user.len : 0};
    fetch->key.key = span_skip(fetch->identity, identity.len - key->key.len);
    if (t->shares) {
        struct fetch **slot = shared_slot(t, fetch->identity);

        fetch->next_shared = *slot;
        *slot = fetch;
    }
    return fetch;
}

static void ask_anew(struct table_op *op, const struct table_key *key, struct span identity)
{
    struct table *t = op->table;
    struct fetch *fetch = fetch_new(t, key, identity);

    t->memory->counters.fetches++;
    fetch->notes = op->notes;
    op_wait(op, fetch, t->memory->cache == NULL ? REPLY_NO_CACHE : REPLY_ABSENT);
    t->ops->start(fetch);
    if (op->fetch != NULL)
        fetch->is_starting = false;
}

static void ask(struct table_op *op, const struct table_key *key, struct span identity)
{
    struct fetch *fetch = find_shared(op->table, identity);

    if (fetch == NULL) {
        ask_anew(op, key, identity);
        return;
    }
    op->table->memory->counters.joined++;
    op_wait(op, fetch, REPLY_JOINED);
}

/* What was written and is held back is true before the backend knows it. */
static struct table_op *answer_held(struct table *t, const struct change *held, table_done_fn *done,
                                    void *arg)
{
    struct reply reply = {.status = REPLY_MISS};
    struct table_op *op;
    struct buf scratch;

    buf_init(&scratch, SIZE_MAX);
    if (held->kind == CHANGE_SET)
        t->ops->read_back(t, held->value, &scratch, &reply);
    reply.source = REPLY_HELD;
    op = op_new_answered(t, done, arg, &reply);
    buf_deinit(&scratch);
    return op;
}

static bool is_cached(struct table *t, struct span identity, struct reply *reply)
{
    struct cache *cache = t->memory->cache;

    if (cache == NULL)
        return false;
    if (cache_get(cache, identity, clock_coarse_ms(), reply) != CACHE_FRESH) {
        t->memory->counters.cache_absent++;
        return false;
    }
    reply->source = REPLY_FROM_CACHE;
    t->memory->counters.cache_fresh++;
    return true;
}

static struct table_op *look_up(struct table *t, const struct table_key *key, struct span identity,
                                table_done_fn *done, void *arg)
{
    const struct change *held = t->hold == NULL ? NULL : hold_find(t->hold, key);
    struct reply reply = {.status = REPLY_MISS, .source = REPLY_SKIPPED};
    struct table_op *op;

    t->memory->counters.lookups++;
    if (held != NULL)
        return answer_held(t, held, done, arg);
    if (table_skips(t, key->key) || is_cached(t, identity, &reply))
        return op_new_answered(t, done, arg, &reply);
    op = op_new(t, done, arg);
    ask(op, key, identity);
    return op;
}

struct table_op *table_lookup(struct table *table, const struct table_key *key, table_done_fn *done,
                              void *arg)
{
    char usual[USUAL_IDENTITY_BYTES];
    size_t len = identity_len(key);
    char *bytes = len <= sizeof(usual) ? usual : xmalloc(len);
    struct table_op *op = look_up(table, key, identify(bytes, key), done, arg);

    if (bytes != usual)
        free(bytes);
    return op;
}

struct table_op *table_explain(struct table *t, const struct table_key *key, struct buf *notes,
                               table_done_fn *done, void *arg)
{
    const struct change *held = t->hold == NULL ? NULL : hold_find(t->hold, key);
    char *bytes = xmalloc(identity_len(key));
    const struct span identity = identify(bytes, key);
    struct table_op *op;

    t->memory->counters.lookups++;
    explain_known(t, key, identity, held, notes);
    if (held != NULL) {
        op = answer_held(t, held, done, arg);
    } else if (table_skips(t, key->key)) {
        op = op_new_answered(t, done, arg,
                             &(struct reply){.status = REPLY_MISS, .source = REPLY_SKIPPED});
    } else {
        op = op_new(t, done, arg);
        op->notes = notes;
        ask_anew(op, key, identity);
    }
    free(bytes);
    return op;
}

void table_op_cancel(struct table_op **pop)
{
    struct table_op *op = *pop;
    struct fetch *fetch;

    if (op == NULL)
        return;
    *pop = NULL;
    fetch = op->fetch;
    if (fetch == NULL) {
        list_remove(&op->table->ready, op);
    } else {
        if (op->notes != NULL)
            fetch->notes = NULL; /* others may still wait for it */
        op_leave(op);
        if (fetch->waiting.first == NULL &&
            !fetch->is_finished) { /* it was the last who wanted to know */
            fetch_unlink(fetch);
            fetch->table->ops->cancel(fetch);
            fetch_free(fetch);
        }
    }
    op_free(op);
}
