#include "reload_resolve.h"

#include "podop/config.h"
#include "podop/mem.h"
#include "podop/socket_address.h"

static bool is_named_by(const struct listen_config *listen, const char *socket)
{
    return listen->socket != NULL && strcmp(listen->socket, socket) == 0;
}

static bool has_socket(const struct config *config, const char *socket)
{
    bool has = config != NULL &&
               (is_named_by(&config->control, socket) || is_named_by(&config->http, socket));

    for (size_t i = 0; config != NULL && i < config->listen_count && !has; i++)
        has = is_named_by(&config->listen[i], socket);
    return has;
}

static void resolve(struct listen_config *listen, const struct config *previous)
{
    const char *bare;
    struct socket_addresses *to;

    if (listen->socket == NULL || socket_address_kind(listen->socket, &bare) != SOCKET_HOST ||
        has_socket(previous, listen->socket))
        return;
    to = xcalloc(1, sizeof(*to));
    to->count = socket_address_resolve(listen->socket, to->at, SOCKET_ADDRESSES_MAX, &to->failure);
    listen->resolved = to;
}

void reload_resolve(struct config *config, const struct config *previous)
{
    resolve(&config->control, previous);
    resolve(&config->http, previous);
    for (size_t i = 0; i < config->listen_count; i++)
        resolve(&config->listen[i], previous);
}
