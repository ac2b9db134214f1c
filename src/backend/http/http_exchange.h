/* http_exchange.h - a request and its answer, on a connection that is kept or new. Private to
 * src/backend. */
#ifndef PODOP_BACKEND_HTTP_HTTP_EXCHANGE_H
#define PODOP_BACKEND_HTTP_HTTP_EXCHANGE_H

#include "podop/span.h"

struct http_connection;
struct http_site;

enum http_end {
    HTTP_END_WHOLE,     /* the answer is complete */
    HTTP_END_ENOUGH,    /* on_body() wanted no more of it */
    HTTP_END_STALE,     /* a kept connection has come to its end: nothing came, or no answer */
    HTTP_END_BROKEN,    /* reason says why */
    HTTP_END_NO_SOCKET, /* as well, and it is no fault of the server */
    HTTP_END_REFUSED,   /* as well: the connection was refused, and nothing was sent over it */
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

/* Sends ex on a kept connection, or begins to make one, which with is_fresh it does in any case.
 * on_end() is not called before this returns. */
void http_exchange_start(struct http_exchange *ex, struct http_site *site, bool is_fresh);
void http_exchange_go_on(struct http_exchange *ex); /* after HTTP_TAKE_PAUSE */
void http_exchange_stop(struct http_exchange *ex);  /* its connection is closed; fine without one */

#endif
