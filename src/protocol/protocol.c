#include "podop/protocol.h"

#include "podop/suggestion.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

enum {
    REPLY_TIMEOUT_MIN_MS = 1000, /* unless the listener says otherwise */
    UNKNOWN_TELL_EVERY_MS = 60 * 1000,
    UNKNOWN_NAME_BYTES_MAX = 255, /* in the log */
};

static const struct protocol_ops *const told_apart[] = {&protocol_socketmap, &protocol_dict};

static const struct protocol_ops *only_of(enum listen_mode mode)
{
    switch (mode) {
    case MODE_AUTO: break;
    case MODE_POSTFIX: return &protocol_socketmap;
    case MODE_DOVECOT: return &protocol_dict;
    case MODE_CONTROL: return &protocol_control;
    }
    return NULL;
}

const struct protocol_ops *protocol_find(enum listen_mode mode, char first_byte)
{
    const struct protocol_ops *only = only_of(mode);

    if (only != NULL)
        return only->claims(first_byte) ? only : NULL;
    for (size_t i = 0; i < ARRAY_LEN(told_apart); i++) {
        if (told_apart[i]->claims(first_byte))
            return told_apart[i];
    }
    return NULL;
}

struct service *service_new(struct config *config, const struct listen_config *listen,
                            struct log *log)
{
    struct service *service = xmalloc(sizeof(*service));

    *service =
        (struct service){.refs = 1, .config = config_ref(config), .listen = listen, .log = log};
    return service;
}

struct service *service_ref(struct service *service)
{
    service->refs++;
    return service;
}

void service_unref(struct service **pservice)
{
    struct service *service = *pservice;

    *pservice = NULL;
    if (service == NULL || --service->refs > 0)
        return;
    config_unref(&service->config);
    free(service);
}

void service_route(struct service *service, const struct router *router)
{
    service->router = router;
    service->serial++;
}

void service_configure(struct service *service, struct config *config,
                       const struct listen_config *listen)
{
    config_ref(config); /* first: it may be the same */
    config_unref(&service->config);
    service->config = config;
    service->listen = listen;
    service->serial++;
}

static bool is_served(const struct service *service, struct span name)
{
    const struct string_list *served = &service->listen->tables;
    bool is_one = served->count == 0;

    for (size_t i = 0; i < served->count && !is_one; i++)
        is_one = span_equal(span_of(served->items[i]), name);
    return is_one;
}

struct table *service_find_table(const struct service *service, struct span name)
{
    return service->router == NULL || !is_served(service, name)
               ? NULL
               : router_find_table(service->router, name);
}

/* The n-th table that is served; *n is moved behind it. NULL: that was all. */
static struct table *next_served(const struct service *service, size_t *n)
{
    struct table *table = NULL;

    do
        table = service->router == NULL ? NULL : router_table(service->router, (*n)++);
    while (table != NULL && !is_served(service, table_name(table)));
    return table;
}

uint32_t service_reply_timeout_ms(const struct service *service)
{
    uint32_t longest_ms = REPLY_TIMEOUT_MIN_MS;
    const struct table *table;

    if (service->listen->reply_timeout_ms != 0)
        return service->listen->reply_timeout_ms;
    for (size_t n = 0; (table = next_served(service, &n)) != NULL;) {
        if (table_timeout_ms(table) > longest_ms)
            longest_ms = table_timeout_ms(table);
    }
    return longest_ms;
}

static const char *suggest_table(const struct service *service, const char *name)
{
    struct suggestion suggestion = {.word = name};
    const struct table *table;

    for (size_t n = 0; (table = next_served(service, &n)) != NULL;)
        suggestion_offer(&suggestion, table_name(table).ptr);
    return suggestion.best;
}

void service_tell_unknown(struct service *service, const char *proto, struct span name)
{
    const uint64_t now_ms = clock_now_ms();
    const char *suggestion;
    char *word;

    service->unknown_tables++;
    if (service->unknown_told_at_ms != 0 &&
        now_ms - service->unknown_told_at_ms < UNKNOWN_TELL_EVERY_MS)
        return;
    service->unknown_told_at_ms = now_ms;
    if (name.len > UNKNOWN_NAME_BYTES_MAX)
        name.len = UNKNOWN_NAME_BYTES_MAX;
    word = xmemdup0(name.ptr, name.len);
    suggestion = suggest_table(service, word);
    log_warning(service->log, "unknown_table", LOG_STR("proto", proto), LOG_SPAN("table", name),
                LOG_IF(suggestion != NULL, LOG_STR("nearest", suggestion)),
                LOG_IF(service->listen->socket != NULL, LOG_STR("socket", service->listen->socket)),
                LOG_UINT("count", service->unknown_tables));
    free(word);
}

void reload_ask_add(struct reload_ask **list, struct reload_ask *ask)
{
    while (*list != NULL)
        list = &(*list)->next;
    ask->next = NULL;
    ask->prev_next = list;
    *list = ask;
}

void reload_ask_cancel(struct reload_ask *ask)
{
    if (ask->prev_next == NULL)
        return;
    *ask->prev_next = ask->next;
    if (ask->next != NULL)
        ask->next->prev_next = ask->prev_next;
    ask->prev_next = NULL;
}
