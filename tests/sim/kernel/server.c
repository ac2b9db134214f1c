#include "server.h"

#include "address.h"
#include "peer.h"
#include "transcript.h"

#include "podop/list.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKLOG = 128 };

struct sim_server {
    struct list_node node;
    char address[ADDRESS_BYTES];
    sim_connected_fn *connected;
    void *arg;
    bool is_frozen, drops;
    struct sim_route route;
    struct stream_end *backlog[BACKLOG];
    size_t waiting;
    struct sim_event accept;
};

static struct list servers;
static struct list stopped; /* unix sockets whose files are left, with NULL in connected */

static struct list *list_of(struct list *list)
{
    if (list->ring.next == NULL)
        list_init(list);
    return list;
}

static struct sim_server *find(struct list *list, const char *address)
{
    LIST_FOR_EACH (node, list_of(list)) {
        struct sim_server *server = CONTAINER_OF(node, struct sim_server, node);

        if (address_covers(server->address, address))
            return server;
    }
    return NULL;
}

/* Accepting */

static void accept_next(struct sim_server *server)
{
    struct stream_end *end = server->backlog[0];
    struct sim_peer *peer = peer_new(end, server->address);

    server->waiting--;
    memmove(server->backlog, server->backlog + 1, server->waiting * sizeof(server->backlog[0]));
    transcript_note(server->address, "accepts", (int64_t)server->waiting);
    if (!server->connected(server->arg, peer))
        sim_peer_reset(&peer);
}

/* Accepts one connection an event, because connected() may stop the server. */
static void on_accept(void *arg)
{
    struct sim_server *server = arg;

    if (server->is_frozen || server->waiting == 0)
        return;
    if (server->waiting > 1)
        sim_event_in(&server->accept, 0);
    accept_next(server);
}

enum server_answer server_ask(const char *address, struct sim_server **pserver)
{
    struct sim_server *server = find(&servers, address);

    *pserver = server;
    if (server == NULL)
        return find(&stopped, address) != NULL ? SERVER_REFUSES : SERVER_NONE;
    if (server->drops || server->route.is_dead)
        return SERVER_SILENT;
    return server->waiting == BACKLOG ? SERVER_FULL : SERVER_TAKES;
}

const struct sim_route *server_route(const struct sim_server *server)
{
    return &server->route;
}

void server_take(struct sim_server *server, struct stream_end *end)
{
    server->backlog[server->waiting++] = end;
    if (server->accept.place == 0)
        sim_event_in(&server->accept, server->route.delay_ns);
}

/* The world's calls */

static void forget_stopped(const char *address)
{
    struct sim_server *server = find(&stopped, address);

    if (server == NULL)
        return;
    list_remove(&server->node);
    free(server);
}

struct sim_server *sim_serve(const char *address, sim_connected_fn *connected, void *arg)
{
    struct sim_server *server = xcalloc(1, sizeof(*server));

    forget_stopped(address);
    snprintf(server->address, sizeof(server->address), "%s", address);
    server->connected = connected;
    server->arg = arg;
    sim_event_init(&server->accept, on_accept, server);
    list_append(list_of(&servers), &server->node);
    transcript_note(server->address, "listens", 0);
    return server;
}

size_t sim_server_stop(struct sim_server **pserver)
{
    struct sim_server *server = *pserver;
    size_t waiting;

    if (server == NULL)
        return 0;
    waiting = server->waiting;
    *pserver = NULL;
    transcript_note(server->address, "stops", 0);
    list_remove(&server->node);
    sim_event_stop(&server->accept);
    while (server->waiting > 0)
        stream_reset(server->backlog[--server->waiting]);
    if (address_is_unix(server->address))
        list_append(list_of(&stopped), &server->node);
    else
        free(server);
    return waiting;
}

void sim_server_freeze(struct sim_server *server, bool is_frozen)
{
    server->is_frozen = is_frozen;
    sim_event_in(&server->accept, 0);
}

void sim_server_drop(struct sim_server *server, bool drops)
{
    server->drops = drops;
}

void sim_server_route(struct sim_server *server, struct sim_route route)
{
    server->route = route;
}
