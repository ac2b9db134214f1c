/* http_wire.h - sends and receives bytes over a connected socket, or through TLS on it, and never
 * waits. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_WIRE_H
#define PODOP_BACKEND_HTTP_HTTP_WIRE_H

#include "podop/span.h"

#include <curl/curl.h>

#include <stdbool.h>

enum { HTTP_RECEIVE_BYTES = 16384 }; /* the size of the buffers that are received into */

struct http_wire {
    int fd;                       /* -1: not connected */
    CURL *tls;                    /* borrowed; NULL: plain TCP or a unix socket */
    bool sends_after_reading;     /* TLS: the last send waits for bytes of the peer */
    bool receives_after_writing;  /* TLS: the last receive waits for room to send */
    char reason[CURL_ERROR_SIZE]; /* of the last failure */
};

enum http_wire_result {
    HTTP_WIRE_MOVED,   /* at least one byte was sent or received */
    HTTP_WIRE_BLOCKED, /* nothing can be sent or received now */
    HTTP_WIRE_CLOSED,  /* the peer has closed the connection */
    HTTP_WIRE_FAILED,  /* see reason */
    HTTP_WIRE_LOST,    /* see reason; the peer's host does not acknowledge anything any more */
};

/* Receive or send at most one piece. *n becomes the number of bytes, 0 unless the result is
 * HTTP_WIRE_MOVED. */
enum http_wire_result http_wire_receive(struct http_wire *wire, char *to, size_t max, size_t *n);
enum http_wire_result http_wire_send(struct http_wire *wire, struct span bytes, size_t *n);

/* Returns false when the peer has sent bytes, or has closed. */
bool http_wire_is_silent(struct http_wire *wire);

/* Lets the peer take bytes of a request of that size as slowly as it likes. Otherwise the kernel
 * ends a connection if the peer has no room for longer than TCP_USER_TIMEOUT. */
void http_wire_allow_pauses(const struct http_wire *wire, size_t request_bytes);
/* Acknowledges what was received at once, instead of after the kernel's delay of up to 40 ms,
 * during which a server that uses Nagle's algorithm sends nothing more. */
void http_wire_acknowledge(const struct http_wire *wire);

#endif
