/* json_table.c - tables in a file that contains one JSON object. The file is read before the
 * table is opened. */
#include "json_table.h"
#include "table/fetch.h"
#include "table/iterate.h"
#include "table/json_reply.h"

#include "podop/json_files.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

/* An iteration reads this much of the file in one turn of the event loop. */
enum { BYTES_A_TURN = 128 * 1024, MEMBER_BYTES = 128 /* cost of a member besides its value */ };

struct json_table {
    struct table base;
    struct json_index *index; /* a reference */
};

struct json_iteration {
    struct table_iteration base;
    bool is_started;
    size_t at; /* the next member */
};

static struct json_table *json_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct json_table, base);
}

static void json_table_deinit(struct table *table)
{
    json_index_unref(&json_table_of(table)->index, table->env.disposal);
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
    struct json_table *t = json_table_of(table);

    t->index = table->env.json_files == NULL
                   ? json_index_read(config->param, table->rules, NULL, err)
                   : json_files_get(table->env.json_files, config->param, &config->key, err);
    return t->index == NULL ? -1 : 0;
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

static void json_table_go_on(struct table_iteration *base)
{
    struct json_iteration *it = CONTAINER_OF(base, struct json_iteration, base);
    const struct json_index *index = json_table_of(base->table)->index;
    bool is_wanted = true;
    size_t bytes = 0;

    if (!it->is_started) {
        it->is_started = true;
        it->at = json_index_find(index, base->path.key);
    }
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
    .config = {.name = "json", .param_file = json_table_file},
    .size = sizeof(struct json_table),
    .fetch_bytes = sizeof(struct fetch),
    .prepare = json_table_prepare,
    .init = json_table_init,
    .deinit = json_table_deinit,
    .start = json_table_start,
    .iteration_bytes = sizeof(struct json_iteration),
    .go_on = json_table_go_on,
};
