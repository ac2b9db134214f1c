#include "build_allow.h"

#include "podop/socket_address.h"

static enum allow_sockets kind_of(const char *socket)
{
    const char *bare;

    switch (socket_address_kind(socket, &bare)) {
    case SOCKET_PATH: return ALLOW_ON_UNIX;
    case SOCKET_HOST: return ALLOW_ON_TCP;
    case SOCKET_SYSTEMD: break;
    }
    return ALLOW_ON_BOTH;
}

static void add_text(const struct node *value, const char *where, struct listen_config *listener,
                     struct faults *faults)
{
    struct error err = {0};

    if (value->text == NULL)
        return; /* a list, or a fault that was reported */
    switch (allow_add(&listener->allowed, value->text, kind_of(listener->socket), &err)) {
    case ALLOW_ADDED: return;
    case ALLOW_FAULTY: fault_add(faults, value->origin, "'allow'%s: %s", where, err.text); return;
    case ALLOW_UNKNOWN:
        fault_warn(faults, value->origin, "'allow'%s: %s, so this entry allows no client", where,
                   err.text);
        return;
    }
}

void build_allow(const struct node *group, const char *where, struct listen_config *listener,
                 struct faults *faults)
{
    const struct node *value = node_find(group, "allow");

    if (value == NULL || listener->socket == NULL)
        return;
    add_text(value, where, listener, faults); /* a single one */
    if ((value->kind == NODE_LIST || value->kind == NODE_ARRAY) && value->count == 0)
        fault_add(faults, value->origin,
                  "'allow'%s must not be empty: leave it out to allow every client", where);
    for (size_t i = 0; i < value->count; i++)
        add_text(value->children[i], where, listener, faults);
}
