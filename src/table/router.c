#include "podop/router.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct route {
    struct span name; /* in config */
    struct table *table;
    const struct table_config *config;
};

struct router {
    struct config *config; /* a reference */
    size_t count;
    struct route routes[]; /* sorted by name, the shorter first: most names are told by length */
};

static int compare_names(struct span a, struct span b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return memcmp(a.ptr, b.ptr, a.len);
}

static int compare_routes(const void *a, const void *b)
{
    const struct route *left = a, *right = b;

    return compare_names(left->name, right->name);
}

struct router *router_new(struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg)
{
    struct router *r = xmalloc(sizeof(*r) + config->table_count * sizeof(struct route));
    bool is_good = true;

    r->config = config_ref(config);
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
            r->routes[r->count++] = (struct route){span_of(wanted->name), t, wanted};
        }
    }
    qsort(r->routes, r->count, sizeof(struct route), compare_routes);
    if (!is_good)
        router_free(&r);
    return r;
}

static const struct route *find(const struct router *r, struct span name)
{
    size_t begin = 0, end = name.len == 0 ? 0 : r->count; /* no table's name is empty */

    while (begin < end) {
        const struct route *route = &r->routes[begin + (end - begin) / 2];
        int order = compare_names(name, route->name);

        if (order == 0)
            return route;
        if (order < 0)
            end = (size_t)(route - r->routes);
        else
            begin = (size_t)(route - r->routes) + 1;
    }
    return NULL;
}

void router_succeed(struct router *r, const struct router *previous)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct route *next = &r->routes[i];
        const struct route *old = find(previous, next->name);

        if (old == NULL)
            continue;
        if (table_config_equal(next->config, old->config))
            table_inherit(next->table, old->table);
        else
            table_follow(next->table, old->table);
    }
    for (size_t i = 0; i < previous->count; i++)
        table_retire(previous->routes[i].table);
}

void router_flush(struct router *r)
{
    for (size_t i = 0; i < r->count; i++)
        table_flush(r->routes[i].table);
}

void router_free(struct router **prouter)
{
    struct router *r = *prouter;

    if (r == NULL)
        return;
    *prouter = NULL;
    for (size_t i = 0; i < r->count; i++)
        table_unref(&r->routes[i].table);
    config_unref(&r->config);
    free(r);
}

struct table *router_table(const struct router *router, size_t i)
{
    return i < router->count ? router->routes[i].table : NULL;
}

struct table *router_find_table(const struct router *router, struct span name)
{
    const struct route *route = find(router, name);

    return route == NULL ? NULL : route->table;
}
