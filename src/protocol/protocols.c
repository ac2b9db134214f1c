#include "protocols.h"

#define ITEM(name) &protocol_##name,

const struct protocol_ops *const protocols[] = {PROTOCOLS(ITEM) NULL};

static bool serves(const struct protocol_ops *protocol, enum listen_mode mode)
{
    return (protocol->modes & 1u << mode) != 0;
}

const struct protocol_ops *protocol_find(enum listen_mode mode, char first_byte)
{
    for (size_t i = 0; protocols[i] != NULL; i++) {
        if (serves(protocols[i], mode) && protocols[i]->claims(first_byte))
            return protocols[i];
    }
    return NULL;
}

static size_t count_serving(enum listen_mode mode)
{
    size_t count = 0;

    for (size_t i = 0; protocols[i] != NULL; i++)
        count += serves(protocols[i], mode);
    return count;
}

void protocol_add_refusal(struct buf *text, enum listen_mode mode)
{
    const size_t count = count_serving(mode);
    size_t n = 0;

    buf_add(text, count > 1 ? SPAN("is neither ") : SPAN("is not "));
    for (size_t i = 0; protocols[i] != NULL; i++) {
        if (!serves(protocols[i], mode))
            continue;
        if (++n > 1)
            buf_add(text, n == count ? SPAN(" nor ") : SPAN(", "));
        buf_add(text, span_of(protocols[i]->name));
    }
}
