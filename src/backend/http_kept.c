/* http_kept.c - the connections of a host that nobody uses: the newest is used again first, so that
 * those that a burst needed grow old. */
#include "http_private.h"

#include "podop/clock.h"

bool http_kept_add(struct http_connection *c)
{
    struct http *http = c->http;
    struct http_host *host = c->host;

    if (host->kept_count >= http->pool.max_connections)
        return false;
    c->kept_since_ms = clock_coarse_ms();
    c->older = host->kept;
    if (host->kept == NULL)
        host->kept_oldest = c;
    else
        host->kept->newer = c;
    host->kept = c;
    host->kept_count++;
    http_start_idle(http);
    return true;
}

void http_kept_remove(struct http_connection *c)
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

struct http_connection *http_kept_take(struct http_host *host)
{
    struct http_connection *c = host->kept;

    if (c != NULL)
        http_kept_remove(c);
    return c;
}

static void close_kept(struct http_connection *c)
{
    http_kept_remove(c);
    http_connection_free(c);
}

void http_kept_make_room(struct http_host *host)
{
    while (host->kept_oldest != NULL &&
           host->kept_count + host->calls.in_flight + host->streams.in_flight >
               host->kept_oldest->http->pool.max_connections)
        close_kept(host->kept_oldest);
}

void http_kept_close_all(struct http_host *host)
{
    while (host->kept != NULL)
        close_kept(host->kept);
}

uint64_t http_kept_close_idle(struct http_host *host, uint64_t now_ms, uint64_t idle_ms)
{
    while (host->kept_oldest != NULL && host->kept_oldest->kept_since_ms + idle_ms <= now_ms)
        close_kept(host->kept_oldest);
    return host->kept_oldest == NULL ? 0 : host->kept_oldest->kept_since_ms + idle_ms - now_ms;
}
