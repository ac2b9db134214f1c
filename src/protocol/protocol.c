#include "podop/protocol.h"

#include "podop/mem.h"

#include <stdlib.h>

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

struct table *service_find_table(const struct service *service, struct span name)
{
    const struct string_list *served = &service->listen->tables;
    bool is_served = served->count == 0;

    if (service->router == NULL)
        return NULL;

    for (size_t i = 0; i < served->count && !is_served; i++)
        is_served = span_equal(span_of(served->items[i]), name);
    return is_served ? router_find_table(service->router, name) : NULL;
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
