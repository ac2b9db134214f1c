#include "podop/router.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct router {
    size_t count;
    struct table *tables[]; /* sorted by name */
};

static int compare_tables(const void *a, const void *b)
{
    const struct table *const *left = a, *const *right = b;

    return strcmp(table_name(*left), table_name(*right));
}

static int compare_name(const void *key, const void *element)
{
    const struct span *name = key;
    const struct table *const *table = element;
    const char *other = table_name(*table);
    int order = strncmp(name->ptr, other, name->len);

    return order != 0 ? order : other[name->len] == '\0' ? 0 : -1;
}

struct router *router_new(const struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg)
{
    struct router *r = xmalloc(sizeof(*r) + config->table_count * sizeof(struct table *));
    bool is_good = true;

    r->count = 0;
    for (size_t i = 0; i < config->table_count; i++) {
        const struct table_config *wanted = &config->tables[i];
        struct error err = {0};
        struct table *t = table_open(wanted, env, &err);

        if (t == NULL) {
            char text[sizeof(err.text) + 512];

            snprintf(text, sizeof(text), "%.200s: table '%.255s': %s", wanted->origin, wanted->name,
                     err.text);
            report(arg, text);
            is_good = false;
        } else {
            r->tables[r->count++] = t;
        }
    }
    qsort(r->tables, r->count, sizeof(struct table *), compare_tables);
    if (!is_good)
        router_free(&r);
    return r;
}

void router_flush(struct router *r)
{
    for (size_t i = 0; i < r->count; i++)
        table_flush(r->tables[i]);
}

void router_free(struct router **prouter)
{
    struct router *r = *prouter;

    if (r == NULL)
        return;
    *prouter = NULL;
    for (size_t i = 0; i < r->count; i++)
        table_unref(&r->tables[i]);
    free(r);
}

struct table *router_find_table(const struct router *router, struct span name)
{
    struct table *const *found;

    if (name.len == 0 || span_has_byte(name, '\0')) /* no table is called so */
        return NULL;
    found = bsearch(&name, router->tables, router->count, sizeof(struct table *), compare_name);
    return found == NULL ? NULL : *found;
}
