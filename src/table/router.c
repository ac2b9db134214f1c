#include "podop/router.h"

#include "podop/disposal.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

struct route {
    struct span name; /* borrowed from config */
    struct table *table;
    const struct table_config *config;
};

enum { TABLES_PER_STEP = 16 };

struct router {
    struct disposable disposable;
    struct config *config; /* a reference */
    size_t tried;          /* number of tables that were opened, or could not be */
    size_t count;
    struct route routes[]; /* sorted by length, then by bytes: most names differ in length */
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

struct router *router_begin(struct config *config)
{
    struct router *r = xmalloc(sizeof(*r) + config->table_count * sizeof(struct route));

    *r = (struct router){.config = config_ref(config)};
    return r;
}

bool router_open_next(struct router *r, const struct table_env *env, config_report_fn *report,
                      void *arg)
{
    const struct table_config *wanted = &r->config->tables[r->tried];
    struct error err = {0};
    struct table *t;

    if (r->tried == r->config->table_count)
        return false;
    r->tried++;
    t = table_open(wanted, env, &err);
    if (t == NULL) {
        char text[sizeof(err.text) + 512];

        snprintf(text, sizeof(text), "%.200s: table '%.255s': %s", wanted->origin, wanted->name,
                 err.text);
        report(arg, text);
    } else {
        r->routes[r->count++] = (struct route){span_of(wanted->name), t, wanted};
    }
    return true;
}

void router_end(struct router **router)
{
    struct router *r = *router;

    qsort(r->routes, r->count, sizeof(struct route), compare_routes);
    if (r->count < r->config->table_count)
        router_free(router);
}

struct router *router_new(struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg)
{
    struct router *r = router_begin(config);

    while (router_open_next(r, env, report, arg))
        ;
    router_end(&r);
    return r;
}

static const struct route *find(const struct router *r, struct span name)
{
    size_t begin = 0, end = name.len == 0 ? 0 : r->count; /* no table has an empty name */

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

static const struct route *find_previous(const struct router *previous, struct span name)
{
    return previous == NULL ? NULL : find(previous, name);
}

void router_take_over(struct router *r, const struct router *previous)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct route *next = &r->routes[i];
        const struct route *old = find_previous(previous, next->name);

        if (old != NULL && table_config_equal(next->config, old->config))
            table_take_over(next->table, old->table);
        table_activate(next->table);
    }
    for (size_t i = 0; previous != NULL && i < previous->count; i++) {
        if (find(r, previous->routes[i].name) == NULL)
            table_retire_name(previous->routes[i].table);
        table_retire(previous->routes[i].table);
    }
}

static bool free_some(struct disposable *base)
{
    struct router *r = CONTAINER_OF(base, struct router, disposable);

    for (int i = 0; i < TABLES_PER_STEP && r->count > 0; i++)
        table_unref(&r->routes[--r->count].table);
    if (r->count > 0)
        return true;
    config_unref(&r->config);
    free(r);
    return false;
}

void router_dispose(struct router **prouter, struct disposal *disposal)
{
    struct router *r = *prouter;

    if (r == NULL)
        return;
    *prouter = NULL;
    r->disposable.give_back_some = free_some;
    disposal_add(disposal, &r->disposable);
}

void router_free(struct router **prouter)
{
    router_dispose(prouter, NULL);
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
