/* json_table.c - tables in a file that contains one JSON object. The file is read before the
 * table is opened. */
#include "json_table.h"
#include "json_settings.h"
#include "table/fetch.h"
#include "table/iterate.h"
#include "table/json_reply.h"
#include "table/memory.h"

#include "podop/json_files.h"
#include "podop/json_renewal.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

/* An iteration reads this much of the file in one turn of the event loop. */
enum { BYTES_A_TURN = 128 * 1024, MEMBER_BYTES = 128 /* cost of a member besides its value */ };

struct json_table {
    struct table base;
    struct json_index *index; /* a reference */
    char *watched;            /* the path; NULL: the file is not watched */
    struct json_renewal *renewal;
};

struct json_iteration {
    struct table_iteration base;
    struct json_index *index; /* a reference: all rows are of one file; NULL: not started yet */
    size_t at;                /* the next member */
};

static struct json_table *json_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct json_table, base);
}

static void json_table_deinit(struct table *table)
{
    struct json_table *t = json_table_of(table);

    json_renewal_stop(&t->renewal);
    json_index_unref(&t->index, table->env.disposal);
    free(t->watched);
}

static char *json_table_file(const char *param, enum path_need *need)
{
    *need = PATH_READ;
    return xstrdup(param);
}

static void json_table_prepare(const struct table_config *config, struct json_files *files,
                               const struct json_files *previous)
{
    json_files_read(files, previous, config->param, &config->key);
}

static int json_table_init(struct table *table, const struct table_config *config,
                           struct error *err)
{
    const struct json_settings *settings = config->settings;
    struct json_table *t = json_table_of(table);

    if (settings != NULL && settings->watch)
        t->watched = xstrdup(config->param);
    t->index = table->env.json_files == NULL
                   ? json_index_read(config->param, table->rules, NULL, err)
                   : json_files_get(table->env.json_files, config->param, &config->key, err);
    return t->index == NULL ? -1 : 0;
}

/* The cache may have answers of the previous file, which the reload has read again in the place of
 * on_renewed(). */
static void json_table_take_over(struct table *next, struct table *previous)
{
    const struct json_table *t = json_table_of(next);

    if (t->watched != NULL && t->index != json_table_of(previous)->index)
        memory_invalidate_all(next->memory);
}

static void on_renewed(void *arg, struct json_index *index)
{
    struct json_table *t = arg;

    if (t->index == index)
        return;
    if (t->base.env.json_files != NULL)
        json_files_replace(t->base.env.json_files, t->index, index);
    json_index_unref(&t->index, t->base.env.disposal);
    t->index = json_index_ref(index);
    memory_invalidate_all(t->base.memory);
    log_info(t->base.env.log, "json_renewed", LOG_STR("table", t->base.name),
             LOG_UINT("keys", json_index_count(index)));
}

static void json_table_activate(struct table *table)
{
    struct json_table *t = json_table_of(table);
    const struct json_renewal_user user = {table->name, table->rules, on_renewed, t};

    if (t->watched != NULL && table->env.json_renewals != NULL)
        t->renewal = json_renewal_start(table->env.json_renewals, t->watched, t->index, &user);
}

static void json_table_retire(struct table *table)
{
    json_renewal_stop(&json_table_of(table)->renewal);
}

/* Appends the key under which the file has the key of fetch. The file knows no users: KEY/USER got
 * its normal form as one key. */
static void add_key(const struct fetch *fetch, struct buf *out)
{
    struct buf joined;

    if (!fetch->key.is_private) {
        buf_add(out, fetch->key.key);
        return;
    }
    buf_init(&joined, BUF_LIMITED_BY_INPUT);
    buf_add(&joined, fetch->key.key);
    buf_add_char(&joined, '/');
    buf_add(&joined, fetch->key.user);
    key_normalise(fetch->table->rules, buf_span(&joined), out);
    buf_deinit(&joined);
}

static void json_table_start(struct fetch *fetch)
{
    const struct json_index *index = json_table_of(fetch->table)->index;
    struct reply reply = {.status = REPLY_MISS};
    struct buf key, scratch;
    size_t at;

    buf_init(&key, BUF_LIMITED_BY_INPUT);
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    add_key(fetch, &key);
    at = json_index_find(index, buf_span(&key));
    if (at < json_index_count(index) && span_equal(json_index_key(index, at), buf_span(&key)))
        json_reply(json_index_value(index, at), &scratch, &reply);
    fetch_finish(fetch, &reply);
    buf_deinit(&key);
    buf_deinit(&scratch);
}

/* Sets *name to the part of key after path, and for a private path before "/USER". Returns false
 * when key is not below path. */
static bool name_below(const struct table_key *path, struct span key, struct span *name)
{
    size_t tail = path->is_private ? path->user.len + 1 : 0;
    size_t end = key.len;

    if (key.len <= path->key.len + tail)
        return false;
    if (path->is_private) {
        end -= tail;
        if (key.ptr[end] != '/' || !span_equal(span_skip(key, end + 1), path->user))
            return false;
    }
    *name = (struct span){key.ptr + path->key.len, end - path->key.len};
    return true;
}

/* Hands out one row. Returns false when no more rows are wanted. */
static bool hand_out(struct json_iteration *it, const struct json_index *index, size_t at)
{
    struct reply reply;
    struct buf scratch;
    struct span name;
    bool is_wanted = true;

    if (!name_below(&it->base.path, json_index_key(index, at), &name))
        return true;
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    json_reply(json_index_value(index, at), &scratch, &reply);
    if (reply.status == REPLY_FOUND)
        is_wanted = iteration_row(&it->base, name, reply.dict_value);
    buf_deinit(&scratch);
    return is_wanted;
}

static bool has_more(const struct json_iteration *it, const struct json_index *index)
{
    return it->at < json_index_count(index) &&
           span_starts_with(json_index_key(index, it->at), it->base.path.key);
}

/* Returns the index of all rows, after the first call of go_on() has found the first of them. */
static const struct json_index *begin_at(struct json_iteration *it)
{
    if (it->index == NULL) {
        it->index = json_index_ref(json_table_of(it->base.table)->index);
        it->at = json_index_find(it->index, it->base.path.key);
    }
    return it->index;
}

static void json_table_stop(struct table_iteration *base)
{
    struct json_iteration *it = CONTAINER_OF(base, struct json_iteration, base);

    json_index_unref(&it->index, base->table->env.disposal);
}

static void json_table_go_on(struct table_iteration *base)
{
    struct json_iteration *it = CONTAINER_OF(base, struct json_iteration, base);
    const struct json_index *index = begin_at(it);
    bool is_wanted = true;
    size_t bytes = 0;

    while (is_wanted && has_more(it, index)) {
        if (base->is_paused)
            return;
        if (bytes > BYTES_A_TURN) {
            iteration_yield(base);
            return;
        }
        bytes += MEMBER_BYTES + json_index_value(index, it->at).len;
        is_wanted = hand_out(it, index, it->at++);
    }
    iteration_finish(base, &(struct reply){.status = REPLY_FOUND});
}

const struct table_ops table_json = {
    .config = {.name = "json",
               .settings_bytes = sizeof(struct json_settings),
               .settings = &json_settings,
               .param_file = json_table_file},
    .size = sizeof(struct json_table),
    .fetch_bytes = sizeof(struct fetch),
    .prepare = json_table_prepare,
    .init = json_table_init,
    .deinit = json_table_deinit,
    .take_over = json_table_take_over,
    .activate = json_table_activate,
    .retire = json_table_retire,
    .start = json_table_start,
    .iteration_bytes = sizeof(struct json_iteration),
    .go_on = json_table_go_on,
    .stop = json_table_stop,
};
