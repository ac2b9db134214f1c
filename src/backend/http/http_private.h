/* http_private.h - what the files of the HTTP client share. Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_HTTP_PRIVATE_H
#define PODOP_BACKEND_HTTP_HTTP_PRIVATE_H

#include "podop/buf.h"
#include "podop/hash.h"
#include "podop/http.h"

#include "backend/dns/names.h"
#include "http_connection.h"

#include <curl/curl.h>
#include <ev.h>

/* So many of pool.max_connections are in use; who comes then has to wait. */
struct http_queue {
    uint32_t in_flight;
    uint32_t waiting_count;
    struct http_call *waiting, **waiting_last; /* oldest first */
    struct http_call *blocked, **blocked_last; /* streams whose reader takes nothing, likewise */
};

/* What is known of how a host's new connections wait: http_give_way.c. Instants are of
 * service_now_ms(). */
struct http_waits {
    struct http_connection *starved;
    struct http_usual {
        uint64_t sum_ms;
        unsigned count;
    } usual[HTTP_WAITS];
    uint32_t served_beside;   /* a new one got an answer while so many were kept */
    uint32_t pause_ms;        /* the last one; 0: none was needed since it was of use */
    uint64_t paused_until_ms; /* for it was of no use */
    uint64_t gave_way_at_ms;  /* 0: that has come to something, or to nothing */
    uint64_t last_gave_way_at_ms, makes_room_until_ms;
};

/* All calls to one host, whichever site they come from, and its connections that nobody uses. */
struct http_host {
    struct http_host *next;
    char *base;
    char *unix_socket; /* NULL: over TCP */
    uint64_t tls_hash; /* what tells TLS settings apart */
    bool is_tls;
    struct name *name;       /* NULL: unix_socket or address is used */
    struct endpoint address; /* its port also applies to name */
    unsigned sites;
    struct http_queue calls;
    struct http_queue streams; /* apart: one that is blocked may be waiting for ordinary calls */
    struct http_connection *kept, *kept_oldest; /* used again newest first */
    uint32_t kept_count;
    struct http_waits wait;
    CURLSH *sessions; /* of TLS, for the next connection; NULL without TLS */
};

struct http {
    struct ev_loop *loop;
    const struct turns *turns; /* of loop: turns_now_ms() is service_now_ms() */
    struct pool_config pool;
    struct hash_key tls_key; /* of http_host.tls_hash */
    struct http_host *hosts;
    struct http_site *sites;
    uint32_t in_flight;
    ev_timer idle; /* runs while connections are kept: those that were for too long are closed */
    struct names *names;
    CURLM *multi;                /* of TLS */
    struct curl_slist *anywhere; /* CURLOPT_CONNECT_TO: an arbitrary address */
    ev_timer timer;              /* libcurl's own */
    ev_prepare kick;             /* never started, only fed: libcurl wants to be called at once */
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

/* http_connect.c: makes connections */

/* Begins to connect c. c->connected is called once, from the loop. */
void http_connect_start(struct http_connection *c, const struct http_site *site);
void http_connect_stop(struct http_connection *c); /* harmless when nothing is in progress */

/* http_handshake.c: TLS by libcurl */

void http_tls_open(struct http *http);
void http_tls_close(struct http *http); /* none may be under way */
/* libcurl's own limit must never close a connection that the pools allow. */
void http_tls_allow(struct http *http);
/* Takes the connected descriptor and begins the handshake. c->connected is called once, from the
 * loop. */
void http_tls_start(struct http_connection *c, const struct http_site *site, int fd,
                    uint32_t timeout_ms);
/* Ends TLS and closes the descriptor. Harmless without TLS. */
void http_tls_stop(struct http_connection *c);

/* http_call.c */

/* Those that may be sent now: the pool grew. */
void http_call_send_waiting(struct http *http, struct http_host *host);

#endif
