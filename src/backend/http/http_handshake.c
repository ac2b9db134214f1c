/* http_handshake.c - libcurl neither resolves names nor connects here. It gets the socket from
 * CURLOPT_OPENSOCKETFUNCTION, learns that it is connected (CURL_SOCKOPT_ALREADY_CONNECTED), and
 * gets an arbitrary address to connect to (CURLOPT_CONNECT_TO). SNI and the verification of the
 * certificate use the name in the URL.
 *
 * The easy handle stays in the multi handle, because it contains the keys. The first
 * curl_easy_recv() attaches it to its connection, and libcurl does not close an attached
 * connection for being idle. */
#include "http_handshake.h"

#include "http_tls.h"
#include "http_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Our deadline limits the handshake, on the service clock. libcurl's own limit would also count the
 * time that podop lost. */
enum { NEVER_MS = 24 * 3600 * 1000 };

static void on_end(CURL *easy, CURLcode code)
{
    struct http_handshake *h = NULL;
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&h);
    deadline_stop(&h->deadline);
    if (code == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
    if (fd == CURL_SOCKET_BAD && h->reason[0] == '\0')
        snprintf(h->reason, CURL_ERROR_SIZE, "%s",
                 code == CURLE_OK ? "the connection is lost" : curl_easy_strerror(code));
    if (fd == CURL_SOCKET_BAD)
        http_tls_add_hint(h->reason);
    h->done(h, fd == CURL_SOCKET_BAD ? -1 : fd);
}

static void on_deadline(void *arg)
{
    struct http_handshake *h = arg;

    snprintf(h->reason, CURL_ERROR_SIZE, "the TLS handshake timed out within connect_timeout");
    h->done(h, -1);
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_handshake *h = arg;
    const int fd = h->fd;

    (void)purpose;
    (void)to;
    h->fd = -1;
    return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static int is_connected_already(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)arg;
    (void)fd;
    (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

void http_handshakes_init(struct http_handshakes *all, struct ev_loop *loop)
{
    curl_loop_init(&all->curl, loop, on_end);
    all->anywhere = curl_slist_append(NULL, "::127.0.0.1:"); /* for any host and port */
    if (all->anywhere == NULL)
        abort(); /* out of memory, as in mem.c */
}

void http_handshakes_deinit(struct http_handshakes *all)
{
    curl_loop_deinit(&all->curl);
    curl_slist_free_all(all->anywhere);
}

void http_handshakes_allow(struct http_handshakes *all, long connections)
{
    curl_multi_setopt(all->curl.multi, CURLMOPT_MAXCONNECTS, connections);
}

static void set_options(struct http_handshake *h, const struct http_tls_peer *peer)
{
    CURL *easy = h->easy;

    curl_easy_setopt(easy, CURLOPT_CURLU, peer->url);
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, h->all->anywhere);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L); /* saves a search for another connection */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1); /* no ALPN for HTTP/2 */
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)HTTP_RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)NEVER_MS);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, h);
    curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, is_connected_already);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, h->reason);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, h);
    if (peer->sessions != NULL)
        curl_easy_setopt(easy, CURLOPT_SHARE, peer->sessions);
    http_tls_set(easy, peer->tls);
}

void http_handshake_start(struct http_handshake *h, struct http_handshakes *all,
                          const struct http_tls_peer *peer, int fd, uint64_t timeout_ms,
                          char reason[CURL_ERROR_SIZE], http_handshake_fn *done)
{
    *h = (struct http_handshake){
        .all = all, .easy = curl_easy_init(), .fd = fd, .reason = reason, .done = done};
    if (h->easy == NULL)
        abort(); /* out of memory, as in mem.c */
    set_options(h, peer);
    deadline_init(&h->deadline, on_deadline, h);
    deadline_start_in(&h->deadline, all->curl.loop, timeout_ms);
    curl_multi_add_handle(all->curl.multi, h->easy); /* fails only if the handle is misused */
}

void http_handshake_stop(struct http_handshake *h)
{
    if (h->easy == NULL)
        return;
    deadline_stop(&h->deadline);
    curl_multi_remove_handle(h->all->curl.multi, h->easy); /* closes its connection */
    curl_easy_cleanup(h->easy);
    h->easy = NULL;
    if (h->fd != -1)
        close(h->fd);
    h->fd = -1;
}
