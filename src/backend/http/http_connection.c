#include "http_connection.h"

#include "backend/dns/names.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct http_connection *http_connection_new(struct http_site *site)
{
    struct http_connection *c = xmalloc(sizeof(*c));

    *c = (struct http_connection){.http = site->http, .host = site->host, .wire = {.fd = -1}};
    c->host->backend->connections++;
    c->name = c->host->target.name == NULL ? NULL : name_addresses(c->host->target.name);
    ev_io_set(&c->io, -1, EV_READ);
    return c;
}

static void set_connected(struct http_connection *c, int fd)
{
    c->wire.fd = fd;
    c->wire.tls = c->handshake.easy;
    ev_io_set(&c->io, fd, EV_READ);
    c->state = HTTP_CONNECTION_IN_USE;
    c->connected(c, HTTP_CONNECTED);
}

static void on_handshake(struct http_handshake *handshake, int fd)
{
    struct http_connection *c = CONTAINER_OF(handshake, struct http_connection, handshake);

    if (fd == -1)
        c->connected(c, HTTP_CONNECT_FAILED);
    else
        set_connected(c, fd);
}

static void start_handshake(struct http_connection *c, int fd, uint64_t timeout_ms)
{
    const struct http_tls_peer peer = {c->site->url, c->host->sessions, &c->site->tls};

    c->state = HTTP_CONNECTION_HANDSHAKING;
    http_handshake_start(&c->handshake, &c->http->handshakes, &peer, fd,
                         timeout_ms == 0 ? 1 : timeout_ms, c->wire.reason, on_handshake);
}

static void on_connect(void *arg, const struct http_connect_result *result)
{
    struct http_connection *c = arg;

    c->connecting = NULL;
    if (result->end != HTTP_CONNECTED) {
        snprintf(c->wire.reason, sizeof(c->wire.reason), "%s", result->reason);
        c->connected(c, result->end);
        return;
    }
    c->peer = result->peer;
    if (c->name != NULL)
        c->name_generation = c->name->generation;
    if (c->host->is_tls)
        start_handshake(c, result->fd, result->left_ms);
    else
        set_connected(c, result->fd);
}

void http_connection_start(struct http_connection *c, struct http_site *site,
                           const struct endpoint *first, http_connected_fn *connected)
{
    c->state = HTTP_CONNECTION_CONNECTING;
    c->site = site;
    c->connected = connected;
    c->connecting = http_connect_start(c->http->loop, &c->host->target, first,
                                       site->connect_timeout_ms, on_connect, c);
}

void http_connection_watch(struct http_connection *c, int events)
{
    struct ev_loop *loop = c->http->loop;

    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &c->io);
    if (events == 0)
        return;
    ev_io_set(&c->io, c->wire.fd, events);
    ev_io_start(loop, &c->io);
}

void http_connection_free(struct http_connection *c)
{
    const bool has_plain_fd = c->wire.tls == NULL && c->wire.fd != -1;

    ev_io_stop(c->http->loop, &c->io);
    ev_timer_stop(c->http->loop, &c->turn);
    http_connect_stop(&c->connecting);
    http_handshake_stop(&c->handshake);
    if (has_plain_fd)
        close(c->wire.fd);
    c->host->backend->connections--;
    free(c);
}

bool http_connection_has_moved(struct http_connection *c)
{
    if (!name_addresses_has(c->name, &c->peer))
        return true;
    c->name_generation = c->name->generation;
    return false;
}
