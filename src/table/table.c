/* table.c - what all types of tables have in common: how they are opened, what they remember, who
 * holds them. Lookups, iterations and commits have files of their own. */
#include "hold.h"
#include "lookup.h"
#include "table_type.h"

#include "podop/cache.h"
#include "podop/mem.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
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

static struct table_memory *memory_new(const struct cache_config *config)
{
    struct table_memory *memory = xmalloc(sizeof(*memory));

    *memory = (struct table_memory){.refs = 1, .served = 1, .cache = cache_open(config)};
    return memory;
}

static void memory_unref(struct table_memory *memory)
{
    while (memory != NULL && --memory->refs == 0) {
        struct table_memory *next = memory->next;

        cache_free(&memory->cache);
        free(memory);
        memory = next;
    }
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
        .name = xstrdup(config->name),
        .name_len = strlen(config->name),
        .timeout_ms = config->timeout_ms,
        .env = *env,
        .memory = memory_new(&config->cache),
        .shares = config->share,
    };
    copy_strings(&t->skip, &config->skip);
    if (config->write_behind_ms > 0)
        t->hold = hold_new(t, config->write_behind_ms);
    lookup_init(t);
    return t;
}

void table_inherit(struct table *table, struct table *previous)
{
    memory_unref(table->memory);
    table->memory = previous->memory;
    table->memory->refs++;
    table->memory->served++;
    if (previous->hold != NULL) {
        hold_free(&table->hold);
        table->hold = previous->hold;
        hold_move(table->hold, table);
        previous->heir = table_ref(table);
    }
    if (table->ops->inherit != NULL)
        table->ops->inherit(table, previous);
}

void table_follow(struct table *table, const struct table *previous)
{
    previous->memory->next = table->memory;
    table->memory->refs++;
}

void table_retire(struct table *table)
{
    table->is_retired = true;
    if (--table->memory->served == 0)
        cache_free(&table->memory->cache);
    iterations_retire(table);
}

void table_flush(struct table *table)
{
    if (table->hold == NULL)
        return;
    if (table->heir == NULL)
        hold_flush(table->hold);
    else
        hold_write(table->hold);
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
    lookup_deinit(t);
    if (t->heir == NULL)
        hold_free(&t->hold);
    table_unref(&t->heir);
    memory_unref(t->memory);
    free_strings(&t->skip);
    free(t->name);
    t->ops->close(t);
}

uint32_t table_timeout_ms(const struct table *table)
{
    return table->timeout_ms;
}

struct span table_name(const struct table *table)
{
    return (struct span){table->name, table->name_len};
}

struct span table_reason(const struct table *table, char text[TABLE_REASON_BYTES],
                         const char *format, ...)
{
    int begin = snprintf(text, TABLE_REASON_BYTES, "table %s: ", table->name);
    va_list args;

    va_start(args, format);
    vsnprintf(text + begin, TABLE_REASON_BYTES - (size_t)begin, format, args);
    va_end(args);
    for (char *c = text + begin; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
    return span_of(text);
}

/* Keys are compared as C strings: one with a NUL byte matches no pattern. */
bool table_skips(const struct table *t, struct span key)
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
