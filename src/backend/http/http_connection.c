/* http_connection.c - the life of a connection, from its socket to its end. */
#include "http_connection.h"

#include "http_private.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <unistd.h>

struct http_connection *http_connection_new(struct http_site *site)
{
    struct http_connection *c = xmalloc(sizeof(*c));

    *c = (struct http_connection){.http = site->http, .host = site->host, .tls_fd = -1};
    c->name = c->host->name == NULL ? NULL : name_addresses(c->host->name);
    ev_io_set(&c->io, -1, EV_READ);
    buf_init(&c->in, HTTP1_HEAD_BYTES_MAX + HTTP_RECEIVE_BYTES);
    return c;
}

void http_connection_watch(struct http_connection *c, int events)
{
    struct ev_loop *loop = c->http->loop;
    int fd = c->io.fd;

    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(loop, &c->io);
    if (events == 0)
        return;
    ev_io_set(&c->io, fd, events);
    ev_io_start(loop, &c->io);
}

void http_connection_free(struct http_connection *c)
{
    const bool is_ours = c->easy == NULL && c->io.fd != -1;

    ev_io_stop(c->http->loop, &c->io);
    ev_timer_stop(c->http->loop, &c->turn);
    http_give_way_end(c);
    http_connect_stop(c);
    http_tls_stop(c);
    if (is_ours)
        close(c->io.fd);
    buf_deinit(&c->in);
    free(c);
}

bool http_connection_has_moved(struct http_connection *c)
{
    if (!name_addresses_has(c->name, &c->address))
        return true;
    c->name_generation = c->name->generation;
    return false;
}
