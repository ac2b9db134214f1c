#include "podop/protocol.h"

#include "podop/mem.h"

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

struct table *service_find_table(const struct service *service, struct span name)
{
    const struct string_list *served = &service->listen->tables;
    bool is_served = served->count == 0;

    for (size_t i = 0; i < served->count && !is_served; i++)
        is_served = span_equal(span_of(served->items[i]), name);
    return is_served ? router_find_table(service->router, name) : NULL;
}
