/* http_handshake.c - TLS on a connected socket, by libcurl (CURLOPT_CONNECT_ONLY). One multi
 * handle, driven by libev: libcurl says which sockets and which timer to watch, and is called back
 * from the loop, never from inside of its own callbacks.
 *
 * libcurl does not resolve names and does not connect. It gets the socket from
 * CURLOPT_OPENSOCKETFUNCTION, is told that it is connected (CURL_SOCKOPT_ALREADY_CONNECTED), and
 * gets an arbitrary address to connect to (CURLOPT_CONNECT_TO). SNI and the verification of the
 * certificate use the name in the URL.
 *
 * The handle stays in the multi handle: it holds the keys. It is attached to its connection by the
 * first curl_easy_recv(), and what has a handle is nothing that libcurl closes for being idle. */
#include "http_private.h"
#include "http_tls.h"

#include "podop/deadline.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The service clock judges how long a handshake takes. libcurl would count time that podop lost. */
enum { NEVER_MS = 24 * 3600 * 1000 };

struct watched {
    struct http *http;
    ev_io io;
};

static void on_handshake(struct http_connection *c, CURLcode code)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    deadline_stop(&c->handshake);
    if (code == CURLE_OK)
        curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd != CURL_SOCKET_BAD) {
        ev_io_set(&c->io, fd, EV_READ);
        c->connected(c, HTTP_CONNECTED);
        return;
    }
    if (c->reason[0] == '\0')
        snprintf(c->reason, sizeof(c->reason), "%s",
                 code == CURLE_OK ? "the connection is lost" : curl_easy_strerror(code));
    c->connected(c, HTTP_CONNECT_FAILED);
}

static void on_deadline(void *arg)
{
    struct http_connection *c = arg;

    snprintf(c->reason, sizeof(c->reason), "the TLS handshake timed out within connect_timeout");
    c->connected(c, HTTP_CONNECT_FAILED);
}

/* Tells of every connection that is made, or will not be. What is called may start others, or give
 * up any, so the list of libcurl is asked anew each time. */
static void harvest(struct http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        struct http_connection *c = NULL;
        CURLcode code = msg->data.result;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        on_handshake(c, code); /* msg is gone from here on */
    }
}

static void on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct watched *s = w->data;
    struct http *http = s->http;
    int what =
        (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    curl_multi_socket_action(http->multi, w->fd, what, &running); /* may free s */
    harvest(http);
}

/* libcurl: watch fd from now on for what, or no more. Never calls libcurl's transfers from here. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *http = arg;
    struct watched *s = socket_arg;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            ev_io_stop(http->loop, &s->io);
            curl_multi_assign(http->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    if (s == NULL) {
        s = xmalloc(sizeof(*s));
        s->http = http;
        ev_init(&s->io, on_ready);
        s->io.data = s;
        curl_multi_assign(http->multi, fd, s);
    }
    ev_io_stop(http->loop, &s->io);
    ev_io_set(&s->io, fd, events);
    ev_io_start(http->loop, &s->io);
    return 0;
}

static void time_out(struct http *http)
{
    int running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    harvest(http);
}

static void on_timer_ready(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    time_out(w->data);
}

static void on_kick(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop;
    (void)revents;
    time_out(w->data);
}

/* libcurl: call me in so many milliseconds; 0 means now, but not from inside of this callback. */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http *http = arg;

    (void)multi;
    ev_timer_stop(http->loop, &http->timer);
    if (timeout_ms == 0) {
        ev_feed_event(http->loop, &http->kick, EV_CUSTOM);
    } else if (timeout_ms > 0) {
        ev_timer_set(&http->timer, (double)timeout_ms / 1000.0, 0.0);
        ev_timer_start(http->loop, &http->timer);
    }
    return 0;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_connection *c = arg;
    const int fd = c->tls_fd;

    (void)purpose;
    (void)to;
    c->tls_fd = -1;
    return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static int is_connected_already(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

void http_tls_allow(struct http *http)
{
    long connections = 0;

    for (struct http_host *host = http->hosts; host != NULL; host = host->next)
        connections +=
            4 * (long)http->pool.max_connections; /* calls, streams, as many again kept */
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
}

void http_tls_open(struct http *http)
{
    ev_init(&http->timer, on_timer_ready);
    ev_set_priority(&http->timer, PRIORITY_TICKS);
    ev_init(&http->kick, on_kick);
    ev_set_priority(&http->kick, PRIORITY_HTTP);
    http->timer.data = http->kick.data = http;
    http->multi = curl_multi_init();
    http->anywhere = curl_slist_append(NULL, "::127.0.0.1:"); /* for whatever host and port */
    if (http->multi == NULL || http->anywhere == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void http_tls_close(struct http *http)
{
    curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->anywhere);
    ev_timer_stop(http->loop, &http->timer);
    ev_clear_pending(http->loop, &http->kick);
}

void http_tls_start(struct http_connection *c, const struct http_site *site, int fd,
                    uint32_t timeout_ms)
{
    CURL *easy = c->easy = curl_easy_init();

    if (easy == NULL)
        abort(); /* out of memory, as in mem.c */
    c->tls_fd = fd;
    curl_easy_setopt(easy, CURLOPT_CURLU, site->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, site->http->anywhere);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* does not even look for another */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     CURL_HTTP_VERSION_1_1); /* or TLS would agree on 2 */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HTTP_RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)NEVER_MS);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, is_connected_already);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, c->reason);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, c);
    if (site->host->sessions != NULL)
        curl_easy_setopt(easy, CURLOPT_SHARE, site->host->sessions);
    http_tls_set(easy, &site->tls);
    deadline_init(&c->handshake, on_deadline, c);
    deadline_start_in(&c->handshake, site->http->loop, timeout_ms);
    curl_multi_add_handle(site->http->multi, easy); /* fails only for a handle misused */
}

void http_tls_stop(struct http_connection *c)
{
    if (c->easy == NULL)
        return;
    deadline_stop(&c->handshake);
    curl_multi_remove_handle(c->http->multi, c->easy); /* closes its connection */
    curl_easy_cleanup(c->easy);
    c->easy = NULL;
    if (c->tls_fd != -1)
        close(c->tls_fd);
    c->tls_fd = -1;
}
