/* http_types.h - what the files of the HTTP client share: the client, its hosts and their sites.
 * Plain data. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_TYPES_H
#define PODOP_BACKEND_HTTP_HTTP_TYPES_H

#include "podop/buf.h"
#include "podop/hash.h"
#include "podop/http.h"
#include "podop/list.h"
#include "podop/turns.h"

#include "http_connect.h"
#include "http_handshake.h"
#include "http_queue.h"
#include "http_wire.h"

enum http_wait_kind { HTTP_WAIT_CONNECTION, HTTP_WAIT_ANSWER, HTTP_WAIT_KINDS };

/* What http_give_way.c knows about how long connections to a host wait. Instants are of
 * service_now_ms(). */
struct http_give_way {
    struct list starved; /* connections */
    struct http_usual {
        uint64_t sum_ms;
        unsigned count;
    } usual[HTTP_WAIT_KINDS];
    uint32_t served_beside;   /* the number of idle connections while a new one was served */
    uint32_t pause_ms;        /* the last pause; 0: none was needed since giving way last helped */
    uint64_t paused_until_ms; /* because giving way did not help */
    uint64_t gave_way_at_ms;  /* 0: it is known whether that helped */
    uint64_t last_gave_way_at_ms, makes_room_until_ms;
};

/* The calls of all sites to one host, and its idle connections. */
struct http_host {
    struct list_node node; /* in http.hosts */
    struct http_backend *backend;
    struct list_node in_backend;
    char *base;
    char *unix_socket; /* NULL: over TCP */
    uint64_t tls_hash; /* distinguishes TLS settings */
    bool is_tls;
    struct http_connect_target target;
    unsigned sites;
    struct http_queue calls;
    struct http_queue streams; /* apart, because a blocked stream may be waiting for calls */
    struct list idle;          /* connections, the one that was used last at the end */
    uint32_t idle_count;
    struct http_give_way give_way;
    CURLSH *sessions; /* TLS sessions to resume; NULL without TLS */
};

struct http {
    struct ev_loop *loop;
    const struct turns *turns; /* of loop: turns_now_ms() is service_now_ms() */
    struct pool_config pool;
    struct hash_key tls_key; /* of http_host.tls_hash */
    struct list hosts, sites;
    struct http_backend **backends; /* by their ids */
    size_t backend_count;
    uint64_t last_backend_id;
    uint32_t in_flight; /* calls */
    ev_timer idle;      /* closes connections that have been idle for too long */
    struct names *names;
    struct http_handshakes handshakes;
    char received[HTTP_RECEIVE_BYTES];
};

struct http_site {
    struct list_node node; /* in http.sites */
    struct http *http;
    struct http_host *host;
    CURLU *url;
    struct buf head; /* of its requests, after the target */
    struct http_tls tls;
    uint32_t connect_timeout_ms;
    size_t max_response;
};

#endif
