#include "listener_service.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/suggestion.h"
#include "podop/table.h"

#include <stdlib.h>

enum {
    REPLY_TIMEOUT_MIN_MS = 1000,  /* unless the listener sets its own */
    UNKNOWN_NAME_BYTES_MAX = 255, /* of an unknown table's name, in the log */
};

static struct listener_service *service_of(struct service *base)
{
    return CONTAINER_OF(base, struct listener_service, base);
}

static bool is_served(const struct listener_service *service, struct span name)
{
    const struct string_list *served = &service->base.listen->tables;
    bool is_one = served->count == 0;

    for (size_t i = 0; i < served->count && !is_one; i++)
        is_one = span_equal(span_of(served->items[i]), name);
    return is_one;
}

static struct table *find_table(struct service *base, struct span name)
{
    const struct listener_service *service = service_of(base);

    return service->router == NULL || !is_served(service, name)
               ? NULL
               : router_find_table(service->router, name);
}

/* Returns the next served table from the *n-th of the router on, or NULL at the end. *n becomes the
 * position after it. */
static struct table *next_served(const struct listener_service *service, size_t *n)
{
    struct table *table = NULL;

    do
        table = service->router == NULL ? NULL : router_table(service->router, (*n)++);
    while (table != NULL && !is_served(service, table_name(table)));
    return table;
}

static void take_longer(uint32_t *longest_ms, const struct table *table)
{
    if (table != NULL && table_timeout_ms(table) > *longest_ms)
        *longest_ms = table_timeout_ms(table);
}

/* Computes the longest timeout once for all clients. Asks the router for each name of 'tables', and
 * not 'tables' for each name of the router, because both can be long. */
static void find_longest_timeout(struct listener_service *service)
{
    const struct string_list *served = &service->base.listen->tables;
    const struct table *table;

    service->longest_timeout_ms = REPLY_TIMEOUT_MIN_MS;
    if (service->router == NULL)
        return;
    for (size_t i = 0; i < served->count; i++)
        take_longer(&service->longest_timeout_ms,
                    router_find_table(service->router, span_of(served->items[i])));
    for (size_t i = 0; served->count == 0 && (table = router_table(service->router, i)) != NULL;
         i++)
        take_longer(&service->longest_timeout_ms, table);
}

uint32_t listener_service_reply_timeout_ms(const struct listener_service *service)
{
    const uint32_t set_ms = service->base.listen->reply_timeout_ms;

    return set_ms != 0 ? set_ms : service->longest_timeout_ms;
}

static const char *suggest_table(const struct listener_service *service, const char *name)
{
    struct suggestion suggestion = {.word = name};
    const struct table *table;

    for (size_t n = 0; (table = next_served(service, &n)) != NULL;)
        suggestion_offer(&suggestion, table_name(table).ptr);
    return suggestion.best;
}

static void log_unknown_table(struct service *base, const char *protocol, struct span name)
{
    struct listener_service *service = service_of(base);
    const char *socket = base->listen->socket;
    const char *suggestion;
    char *word;

    service->unknown_tables++;
    if (!rate_limit_allows(&service->unknown_limit, clock_now_ms(), LOG_INTERVAL_MS))
        return;
    if (name.len > UNKNOWN_NAME_BYTES_MAX)
        name.len = UNKNOWN_NAME_BYTES_MAX;
    word = xmemdup0(name.ptr, name.len);
    suggestion = suggest_table(service, word);
    log_warning(base->log, "unknown_table", LOG_STR("proto", protocol), LOG_SPAN("table", name),
                LOG_IF(suggestion != NULL, LOG_STR("nearest", suggestion)),
                LOG_IF(socket != NULL, LOG_STR("socket", socket)),
                LOG_UINT("count", service->unknown_tables));
    free(word);
}

static void destroy(struct service *base)
{
    struct listener_service *service = service_of(base);

    config_unref(&service->config);
    free(service);
}

struct listener_service *listener_service_new(struct config *config,
                                              const struct listen_config *listen, struct log *log)
{
    struct listener_service *service = xmalloc(sizeof(*service));

    *service = (struct listener_service){
        .base =
            {
                .refs = 1,
                .destroy = destroy,
                .find_table = find_table,
                .log_unknown_table = log_unknown_table,
                .listen = listen,
                .log = log,
            },
        .config = config_ref(config),
        .longest_timeout_ms = REPLY_TIMEOUT_MIN_MS,
    };
    return service;
}

void listener_service_unref(struct listener_service **pservice)
{
    struct service *base = &(*pservice)->base;

    *pservice = NULL;
    service_unref(&base);
}

void listener_service_set_router(struct listener_service *service, const struct router *router)
{
    service->router = router;
    service->base.serial++;
    find_longest_timeout(service);
}

void listener_service_set_config(struct listener_service *service, struct config *config,
                                 const struct listen_config *listen)
{
    config_ref(config); /* before the unref, because it may be the same */
    config_unref(&service->config);
    service->config = config;
    service->base.listen = listen;
    service->base.serial++;
    find_longest_timeout(service);
}
