/* table.c - what all types of tables have in common: who waits, what is remembered, what is not
 * even asked. */
#include "table_type.h"

#include "podop/cache.h"
#include "podop/clock.h"
#include "podop/mem.h"

#include <ev.h>

#include <fnmatch.h>
#include <stdlib.h>

static const struct table_ops *const table_types[] = {&table_url, &table_json};

/* A caller's wait. An answer that is known at once is kept here until the loop delivers it. */
struct table_op {
    struct table *table; /* a reference */
    struct fetch *fetch; /* NULL: the answer is known, and ready is pending */
    table_done_fn *done;
    void *arg;
    ev_prepare ready; /* never started, only fed */
    struct reply reply;
    char *reply_bytes; /* what reply points to */
};

static void copy_strings(struct string_list *to, const struct string_list *from)
{
    to->items = xreallocarray(NULL, from->count, sizeof(*to->items));
    for (to->count = 0; to->count < from->count; to->count++)
        to->items[to->count] = xstrdup(from->items[to->count]);
}

static void free_strings(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
}

static struct cache *cache_open(const struct cache_config *config)
{
    const struct cache_limits limits = {
        .ttl_ms = config->ttl_ms,
        .negative_ttl_ms = config->negative_ttl_ms,
        .stale_ms = config->stale_ms,
        .max_entries = config->max_entries,
        .max_bytes = config->max_bytes,
    };

    return config->ttl_ms == 0 && config->negative_ttl_ms == 0 ? NULL : cache_new(&limits);
}

struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(table_types); i++) {
        struct table *t;

        if (strcmp(table_types[i]->type, config->type) != 0)
            continue;
        t = table_types[i]->open(config, env, err);
        if (t == NULL)
            return NULL;
        *t = (struct table){
            .ops = table_types[i],
            .refs = 1,
            .name = xstrdup(config->name),
            .timeout_ms = config->timeout_ms,
            .env = *env,
            .cache = cache_open(&config->cache),
        };
        copy_strings(&t->skip, &config->skip);
        return t;
    }
    error_set(err, ERR_CONFIG, "unknown type '%s'", config->type);
    return NULL;
}

struct table *table_ref(struct table *table)
{
    table->refs++;
    return table;
}

void table_unref(struct table **ptable)
{
    struct table *t = *ptable;

    *ptable = NULL;
    if (t == NULL || --t->refs > 0)
        return;
    cache_free(&t->cache);
    free_strings(&t->skip);
    free(t->name);
    t->ops->close(t);
}

const char *table_name(const struct table *table)
{
    return table->name;
}

/* Keys are compared as C strings: one with a NUL byte matches no pattern. */
static bool is_skipped(const struct table *t, struct span key)
{
    bool matches = false;
    char *text;

    if (t->skip.count == 0 || span_has_byte(key, '\0'))
        return false;
    text = xmemdup0(key.ptr, key.len);
    for (size_t i = 0; i < t->skip.count && !matches; i++)
        matches = fnmatch(t->skip.items[i], text, 0) == 0;
    free(text);
    return matches;
}

static void op_free(struct table_op *op)
{
    table_unref(&op->table);
    free(op->reply_bytes);
    free(op);
}

static void op_ready(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct table_op *op = w->data;

    (void)loop;
    (void)revents;
    op->done(op->arg, &op->reply);
    op_free(op);
}

static struct span append(char **to, struct span bytes)
{
    char *at = *to;

    if (bytes.len > 0)
        memcpy(at, bytes.ptr, bytes.len);
    *to += bytes.len;
    return (struct span){at, bytes.len};
}

/* Keeps a copy of reply and has the loop deliver it, right after the callback now running. */
static void deliver_later(struct table_op *op, const struct reply *reply)
{
    bool is_one = reply->map_value.ptr == reply->dict_value.ptr &&
                  reply->map_value.len == reply->dict_value.len;
    size_t bytes = reply->map_value.len + (is_one ? 0 : reply->dict_value.len) + reply->reason.len;
    char *at = bytes == 0 ? NULL : xmalloc(bytes);

    op->fetch = NULL;
    op->reply_bytes = at;
    op->reply.status = reply->status;
    op->reply.map_value = append(&at, reply->map_value);
    op->reply.dict_value = is_one ? op->reply.map_value : append(&at, reply->dict_value);
    op->reply.reason = append(&at, reply->reason);
    ev_feed_event(op->table->env.loop, &op->ready, EV_CUSTOM);
}

static void fetch_free(struct fetch *fetch)
{
    table_unref(&fetch->table);
    free(fetch);
}

void fetch_finish(struct fetch *fetch, const struct reply *reply)
{
    struct table *t = fetch->table;
    struct table_op *op = fetch->waiting;

    if (t->cache != NULL)
        cache_put(t->cache, fetch->key.key, reply, clock_now_ms());
    fetch->waiting = NULL;
    if (fetch->is_starting) { /* the caller has not been given op yet */
        deliver_later(op, reply);
    } else {
        op->fetch = NULL;
        op->done(op->arg, reply);
        op_free(op);
    }
    fetch_free(fetch);
}

/* The key is kept behind the type's struct, in the same piece of memory. */
static struct fetch *fetch_new(struct table *t, const struct table_key *key, struct table_op *op)
{
    size_t bytes = t->ops->fetch_bytes;
    char *memory = xmalloc(bytes + key->key.len + key->user.len);
    struct fetch *fetch = (struct fetch *)(void *)memory;

    memset(memory, 0, bytes);
    memory += bytes;
    *fetch = (struct fetch){
        .table = table_ref(t),
        .waiting = op,
        .deadline_at_ms = clock_now_ms() + t->timeout_ms,
        .is_starting = true,
    };
    fetch->key.key = append(&memory, key->key);
    fetch->key.user = append(&memory, key->user);
    fetch->key.is_private = key->is_private;
    return fetch;
}

struct table_op *table_lookup(struct table *table, const struct table_key *key, table_done_fn *done,
                              void *arg)
{
    struct table_op *op = xmalloc(sizeof(*op));
    struct reply reply = {.status = REPLY_MISS};
    struct fetch *fetch;

    *op = (struct table_op){.table = table_ref(table), .done = done, .arg = arg};
    ev_prepare_init(&op->ready, op_ready);
    op->ready.data = op;
    if (is_skipped(table, key->key) ||
        (table->cache != NULL &&
         cache_get(table->cache, key->key, clock_now_ms(), &reply) == CACHE_FRESH)) {
        deliver_later(op, &reply);
        return op;
    }
    op->fetch = fetch = fetch_new(table, key, op);
    table->ops->start(fetch);
    if (op->fetch != NULL)
        fetch->is_starting = false;
    return op;
}

void table_op_cancel(struct table_op **pop)
{
    struct table_op *op = *pop;

    if (op == NULL)
        return;
    *pop = NULL;
    if (op->fetch == NULL) {
        ev_clear_pending(op->table->env.loop, &op->ready);
    } else {
        op->table->ops->cancel(op->fetch);
        fetch_free(op->fetch);
    }
    op_free(op);
}
