/* http_connection.c - the life of a connection, from the socket that libcurl made to its end. */
#include "http_connection.h"

#include "http_private.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    LIFE_MS = 30000, /* where there is a name: with HTTP_NAME_LIFE_S, another address is followed
                      * within the sum, however busy the connections to the old one are */
    LIFE_STEPS = 8,  /* those of a burst do not all end at once */
};

struct http_connection *http_connection_new(struct http_site *site)
{
    struct http_connection *c = xmalloc(sizeof(*c));

    *c = (struct http_connection){.http = site->http, .host = site->host};
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

static uint64_t time_of_death_ms(const struct http_connection *c)
{
    struct http_host *host = c->host;
    const unsigned less_ms = LIFE_MS / 4 / LIFE_STEPS * (host->made++ % LIFE_STEPS);

    return host->has_name ? clock_coarse_ms() + LIFE_MS - less_ms : 0;
}

bool http_connection_take_socket(struct http_connection *c)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD)
        return false;
    if (!c->host->is_tls) {
        c->http->taken_fd = fd;
        http_connect_forget(c);
        if (c->http->taken_fd != -1) { /* it was not let go of */
            c->http->taken_fd = -1;
            return false;
        }
    }
    ev_io_set(&c->io, fd, EV_READ);
    c->dies_at_ms = time_of_death_ms(c);
    return true;
}

void http_connection_free(struct http_connection *c)
{
    const bool is_ours = c->easy == NULL && c->io.fd != -1;

    ev_io_stop(c->http->loop, &c->io);
    ev_timer_stop(c->http->loop, &c->turn);
    http_give_way_end(c);
    http_connect_forget(c);
    if (is_ours)
        close(c->io.fd);
    buf_deinit(&c->in);
    free(c);
}

bool http_connection_is_too_old(const struct http_connection *c)
{
    return c->dies_at_ms > 0 && c->dies_at_ms <= clock_coarse_ms();
}
