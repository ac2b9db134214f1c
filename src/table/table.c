/* table.c - opens and frees tables of all types, and hands them over at a reload. With router.c
 * it is the top layer of src/table: it may use all other files, and none of them uses it. */
#include "podop/table.h"

#include "iterate.h"
#include "key_search.h"
#include "known_answer.h"
#include "lookup.h"
#include "memory.h"
#include "table_keys.h"
#include "write_behind.h"

#include "podop/mem.h"

#include <stdlib.h>

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

/* Returns the type that config names, or NULL. */
static const struct table_ops *find_type(const struct table_config *config)
{
    const struct config_type *type = config_type_find(&table_types, config->type);

    return type == NULL ? NULL
                        : (const void *)((const char *)type - offsetof(struct table_ops, config));
}

void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous)
{
    const struct table_ops *ops = find_type(config);

    if (ops != NULL && ops->prepare != NULL)
        ops->prepare(config, files, previous);
}

size_t table_descriptors(const struct table_config *config)
{
    const struct table_ops *ops = find_type(config);

    return ops == NULL || ops->descriptors == NULL ? 0 : ops->descriptors(config);
}

static identify_fn *identify_of(const struct table_ops *ops, struct table *t)
{
    return ops->is_plain != NULL && ops->is_plain(t) ? NULL : ops->identify;
}

static void table_destroy(struct table *t)
{
    known_answer_deinit(t);
    memory_unref(t->memory, t);
    table_writes_unref(&t->writes);
    if (t->ops->deinit != NULL)
        t->ops->deinit(t);
    table_keys_deinit(t);
    free_strings(&t->skip);
    free(t->name);
    free(t);
}

static void base_init(struct table *t, const struct table_ops *ops,
                      const struct table_config *config, const struct table_env *env)
{
    *t = (struct table){
        .ops = ops,
        .refs = 1,
        .destroy = table_destroy,
        .name = xstrdup(config->name),
        .name_len = strlen(config->name),
        .timeout_ms = config->timeout_ms,
        .env = *env,
        .write_behind_ms = config->write_behind_ms,
        .shares = config->share,
    };
    copy_strings(&t->skip, &config->skip);
    table_keys_init(t, &config->key);
    t->memory = memory_new(t, &config->cache, config->share); /* reads env */
    t->uses_hash = t->memory->flights != NULL;
    known_answer_init(t);
    iterations_init(t);
}

struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err)
{
    const struct table_ops *ops = find_type(config);
    struct table *t;

    if (ops == NULL) {
        error_set(err, ERR_CONFIG, "unknown type '%s'", config->type);
        return NULL;
    }
    t = xcalloc(1, ops->size);
    base_init(t, ops, config, env);
    if (ops->init != NULL && ops->init(t, config, err) == -1) {
        table_unref(&t);
        return NULL;
    }
    table_keys_use(t, identify_of(ops, t));
    lookup_choose(t);
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
    if (table->ops->activate != NULL)
        table->ops->activate(table);
}

void table_retire(struct table *table)
{
    table->is_retired = true;
    memory_retire(table->memory);
    iterations_retire(table);
    if (table->ops->retire != NULL)
        table->ops->retire(table);
}

void table_retire_name(struct table *table)
{
    if (table->writes != NULL)
        write_behind_retire(table->writes);
}

static void drop_forms(struct table *table, const struct table_key *key)
{
    struct key_search *search = key_search_new(table, key, key, 0);
    struct table_key form;

    while (search != NULL && key_search_next(search, &form))
        memory_invalidate_form(table->memory, &form);
    key_search_free(&search);
}

/* A lookup after this finds nothing that was cached for key, under whatever form. */
void table_drop(struct table *table, const struct table_key *key)
{
    struct normal_key normal;

    normal_key_init(&normal, table, key);
    memory_invalidate(table->memory, &normal.key);
    drop_forms(table, &normal.key);
    normal_key_deinit(&normal);
}

void table_clear(struct table *table)
{
    memory_invalidate_all(table->memory);
}
