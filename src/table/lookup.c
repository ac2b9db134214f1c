/* lookup.c - lookups, whatever the type of the table: who waits for an answer, which are one
 * question to the type, what is not even asked, and who is told when. */
#include "lookup.h"
#include "explain.h"
#include "identity.h"
#include "memory.h"
#include "write_behind.h"

#include "cache.h"
#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

enum { KEPT_BYTES_MAX = 4096 }; /* of an answer; a larger one goes when the loop goes on */

/* A caller's wait. */
struct table_op {
    struct table *table;                /* a reference */
    struct fetch *fetch;                /* NULL: it has its answer, or is being told */
    struct table_op *next, **prev_next; /* in the fetch's list */
    enum reply_source source;           /* of the answer, unless that is a stale one */
    table_done_fn *done;
    void *arg;
    struct buf *notes; /* borrowed: it began its fetch to explain it; or NULL */
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

static struct table_op *op_new(struct table *table, struct buf *notes)
{
    struct table_op *op = xmalloc(sizeof(*op));

    *op = (struct table_op){.table = table_ref(table), .notes = notes};
    return op;
}

static void op_free(struct table_op *op)
{
    table_unref(&op->table);
    free(op);
}

static void let_known_go(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct table *t = w->data;

    (void)loop;
    (void)revents;
    free(t->known_bytes);
    t->known_bytes = NULL;
}

void lookup_init(struct table *t)
{
    ev_prepare_init(&t->let_known_go, let_known_go);
    t->let_known_go.data = t;
}

void lookup_deinit(struct table *t)
{
    ev_clear_pending(t->env.loop, &t->let_known_go);
    free(t->known_bytes);
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

/* reply with its bytes in *memory, which replaces what was there before. */
static struct reply keep(char **memory, const struct reply *reply)
{
    struct reply kept = *reply;
    char *bytes = xmalloc(reply_bytes(reply));

    free(*memory);
    *memory = bytes;
    kept.map_value = append(&bytes, reply->map_value);
    kept.dict_value = is_one_value(reply) ? kept.map_value : append(&bytes, reply->dict_value);
    kept.reason = append(&bytes, reply->reason);
    return kept;
}

/* An answer that is given at once, for as long as table_lookup() promises. */
static struct reply keep_known(struct table *t, const struct reply *reply)
{
    if (reply_bytes(reply) > KEPT_BYTES_MAX && !ev_is_pending(&t->let_known_go))
        ev_feed_event(t->env.loop, &t->let_known_go, EV_CUSTOM);
    return keep(&t->known_bytes, reply);
}

void table_drop(struct table *t, const struct table_key *key)
{
    memory_invalidate(t->memory, key);
}

void table_clear(struct table *t)
{
    memory_invalidate_all(t->memory);
}

static void op_join(struct table_op *op, struct fetch *fetch, enum reply_source source)
{
    op->fetch = fetch;
    op->source = source;
    list_add(&fetch->waiting, op);
}

static void op_leave(struct table_op *op)
{
    list_remove(&op->fetch->waiting, op);
    op->fetch = NULL;
}

/* Not when its key was written since, nor when most of its time is over: who joins is owed a whole
 * timeout, or nearly. Nor one that began before a reload. */
static bool is_joinable(const struct table *t, const struct fetch *fetch)
{
    return fetch->table == t && memory_is_current(t->memory, fetch) &&
           fetch->deadline_at_ms >= table_now_ms(t) + t->timeout_ms / 2;
}

static struct fetch *find_shared(struct table *t, struct span identity)
{
    struct fetch *fetch = t->shares ? memory_find_fetch(t->memory, identity, NULL) : NULL;

    while (fetch != NULL && !is_joinable(t, fetch))
        fetch = memory_find_fetch(t->memory, identity, fetch);
    return fetch;
}

static void fetch_free(struct fetch *fetch)
{
    table_unref(&fetch->table);
    free(fetch);
}

static bool is_outage(enum reply_status status)
{
    return status == REPLY_TEMPORARY || status == REPLY_TIMEOUT;
}

bool fetch_has_stale(const struct fetch *fetch)
{
    struct cache *cache = fetch->table->memory->cache;
    struct reply ignored;

    return cache != NULL && cache_get(cache, fetch->identity, loop_now_ms(fetch->table->env.loop),
                                      &ignored) == CACHE_STALE;
}

/* An answer from before the outage is better than none. It is the cache's own, until somebody asks
 * for more. */
static bool find_stale(const struct fetch *fetch, struct reply *reply, uint64_t now_ms)
{
    struct reply stale;

    if (!is_outage(reply->status) ||
        cache_get(fetch->table->memory->cache, fetch->identity, now_ms, &stale) != CACHE_STALE)
        return false;
    stale.source = REPLY_STALE;
    stale.http_status = reply->http_status;
    *reply = stale;
    fetch_note(fetch, "answer", SPAN("the stale one of the cache, instead of the failure"));
    return true;
}

/* start() has not returned yet: whoever asked gets the answer instead of op. */
static void tell(const struct fetch *fetch, struct table_op *op, const struct reply *reply)
{
    if (fetch->at_once != NULL) {
        *fetch->at_once = keep_known(op->table, reply);
        return;
    }
    op->done(op->arg, reply);
    op_free(op);
}

void fetch_finish(struct fetch *fetch, const struct reply *answer)
{
    struct table *t = fetch->table;
    struct table_counters *counters = &t->memory->counters;
    struct reply reply = *answer;
    bool is_stale = false;
    char *stale_bytes = NULL;

    if (t->memory->cache != NULL) {
        const uint64_t now_ms = loop_now_ms(t->env.loop);

        if (memory_is_current(t->memory, fetch))
            cache_put(t->memory->cache, fetch->identity, &reply, now_ms);
        is_stale = find_stale(fetch, &reply, now_ms);
        if (is_stale)
            reply = keep(&stale_bytes, &reply); /* whoever is told first may ask for more */
    }
    memory_remove_fetch(t->memory, fetch);
    fetch->is_finished = true;
    while (fetch->waiting.first != NULL) {
        struct table_op *op = fetch->waiting.first;

        op_leave(op);
        if (!is_stale)
            reply.source = op->source;
        counters->answers[reply.status]++;
        counters->cache_stale += is_stale;
        tell(fetch, op, &reply);
    }
    free(stale_bytes);
    fetch_free(fetch);
}

/* The bytes of key, in identity where they are there as well. */
static struct table_key keep_key(const struct table_key *key, const struct identity *id,
                                 struct span kept, char *memory)
{
    struct table_key copy = {.is_private = key->is_private};

    if (id->is_plain) {
        copy.key = (struct span){kept.ptr, key->key.len};
        copy.user = key->is_private ? span_skip(kept, key->key.len + 1) : copy.user;
    } else {
        copy.key = append(&memory, key->key);
        copy.user = key->is_private ? append(&memory, key->user) : copy.user;
    }
    return copy;
}

/* The identity and the key are kept behind the type's struct, in the same piece of memory. */
static struct fetch *fetch_new(struct table *t, const struct table_key *key,
                               const struct identity *id)
{
    const size_t bytes = t->ops->fetch_bytes;
    const size_t key_bytes = id->is_plain ? 0 : key->key.len + key->user.len;
    char *memory = xmalloc(bytes + id->bytes.len + key_bytes);
    struct fetch *fetch = (struct fetch *)(void *)memory;

    memset(memory, 0, bytes);
    memory += bytes;
    *fetch = (struct fetch){
        .table = table_ref(t),
        .identity = append(&memory, id->bytes),
        .deadline_at_ms = table_now_ms(t) + t->timeout_ms,
    };
    list_init(&fetch->waiting);
    fetch->key = keep_key(key, id, fetch->identity, memory);
    memory_add_fetch(t->memory, fetch);
    return fetch;
}

/* Here and below: an op that waits, or NULL and *known. notes as in struct table_op. */
static struct table_op *ask_anew(struct table *t, const struct table_key *key,
                                 const struct identity *id, struct buf *notes, struct reply *known)
{
    struct fetch *fetch = fetch_new(t, key, id);
    struct table_op *op = op_new(t, notes);

    t->memory->counters.fetches++;
    fetch->notes = notes;
    fetch->at_once = known;
    op_join(op, fetch, t->memory->cache == NULL ? REPLY_NO_CACHE : REPLY_ABSENT);
    t->ops->start(fetch);
    if (op->fetch == NULL) {
        op_free(op);
        return NULL;
    }
    fetch->at_once = NULL;
    return op;
}

static struct table_op *ask(struct table *t, const struct table_key *key, const struct identity *id,
                            struct reply *known)
{
    struct fetch *fetch = find_shared(t, id->bytes);
    struct table_op *op;

    if (fetch == NULL)
        return ask_anew(t, key, id, NULL, known);
    op = op_new(t, NULL);
    t->memory->counters.joined++;
    op_join(op, fetch, REPLY_JOINED);
    return op;
}

/* What was written and is held back is true before the backend knows it. */
static void read_held(struct table *t, const struct change *held, struct reply *reply)
{
    struct buf scratch;

    buf_init(&scratch, SIZE_MAX);
    *reply = (struct reply){.status = REPLY_MISS};
    if (held->kind == CHANGE_SET)
        table_writes_read(t->writes, held->value, &scratch, reply);
    reply->source = REPLY_PENDING;
    *reply = keep_known(t, reply);
    buf_deinit(&scratch);
}

static bool is_cached(struct table *t, struct span identity, struct reply *reply)
{
    struct cache *cache = t->memory->cache;

    if (cache == NULL)
        return false;
    if (cache_get(cache, identity, loop_now_ms(t->env.loop), reply) != CACHE_FRESH) {
        t->memory->counters.cache_absent++;
        return false;
    }
    reply->source = REPLY_FROM_CACHE;
    t->memory->counters.cache_fresh++;
    return true;
}

/* Whether podop knows the answer whatever the backend would say: then that is *reply. */
static bool is_settled(struct table *t, const struct table_key *key, const struct change *held,
                       struct reply *reply)
{
    if (held != NULL) {
        read_held(t, held, reply);
        return true;
    }
    *reply = (struct reply){.status = REPLY_MISS, .source = REPLY_SKIPPED};
    return table_skips(t, key->key);
}

static const struct change *find_held(struct table *t, const struct table_key *key,
                                      const struct identity *id)
{
    if (t->writes == NULL || t->writes->queue.writes == 0)
        return NULL;
    return table_writes_find(t->writes, t, key, id->bytes);
}

static struct table_op *look_up(struct table *t, const struct table_key *key,
                                const struct identity *id, struct reply *known)
{
    t->memory->counters.lookups++;
    if (is_settled(t, key, find_held(t, key, id), known) || is_cached(t, id->bytes, known)) {
        t->memory->counters.answers[known->status]++;
        return NULL;
    }
    return ask(t, key, id, known);
}

struct table_op *table_lookup(struct table *table, const struct table_key *key, struct reply *known)
{
    struct identity id;
    struct table_op *op;

    identity_of(&id, table, key);
    op = look_up(table, key, &id, known);
    identity_free(&id);
    return op;
}

struct table_op *table_explain(struct table *t, const struct table_key *key, struct buf *notes,
                               struct reply *known)
{
    const struct change *held;
    struct identity id;
    struct table_op *op = NULL;

    identity_of(&id, t, key);
    held = find_held(t, key, &id);
    t->memory->counters.lookups++;
    explain_known(t, key, id.bytes, held, notes);
    if (is_settled(t, key, held, known))
        t->memory->counters.answers[known->status]++;
    else
        op = ask_anew(t, key, &id, notes, known);
    identity_free(&id);
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
    if (op->notes != NULL)
        fetch->notes = NULL; /* others may still wait for it */
    op_leave(op);
    if (fetch->waiting.first == NULL && !fetch->is_finished) { /* nobody wants to know any more */
        memory_remove_fetch(fetch->table->memory, fetch);
        fetch->table->ops->cancel(fetch);
        fetch_free(fetch);
    }
    op_free(op);
}
