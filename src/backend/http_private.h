/* http_private.h - what the files of the HTTP client share. Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_PRIVATE_H
#define PODOP_BACKEND_HTTP_PRIVATE_H

#include "podop/buf.h"
#include "podop/hash.h"
#include "podop/http.h"

#include "http_connection.h"

#include <curl/curl.h>
#include <ev.h>

/* So many of pool.max_connections are in use; who comes then has to wait. */
struct http_lane {
    uint32_t in_flight;
    uint32_t waiting_count;
    struct http_call *waiting, **waiting_last; /* oldest first */
    struct http_call *blocked, **blocked_last; /* streams whose reader takes nothing, likewise */
};

/* All calls to one host, whichever site they come from, and its connections that nobody uses. */
struct http_host {
    struct http_host *next;
    char *base;
    char *unix_socket; /* NULL: over TCP */
    uint64_t tls_hash; /* what tells TLS settings apart */
    bool is_tls;
    bool has_name;       /* and no address */
    bool is_unreachable; /* its name may have another address by now */
    unsigned sites;
    struct http_lane calls;
    struct http_lane streams; /* apart: one that is blocked may be waiting for ordinary calls */
    struct http_connection *kept, *kept_oldest; /* used again newest first */
    uint32_t kept_count;
    unsigned made;    /* connections, so far */
    CURLSH *sessions; /* of TLS, for the next connection; NULL without TLS */
};

struct http {
    struct ev_loop *loop;
    struct pool_config pool;
    struct hash_key tls_key; /* of http_host.tls_hash */
    struct http_host *hosts;
    struct http_site *sites;
    uint32_t in_flight;
    ev_timer idle; /* runs while connections are kept: those that were for too long are closed */
    CURLM *multi;
    ev_timer timer;  /* libcurl's own */
    ev_prepare kick; /* never started, only fed: libcurl wants to be called at once */
    int taken_fd;    /* a socket that libcurl lets go of without closing it, or -1 */
    char received[HTTP_RECEIVE_BYTES];
};

struct http_site {
    struct http *http;
    struct http_host *host;
    CURLU *url;
    struct buf head; /* of its requests, behind the target */
    struct http_tls tls;
    uint32_t connect_timeout_ms;
    size_t max_response;
    struct http_site *next, **prev_next; /* of all */
};

/* http_connect.c: connections are made by libcurl */

void http_connect_open(struct http *http);
void http_connect_close(struct http *http); /* none may be under way */
/* libcurl's own limit must never close a connection that the pools allow. */
void http_connect_allow(struct http *http);

enum { HTTP_NAME_LIFE_S = 30 }; /* an address is remembered so long */

/* c gets its descriptor, and c->connected tells what became of it. */
void http_connect_start(struct http_connection *c, const struct http_site *site);
/* Of what libcurl knows of c, nothing is left; a descriptor that is still its own is closed. */
void http_connect_forget(struct http_connection *c);

/* http_call.c */

/* Those that may be sent now: the pool grew. */
void http_call_send_waiting(struct http *http, struct http_host *host);

#endif
