#include "podop/protocol.h"

#include "podop/mem.h"

#include <stdlib.h>

static const struct protocol_ops *const protocols[] = {&protocol_socketmap, &protocol_dict};

const struct protocol_ops *protocol_find(enum listen_mode mode, char first_byte)
{
    const struct protocol_ops *only =
        mode == MODE_POSTFIX ? &protocol_socketmap : &protocol_dict; /* unless mode is auto */

    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if ((mode == MODE_AUTO || only == protocols[i]) && protocols[i]->claims(first_byte))
            return protocols[i];
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
