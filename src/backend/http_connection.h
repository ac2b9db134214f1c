/* http_connection.h - connections to a host: one request and its answer at a time, kept in between.
 * Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_CONNECTION_H
#define PODOP_BACKEND_HTTP_CONNECTION_H

#include "podop/buf.h"
#include "podop/http1_parse.h"

#include <curl/curl.h>
#include <ev.h>

enum { HTTP_RECEIVE_BYTES = 16384 }; /* read at once */

struct http;
struct http_host;
struct http_site;

enum http_end {
    HTTP_END_WHOLE,     /* the answer is complete */
    HTTP_END_ENOUGH,    /* on_body() wanted no more of it */
    HTTP_END_STALE,     /* a kept connection turned out to be closed: no byte of an answer came */
    HTTP_END_BROKEN,    /* reason says why */
    HTTP_END_NO_SOCKET, /* as well, and it is no fault of the server */
};

enum http_take { HTTP_TAKE_MORE, HTTP_TAKE_PAUSE, HTTP_TAKE_ENOUGH };

/* A request and its answer; its owner's memory, until on_end() or http_exchange_stop(). */
struct http_exchange {
    struct http_connection *connection; /* NULL: none is under way */
    struct span request;
    bool is_alone;         /* on a connection of its own, that nothing else uses before or after */
    bool may_have_arrived; /* some of the request was given to the kernel, or to TLS */
    /* A part of the body; is_all: of what has come so far, it is the last. After HTTP_TAKE_PAUSE
     * none comes before http_exchange_go_on(). */
    enum http_take (*on_body)(struct http_exchange *ex, unsigned status, struct span bytes,
                              bool is_all);
    /* Comes last, once, from the loop, and even after HTTP_TAKE_PAUSE; status is 0 when no head
     * came, last is what of the body was not given to on_body(). All but ex is borrowed. */
    void (*on_end)(struct http_exchange *ex, enum http_end end, unsigned status, struct span last,
                   const char *reason);
};

struct http_connection {
    struct http *http;
    struct http_host *host;
    struct http_exchange *exchange;        /* NULL: it is kept */
    struct http_connection *older, *newer; /* of those that are kept */
    uint64_t kept_since_ms; /* of clock_coarse_ms(), as the next: libev's hour may be set */
    uint64_t dies_at_ms;    /* it is not used again from then on; 0: always */
    ev_io io;      /* on all the time, for the end that comes unasked as well; fd -1: not yet */
    ev_timer turn; /* of TLS: it is read from again, when others have had theirs */
    CURL *easy;    /* while it is made, and for TLS; NULL: io.fd is ours alone */
    struct http1 answer;
    struct buf in;     /* of the answer: what is no whole line yet */
    size_t sent;       /* of the request */
    int socket_errno;  /* why no socket could be had; 0: no such thing */
    bool was_kept;     /* it carried another exchange before this one */
    bool is_mute;      /* not a byte more can be sent; the answer may be there all the same */
    bool has_answered; /* some byte of an answer came */
    bool is_answered;  /* all of one came, but the server has not got all of the request */
    bool is_paused;
    char reason[CURL_ERROR_SIZE]; /* libcurl's */
};

/* Sends ex on a kept connection, or begins to make one, which with is_fresh it does in any case.
 * on_end() is not called before this returns. */
void http_exchange_start(struct http_exchange *ex, struct http_site *site, bool is_fresh);
void http_exchange_go_on(struct http_exchange *ex); /* after HTTP_TAKE_PAUSE */
void http_exchange_stop(struct http_exchange *ex);  /* its connection is closed; fine without one */

/* What libcurl made of it; reason is for code != CURLE_OK. */
void http_connection_made(struct http_connection *c, CURLcode code);

void http_connection_free(struct http_connection *c); /* not one that is kept, nor in use */

/* http_wire.c: bytes over it, without waiting */

enum http_moved { HTTP_MOVED, HTTP_MOVED_NONE, HTTP_MOVED_END, HTTP_MOVED_ERROR };

/* *n is how many; after HTTP_MOVED_ERROR c->reason says why. */
enum http_moved http_wire_receive(struct http_connection *c, char *to, size_t max, size_t *n);
enum http_moved http_wire_send(struct http_connection *c, struct span bytes, size_t *n);
/* Nothing came unasked, and the server has not hung up. */
bool http_wire_is_silent(struct http_connection *c);

/* http_kept.c: those that nobody uses */

bool http_kept_add(struct http_connection *c); /* false: there are enough */
void http_kept_remove(struct http_connection *c);
struct http_connection *http_kept_take(struct http_host *host); /* the newest, or NULL */
/* Closes the oldest as long as the host has more than its pool may: one is about to be made. */
void http_kept_make_room(struct http_host *host);
void http_kept_close_all(struct http_host *host);
/* Closes what was kept for too long. How many milliseconds until the next; 0: none is kept. */
uint64_t http_kept_close_idle(struct http_host *host, uint64_t now_ms, uint64_t idle_ms);

#endif
