#include "http_idle.h"

#include "podop/clock.h"
#include "podop/mem.h"

static struct http_connection *oldest(struct http_host *host)
{
    return LIST_ENTRY_OR_NULL(list_first(&host->idle), struct http_connection, idle);
}

struct http_connection *http_idle_newest(struct http_host *host)
{
    return LIST_ENTRY_OR_NULL(list_last(&host->idle), struct http_connection, idle);
}

static void leave(struct http_connection *c)
{
    list_remove(&c->idle);
    c->host->idle_count--;
    c->state = HTTP_CONNECTION_IN_USE;
}

void http_idle_close(struct http_connection *c)
{
    leave(c);
    http_connection_free(c);
}

/* Returns the milliseconds until the next connection is too old, or 0 when none is left. */
static uint64_t close_old(struct http_host *host, uint64_t now_ms, uint64_t timeout_ms)
{
    struct http_connection *c;

    while ((c = oldest(host)) != NULL && c->idle_since_ms + timeout_ms <= now_ms)
        http_idle_close(c);
    return c == NULL ? 0 : c->idle_since_ms + timeout_ms - now_ms;
}

static void set_timer(struct http *http, uint64_t ms)
{
    http->idle.repeat = (double)ms / 1000.0;
    ev_timer_again(http->loop, &http->idle);
}

void http_idle_close_old(struct http *http)
{
    const uint64_t now_ms = clock_coarse_ms();
    uint64_t next_ms = 0;

    LIST_FOR_EACH (at, &http->hosts) {
        struct http_host *host = CONTAINER_OF(at, struct http_host, node);
        const uint64_t left_ms = close_old(host, now_ms, http->pool.idle_timeout_ms);

        if (left_ms > 0 && (next_ms == 0 || left_ms < next_ms))
            next_ms = left_ms;
    }
    if (next_ms == 0 && http->in_flight == 0) {
        ev_timer_stop(http->loop, &http->idle);
        mem_trim(); /* free() keeps tens of MiB after a burst */
        return;
    }
    set_timer(http, next_ms == 0 ? http->pool.idle_timeout_ms : next_ms);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    http_idle_close_old(w->data);
}

void http_idle_init(struct http *http)
{
    ev_init(&http->idle, on_timer);
    http->idle.data = http;
}

void http_idle_deinit(struct http *http)
{
    ev_timer_stop(http->loop, &http->idle);
}

void http_idle_start_timer(struct http *http)
{
    if (!ev_is_active(&http->idle))
        set_timer(http, http->pool.idle_timeout_ms);
}

bool http_idle_may_add(struct http_connection *c)
{
    return c->host->idle_count < c->http->pool.max_connections && !http_connection_is_outdated(c);
}

void http_idle_add(struct http_connection *c)
{
    c->state = HTTP_CONNECTION_IDLE;
    c->was_used = true;
    c->idle_since_ms = clock_coarse_ms();
    list_append(&c->host->idle, &c->idle);
    c->host->idle_count++;
    http_idle_start_timer(c->http);
}

static struct http_connection *newest_to(struct http_host *host, const struct endpoint *address)
{
    for (struct list_node *at = list_last(&host->idle); at != NULL;
         at = list_previous(&host->idle, at)) {
        struct http_connection *c = CONTAINER_OF(at, struct http_connection, idle);

        if (endpoint_is_same_address(&c->peer, address))
            return c;
    }
    return NULL;
}

struct http_connection *http_idle_take(struct http_host *host, const struct endpoint *address)
{
    struct http_connection *c = address == NULL ? http_idle_newest(host) : newest_to(host, address);

    if (c != NULL)
        leave(c);
    return c;
}

void http_idle_make_room(struct http_host *host)
{
    struct http_connection *c;

    while ((c = oldest(host)) != NULL &&
           host->idle_count + host->calls.in_flight + host->streams.in_flight >
               c->http->pool.max_connections)
        http_idle_close(c);
}

void http_idle_close_all(struct http_host *host)
{
    struct http_connection *c;

    while ((c = oldest(host)) != NULL)
        http_idle_close(c);
}
