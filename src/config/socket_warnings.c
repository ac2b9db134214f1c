/* socket_warnings.c - sockets and tables that are allowed and hardly meant. */
#include "warnings.h"

#include "podop/endpoint.h"
#include "podop/socket_address.h"

#include <string.h>

static bool is_named(const struct node *names, const char *table)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->children[i]->text != NULL && strcmp(names->children[i]->text, table) == 0)
            return true;
    }
    return false;
}

/* Returns whether some socket serves the table. A socket without 'tables', or with an empty list,
 * serves all. */
static bool is_served(const struct node *listen, const char *table)
{
    for (size_t i = 0; i < listen->count; i++) {
        const struct node *names = node_find(listen->children[i], "tables");

        if (names == NULL || names->count == 0 || is_named(names, table))
            return true;
    }
    return false;
}

/* Returns whether other hosts can reach the address. The names of hosts are not resolved. */
static bool is_exposed(const char *socket)
{
    struct endpoint endpoint;
    const char *bare;

    if (socket_address_kind(socket, &bare) != SOCKET_HOST || !endpoint_parse(bare, &endpoint) ||
        endpoint.port == 0)
        return false;
    if (endpoint.is_ipv6)
        return memcmp(endpoint.bytes, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) != 0;
    return endpoint.bytes[0] != 127;
}

static void warn_exposed(const struct node *listener, const char *what_clients_may,
                         struct faults *faults)
{
    const struct node *socket = node_find(listener, "socket");

    if (node_find(listener, "allow") == NULL && socket != NULL && socket->kind == NODE_STRING &&
        is_exposed(socket->text))
        fault_warn(faults, socket->origin,
                   "socket '%s' accepts other hosts, and any client may %s: name its clients with "
                   "'allow', or use 127.0.0.1 or a unix socket",
                   socket->text, what_clients_may);
}

void warn_sockets(const struct node *root, struct faults *faults)
{
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");

    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        warn_exposed(listen->children[i], "look up and write", faults);
    warn_exposed(node_find(root, "http"), "read the metrics", faults);
    for (size_t i = 0; listen != NULL && tables != NULL && i < tables->count; i++) {
        const char *name = node_find_text(tables->children[i], "name");

        if (name != NULL && listen->count > 0 && !is_served(listen, name))
            fault_warn(faults, tables->children[i]->origin,
                       "table '%s' is not in the 'tables' of any socket, so nobody can ask for it",
                       name);
    }
}
