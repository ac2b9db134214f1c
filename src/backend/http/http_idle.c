/* http_idle.c - the connections of a host that nobody uses: the newest is used again first, so that
 * those that a burst needed grow old, and are closed by the one timer of them all. */
#include "http_private.h"

#include "podop/clock.h"
#include "podop/mem.h"

void http_idle_remove(struct http_connection *c)
{
    if (c->newer == NULL)
        c->host->kept = c->older;
    else
        c->newer->older = c->older;
    if (c->older == NULL)
        c->host->kept_oldest = c->newer;
    else
        c->older->newer = c->newer;
    c->older = c->newer = NULL;
    c->host->kept_count--;
}

static void close_kept(struct http_connection *c)
{
    http_idle_remove(c);
    http_connection_free(c);
}

/* Closes what was kept for too long. How many milliseconds until the next; 0: none is kept. */
static uint64_t close_old(struct http_host *host, uint64_t now_ms, uint64_t idle_ms)
{
    while (host->kept_oldest != NULL && host->kept_oldest->kept_since_ms + idle_ms <= now_ms)
        close_kept(host->kept_oldest);
    return host->kept_oldest == NULL ? 0 : host->kept_oldest->kept_since_ms + idle_ms - now_ms;
}

void http_idle_close_old(struct http *http)
{
    const uint64_t now_ms = clock_coarse_ms();
    uint64_t next_ms = 0;

    for (struct http_host *host = http->hosts; host != NULL; host = host->next) {
        uint64_t left_ms = close_old(host, now_ms, http->pool.idle_timeout_ms);

        if (left_ms > 0 && (next_ms == 0 || left_ms < next_ms))
            next_ms = left_ms;
    }
    if (next_ms == 0 && http->in_flight == 0) {
        ev_timer_stop(http->loop, &http->idle);
        mem_trim(); /* a burst leaves tens of MiB behind that free() keeps */
        return;
    }
    http->idle.repeat = (double)(next_ms == 0 ? http->pool.idle_timeout_ms : next_ms) / 1000.0;
    ev_timer_again(http->loop, &http->idle);
}

static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    http_idle_close_old(w->data);
}

void http_idle_open(struct http *http)
{
    ev_init(&http->idle, on_idle);
    http->idle.data = http;
}

void http_idle_close(struct http *http)
{
    ev_timer_stop(http->loop, &http->idle);
}

void http_idle_start_timer(struct http *http)
{
    if (ev_is_active(&http->idle))
        return;
    http->idle.repeat = http->pool.idle_timeout_ms / 1000.0;
    ev_timer_again(http->loop, &http->idle);
}

void http_idle_add(struct http_connection *c)
{
    struct http *http = c->http;
    struct http_host *host = c->host;

    if (host->kept_count >= http->pool.max_connections || http_connection_is_too_old(c) ||
        http_give_way_instead_of_keeping(c)) {
        http_connection_free(c);
        return;
    }
    c->was_kept = true;
    c->kept_since_ms = clock_coarse_ms();
    c->older = host->kept;
    if (host->kept == NULL)
        host->kept_oldest = c;
    else
        host->kept->newer = c;
    host->kept = c;
    host->kept_count++;
    http_idle_start_timer(http);
}

struct http_connection *http_idle_take(struct http_host *host)
{
    struct http_connection *c = host->kept;

    if (c != NULL)
        http_idle_remove(c);
    return c;
}

void http_idle_make_room(struct http_host *host)
{
    while (host->kept_oldest != NULL &&
           host->kept_count + host->calls.in_flight + host->streams.in_flight >
               host->kept_oldest->http->pool.max_connections)
        close_kept(host->kept_oldest);
}

void http_idle_close_all(struct http_host *host)
{
    while (host->kept != NULL)
        close_kept(host->kept);
}
