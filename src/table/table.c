/* table.c - opens and closes tables of all types, and hands on what they know at a reload. This
 * file sits on top of all others of src/table; table_base.c is at their bottom. */
#include "podop/table.h"

#include "iterate.h"
#include "lookup.h"
#include "memory.h"
#include "write_behind.h"

#include "podop/mem.h"

#include <stdlib.h>

static const struct table_ops *const table_types[] = {&table_url, &table_json, &table_dns,
                                                      &table_program};

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

static const struct table_ops *find_type(const char *type, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(table_types); i++) {
        if (strcmp(table_types[i]->type, type) == 0)
            return table_types[i];
    }
    error_set(err, ERR_CONFIG, "unknown type '%s'", type);
    return NULL;
}

int table_check(const struct table_config *config, struct error *err)
{
    const struct table_ops *ops = find_type(config->type, err);

    if (ops == NULL)
        return -1;
    return ops->check == NULL ? 0 : ops->check(config, err);
}

void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous)
{
    struct error ignored; /* table_open() reports it */
    const struct table_ops *ops = find_type(config->type, &ignored);

    if (ops != NULL && ops->prepare != NULL)
        ops->prepare(config, files, previous);
}

static identify_fn *identify_of(const struct table_ops *ops, struct table *t)
{
    return ops->is_plain != NULL && ops->is_plain(t) ? NULL : ops->identify;
}

static void table_destroy(struct table *t)
{
    lookup_deinit(t);
    memory_unref(t->memory, t);
    table_writes_unref(&t->writes);
    free_strings(&t->skip);
    free(t->name);
    t->ops->close(t);
}

struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err)
{
    const struct table_ops *ops = find_type(config->type, err);
    struct table *t = ops == NULL ? NULL : ops->open(config, env, err);

    if (t == NULL)
        return NULL;
    *t = (struct table){
        .ops = ops,
        .refs = 1,
        .destroy = table_destroy,
        .name = xstrdup(config->name),
        .name_len = strlen(config->name),
        .timeout_ms = config->timeout_ms,
        .env = *env,
        .identify = identify_of(ops, t),
        .memory = memory_new(t, &config->cache, config->share),
        .write_behind_ms = config->write_behind_ms,
        .shares = config->share,
    };
    copy_strings(&t->skip, &config->skip);
    t->uses_hash = t->memory->flights != NULL;
    lookup_init(t);
    iterations_init(t);
    return t;
}

void table_take_over(struct table *table, struct table *previous)
{
    memory_unref(table->memory, table);
    table->memory = memory_ref(previous->memory, table);
    if (table->ops->take_over != NULL)
        table->ops->take_over(table, previous);
}

void table_activate(struct table *table)
{
    if (table->env.write_behind != NULL)
        write_behind_set_table(table->env.write_behind, table);
}

void table_retire(struct table *table)
{
    table->is_retired = true;
    memory_retire(table->memory);
    iterations_retire(table);
}

void table_retire_name(struct table *table)
{
    if (table->writes != NULL)
        write_behind_retire(table->writes);
}

void table_drop(struct table *table, const struct table_key *key)
{
    memory_invalidate(table->memory, key);
}

void table_clear(struct table *table)
{
    memory_invalidate_all(table->memory);
}
