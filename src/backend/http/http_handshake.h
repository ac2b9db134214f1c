/* http_handshake.h - TLS on a connected socket, by libcurl (CURLOPT_CONNECT_ONLY). Private to
 * src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_HANDSHAKE_H
#define PODOP_BACKEND_HTTP_HTTP_HANDSHAKE_H

#include "podop/deadline.h"
#include "podop/http.h"

#include "curl_loop.h"

/* What all handshakes of one client share. */
struct http_handshakes {
    struct curl_loop curl;
    struct curl_slist *anywhere; /* CURLOPT_CONNECT_TO: an arbitrary address */
};

void http_handshakes_init(struct http_handshakes *all, struct ev_loop *loop);
void http_handshakes_deinit(struct http_handshakes *all); /* every TLS session must have ended */
/* Sets libcurl's own limit, beyond which it closes connections. */
void http_handshakes_allow(struct http_handshakes *all, long connections);

/* The peer of a handshake. All of it is borrowed until http_handshake_stop(). */
struct http_tls_peer {
    CURLU *url;       /* its host is what the certificate must match, and is sent as SNI */
    CURLSH *sessions; /* sessions to resume; NULL: none */
    const struct http_tls *tls;
};

struct http_handshake;

/* Reports the end from the loop. fd is -1 when the handshake has failed; then reason says why. */
typedef void http_handshake_fn(struct http_handshake *handshake, int fd);

/* A TLS session, from the handshake to its end. Zeroed: there is none. */
struct http_handshake {
    struct http_handshakes *all;
    CURL *easy;               /* contains the keys; NULL: no TLS */
    int fd;                   /* not handed to libcurl yet; -1: none */
    struct deadline deadline; /* of the handshake */
    char *reason;             /* CURL_ERROR_SIZE bytes of the owner */
    http_handshake_fn *done;
};

/* Takes the connected descriptor and begins the handshake. done is called once, from the loop. */
void http_handshake_start(struct http_handshake *handshake, struct http_handshakes *all,
                          const struct http_tls_peer *peer, int fd, uint64_t timeout_ms,
                          char reason[CURL_ERROR_SIZE], http_handshake_fn *done);
/* Ends TLS and closes the descriptor. Does nothing without TLS. */
void http_handshake_stop(struct http_handshake *handshake);

#endif
