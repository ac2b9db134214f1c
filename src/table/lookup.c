/* lookup.c - lookups, whatever the type of the table: who waits for an answer, which are one
 * question to the type, what is not even asked, and who is told when. */
#include "lookup.h"
#include "explain.h"
#include "hold.h"

#include "podop/cache.h"
#include "podop/clock.h"
#include "podop/hash.h"
#include "podop/mem.h"

#include <stdlib.h>

enum {
    SHARED_SLOTS = 1024,        /* a chain each: lookups under way are some thousands at most */
    USUAL_IDENTITY_BYTES = 256, /* of a key; a longer one costs an allocation */
    KEPT_BYTES_MAX = 4096,      /* of an answer; a larger one goes when the loop goes on */
};

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
    if (t->shares) {
        t->shared = xcalloc(SHARED_SLOTS, sizeof(*t->shared));
        hash_key_init_random(&t->shared_key);
    }
}

void lookup_deinit(struct table *t)
{
    ev_clear_pending(t->env.loop, &t->let_known_go);
    free(t->known_bytes);
    free(t->shared);
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

bool fetch_has_stale(const struct fetch *fetch)
{
    struct cache *cache = fetch->table->memory->cache;
    struct reply ignored;

    return cache != NULL &&
           cache_get(cache, fetch->identity, clock_coarse_ms(), &ignored) == CACHE_STALE;
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
        const uint64_t now_ms = clock_coarse_ms();

        if (fetch->generation == t->memory->generation)
            cache_put(t->memory->cache, fetch->identity, &reply, now_ms);
        is_stale = find_stale(fetch, &reply, now_ms);
        if (is_stale)
            reply = keep(&stale_bytes, &reply); /* whoever is told first may ask for more */
    }
    fetch_unlink(fetch);
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

/* Here and below: an op that waits, or NULL and *known. notes as in struct table_op. */
static struct table_op *ask_anew(struct table *t, const struct table_key *key, struct span identity,
                                 struct buf *notes, struct reply *known)
{
    struct fetch *fetch = fetch_new(t, key, identity);
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

static struct table_op *ask(struct table *t, const struct table_key *key, struct span identity,
                            struct reply *known)
{
    struct fetch *fetch = find_shared(t, identity);
    struct table_op *op;

    if (fetch == NULL)
        return ask_anew(t, key, identity, NULL, known);
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
        t->ops->read_back(t, held->value, &scratch, reply);
    reply->source = REPLY_HELD;
    *reply = keep_known(t, reply);
    buf_deinit(&scratch);
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

static const struct change *find_held(const struct table *t, const struct table_key *key)
{
    return t->hold == NULL ? NULL : hold_find(t->hold, key);
}

static struct table_op *look_up(struct table *t, const struct table_key *key, struct span identity,
                                struct reply *known)
{
    t->memory->counters.lookups++;
    if (is_settled(t, key, find_held(t, key), known) || is_cached(t, identity, known)) {
        t->memory->counters.answers[known->status]++;
        return NULL;
    }
    return ask(t, key, identity, known);
}

struct table_op *table_lookup(struct table *table, const struct table_key *key, struct reply *known)
{
    char usual[USUAL_IDENTITY_BYTES];
    size_t len = identity_len(key);
    char *bytes = len <= sizeof(usual) ? usual : xmalloc(len);
    struct table_op *op = look_up(table, key, identify(bytes, key), known);

    if (bytes != usual)
        free(bytes);
    return op;
}

struct table_op *table_explain(struct table *t, const struct table_key *key, struct buf *notes,
                               struct reply *known)
{
    const struct change *held = find_held(t, key);
    char *bytes = xmalloc(identity_len(key));
    const struct span identity = identify(bytes, key);
    struct table_op *op = NULL;

    t->memory->counters.lookups++;
    explain_known(t, key, identity, held, notes);
    if (is_settled(t, key, held, known))
        t->memory->counters.answers[known->status]++;
    else
        op = ask_anew(t, key, identity, notes, known);
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
    if (op->notes != NULL)
        fetch->notes = NULL; /* others may still wait for it */
    op_leave(op);
    if (fetch->waiting.first == NULL && !fetch->is_finished) { /* nobody wants to know any more */
        fetch_unlink(fetch);
        fetch->table->ops->cancel(fetch);
        fetch_free(fetch);
    }
    op_free(op);
}
