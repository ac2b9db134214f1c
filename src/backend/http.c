/* http.c - who may send a request, and when: a queue per host and a deadline per call. What is on
 * the wire is http_engine.c's.
 *
 * How many connections a host gets is decided here and not by libcurl's
 * CURLMOPT_MAX_HOST_CONNECTIONS: its list of pending transfers costs up to a third of the
 * throughput with 7.88 and nine tenths with 8.14. */
#include "podop/http.h"

#include "http_engine.h"
#include "podop/buf.h"
#include "podop/clock.h"
#include "podop/hash.h"
#include "podop/mem.h"

#include <ev.h>

#include <malloc.h>
#include <stdlib.h>
#include <strings.h>

/* So many of pool.max_connections are in use; who comes then has to wait. */
struct http_lane {
    uint32_t in_flight;
    uint32_t waiting_count;
    struct http_call *waiting, **waiting_last; /* oldest first */
};

/* All calls to one host, whichever site they come from. */
struct http_host {
    struct http_host *next;
    char *name; /* base URL, unix socket, and what tells TLS settings apart */
    size_t unix_socket_len;
    unsigned sites;
    bool is_unreachable; /* its name may have another address by now */
    struct http_lane calls;
    struct http_lane streams; /* apart: one that is blocked may be waiting for ordinary calls */
};

struct http {
    struct ev_loop *loop;
    struct http_engine *engine;
    ev_timer idle; /* runs while nothing is in flight: then the kept connections are closed */
    struct http_host *hosts;
    struct http_site *sites;
    struct pool_config pool;
    struct hash_key tls_key; /* of the names of hosts */
    uint32_t in_flight;
};

struct http_site {
    struct http *http;
    struct http_host *host;
    struct http_origin *origin;
    struct http_tls tls;
    struct http_site *next, **prev_next; /* of all */
};

struct http_call {
    struct http_site *site;
    struct http_lane *lane;
    struct http_call *next, **prev_next; /* in the host's queue; prev_next is NULL outside of it */
    struct http_transfer *transfer;
    bool is_sent; /* and counted as in flight */
    http_done_fn *done;
    http_data_fn *data; /* NULL: no stream */
    void *arg;
    uint64_t started_at_ms, sent_at_ms;
    ev_timer deadline;
    bool is_streaming;         /* a part of it has come */
    ev_tstamp patience;        /* of a stream, for each further part */
    http_wanted_fn *is_wanted; /* NULL: always */
    enum http_outcome unsent;  /* why it ends, as long as nothing was sent */
};

/* Calls */

static void dequeue(struct http_call *call)
{
    *call->prev_next = call->next;
    if (call->next != NULL)
        call->next->prev_next = call->prev_next;
    else
        call->lane->waiting_last = call->prev_next;
    call->prev_next = NULL;
    call->lane->waiting_count--;
}

static void enqueue(struct http_call *call)
{
    call->next = NULL;
    call->prev_next = call->lane->waiting_last;
    *call->lane->waiting_last = call;
    call->lane->waiting_last = &call->next;
    call->lane->waiting_count++;
}

static void send_now(struct http_call *call)
{
    struct http *http = call->site->http;

    call->sent_at_ms = clock_coarse_ms();
    call->is_sent = true;
    call->lane->in_flight++;
    http->in_flight++;
    ev_timer_stop(http->loop, &http->idle);
    http_transfer_send(call->transfer, call->site->host->is_unreachable);
}

static void send_waiting(struct http *http, struct http_lane *lane)
{
    while (lane->waiting != NULL && lane->in_flight < http->pool.max_connections) {
        struct http_call *call = lane->waiting;

        dequeue(call);
        if (call->is_wanted == NULL || call->is_wanted(call->arg)) {
            send_now(call);
        } else {
            call->unsent = HTTP_UNWANTED;
            ev_feed_event(http->loop, &call->deadline, EV_TIMER);
        }
    }
}

/* Takes call off the wire or out of the queue: then nothing leads to it but its owner. */
static void detach(struct http_call *call)
{
    struct http *http = call->site->http;

    ev_timer_stop(http->loop, &call->deadline);
    http_transfer_stop(call->transfer);
    if (!call->is_sent) {
        if (call->prev_next != NULL)
            dequeue(call);
        return;
    }
    call->is_sent = false;
    call->lane->in_flight--;
    if (--http->in_flight == 0)
        ev_timer_again(http->loop, &http->idle);
    send_waiting(http, call->lane);
}

static void call_free(struct http_call *call)
{
    http_transfer_free(&call->transfer);
    free(call);
}

static void finish(struct http_call *call, const struct http_answer *answer)
{
    detach(call);
    call->done(call->arg, answer); /* the site may be gone from here on */
    call_free(call);
}

static void on_reached(void *arg, bool is_reachable)
{
    struct http_call *call = arg;

    call->site->host->is_unreachable = !is_reachable;
}

static void on_done(void *arg, const struct http_answer *answer)
{
    finish(arg, answer);
}

/* A part of a stream has come. */
static size_t on_data(void *arg, struct span bytes, bool *is_blocked)
{
    struct http_call *call = arg;
    struct ev_loop *loop = call->site->http->loop;
    size_t used = call->data(call->arg, bytes, is_blocked);

    call->is_streaming = true;
    if (*is_blocked) {
        ev_timer_stop(loop, &call->deadline); /* it is not the server that we wait for */
    } else {
        call->deadline.repeat = call->patience;
        ev_timer_again(loop, &call->deadline);
    }
    return used;
}

/* When it was sent too late, the server is not to blame. */
static bool was_queued(const struct http_call *call)
{
    return !call->is_sent || (!call->is_streaming && call->sent_at_ms - call->started_at_ms >
                                                         clock_coarse_ms() - call->sent_at_ms);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct http_call *call = w->data;

    (void)loop;
    (void)revents;
    finish(call, &(struct http_answer){
                     .outcome = call->is_sent ? HTTP_TIMED_OUT : call->unsent,
                     .may_have_arrived = http_transfer_has_left(call->transfer),
                     .is_own_fault = was_queued(call),
                 });
}

void http_go_on(struct http_call *call)
{
    http_transfer_go_on(call->transfer);
}

struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg)
{
    struct http *http = site->http;
    struct http_call *call = xmalloc(sizeof(*call));
    uint64_t now_ms = clock_coarse_ms();
    uint64_t left_ms = request->deadline_at_ms > now_ms ? request->deadline_at_ms - now_ms : 0;
    const struct http_transfer_events events = {
        .reached = on_reached,
        .done = on_done,
        .data = request->data == NULL ? NULL : on_data,
        .arg = call,
    };

    *call = (struct http_call){
        .site = site,
        .lane = request->data == NULL ? &site->host->calls : &site->host->streams,
        .transfer = http_transfer_new(site->origin, request, &events),
        .done = done,
        .data = request->data,
        .arg = arg,
        .started_at_ms = now_ms,
        .patience = request->patience_ms / 1000.0,
        .is_wanted = request->is_wanted,
        .unsent = HTTP_TIMED_OUT,
    };
    /* libev counts from when the loop woke up, which may be a while ago. */
    ev_timer_init(&call->deadline, on_deadline,
                  (double)left_ms / 1000.0 + (ev_time() - ev_now(http->loop)), 0.0);
    call->deadline.data = call;
    ev_timer_start(http->loop, &call->deadline);
    if (call->lane->waiting_count < http->pool.max_waiting) {
        enqueue(call);
        send_waiting(http, call->lane);
    } else {
        call->unsent = HTTP_CROWDED;
        ev_feed_event(http->loop, &call->deadline, EV_TIMER);
    }
    return call;
}

void http_each_load(const struct http *http, http_load_fn *each, void *arg)
{
    for (const struct http_host *host = http->hosts; host != NULL; host = host->next) {
        const size_t url_len = strcspn(host->name, " ");
        const char *unix_socket = host->name + url_len + 1;

        each(arg, &(struct http_load){
                      .url = {host->name, url_len},
                      .unix_socket = {unix_socket, host->unix_socket_len},
                      .in_flight = host->calls.in_flight + host->streams.in_flight,
                      .waiting = (size_t)host->calls.waiting_count + host->streams.waiting_count,
                  });
    }
}

void http_cancel(struct http_call **pcall)
{
    struct http_call *call = *pcall;

    if (call == NULL)
        return;
    *pcall = NULL;
    detach(call);
    call_free(call);
}

/* Sites */

/* What the pools allow, for calls and for streams. */
static void allow_connections(struct http *http)
{
    size_t connections = 0;

    for (struct http_host *host = http->hosts; host != NULL; host = host->next)
        connections += 2 * (size_t)http->pool.max_connections;
    http_engine_keep(http->engine, connections, http->pool.idle_timeout_ms);
}

static struct http_host *host_ref(struct http *http, const struct http_site_config *config)
{
    const char *unix_socket = config->unix_socket == NULL ? "" : config->unix_socket;
    struct http_host *host;
    struct buf name;

    buf_init(&name, SIZE_MAX);
    buf_add(&name, span_of(config->base));
    buf_add_char(&name, ' ');
    buf_add(&name, span_of(unix_socket));
    buf_add_char(&name, ' ');
    buf_add_uint(&name, hash_span(&http->tls_key, config->tls.ca));
    buf_add_char(&name, ' ');
    buf_add_uint(&name, hash_span(&http->tls_key, config->tls.cert));
    for (host = http->hosts; host != NULL; host = host->next) {
        if (strcasecmp(host->name, buf_string(&name)) == 0)
            break;
    }
    if (host == NULL) {
        host = xcalloc(1, sizeof(*host));
        host->name = xstrdup(buf_string(&name));
        host->unix_socket_len = strlen(unix_socket);
        host->calls.waiting_last = &host->calls.waiting;
        host->streams.waiting_last = &host->streams.waiting;
        host->next = http->hosts;
        http->hosts = host;
        allow_connections(http);
    }
    buf_deinit(&name);
    host->sites++;
    return host;
}

static void host_unref(struct http *http, struct http_host *host)
{
    struct http_host **link = &http->hosts;

    if (--host->sites > 0)
        return;
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    free(host->name);
    free(host);
}

struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err)
{
    struct http_origin *origin = http_origin_open(http->engine, config, err);
    struct http_site *site;

    if (origin == NULL)
        return NULL;
    site = xmalloc(sizeof(*site));
    *site = (struct http_site){
        .http = http,
        .host = host_ref(http, config),
        .origin = origin,
        .tls = config->tls,
        .next = http->sites,
        .prev_next = &http->sites,
    };
    if (site->next != NULL)
        site->next->prev_next = &site->next;
    http->sites = site;
    return site;
}

static bool has_part(struct span all, struct span part)
{
    return part.len == 0 || span_equal(all, part);
}

bool http_uses_tls(const struct http *http, const struct http_tls *tls)
{
    for (const struct http_site *site = http->sites; site != NULL; site = site->next) {
        if (has_part(site->tls.ca, tls->ca) && has_part(site->tls.cert, tls->cert) &&
            has_part(site->tls.key, tls->key))
            return true;
    }
    return false;
}

void http_site_close(struct http_site **psite)
{
    struct http_site *site = *psite;

    if (site == NULL)
        return;
    *psite = NULL;
    *site->prev_next = site->next;
    if (site->next != NULL)
        site->next->prev_next = site->prev_next;
    http_origin_close(&site->origin);
    host_unref(site->http, site->host);
    free(site);
}

/* The whole */

/* Nothing was asked for so long: what a burst left behind is given back. */
static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct http *http = w->data;

    (void)revents;
    ev_timer_stop(loop, w);
    for (struct http_site *site = http->sites; site != NULL; site = site->next)
        http_origin_shrink(site->origin);
    http_engine_hang_up(http->engine);
    malloc_trim(0); /* a burst leaves tens of MiB behind that free() keeps */
}

struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err)
{
    struct http_engine *engine = http_engine_new(loop, err);
    struct http *http;

    if (engine == NULL)
        return NULL;
    http = xcalloc(1, sizeof(*http));
    http->loop = loop;
    http->engine = engine;
    hash_key_init_random(&http->tls_key);
    ev_init(&http->idle, on_idle);
    http->idle.data = http;
    http_set_pool(http, pool);
    return http;
}

void http_set_pool(struct http *http, const struct pool_config *pool)
{
    http->pool = *pool;
    http->idle.repeat = pool->idle_timeout_ms / 1000.0;
    allow_connections(http);
    for (struct http_host *host = http->hosts; host != NULL; host = host->next) {
        send_waiting(http, &host->calls);
        send_waiting(http, &host->streams);
    }
}

void http_free(struct http **phttp)
{
    struct http *http = *phttp;

    if (http == NULL)
        return;
    *phttp = NULL;
    ev_timer_stop(http->loop, &http->idle);
    http_engine_free(&http->engine);
    free(http);
}

const char *http_library(void)
{
    return http_engine_library();
}
