/* http_exchange.h - one request and its answer, on an idle connection or a new one. Private to
 * src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_EXCHANGE_H
#define PODOP_BACKEND_HTTP_HTTP_EXCHANGE_H

#include "podop/buf.h"
#include "podop/endpoint.h"

#include "http1_parse.h"

struct http_connection;
struct http_site;

enum http_end {
    HTTP_END_WHOLE,  /* the answer is complete */
    HTTP_END_ENOUGH, /* on_body() wanted no more of the answer */
    /* a reused connection ended without an answer: the request may be sent again */
    HTTP_END_STALE,
    HTTP_END_BROKEN,    /* no whole answer came; see reason, as for the next two */
    HTTP_END_NO_SOCKET, /* a local failure: no socket could be created */
    HTTP_END_REFUSED,   /* the connection was refused, so nothing was sent */
};

enum http_take { HTTP_TAKE_MORE, HTTP_TAKE_PAUSE, HTTP_TAKE_ENOUGH };

/* Where an exchange is. The request is sent in the states from AWAITING_ANSWER to READING, while
 * the answer may come already: http_exchange.sent counts the bytes that are sent.
 *
 *                  sent, or being sent        first byte
 *   CONNECTING ----------------------> AWAITING_ANSWER ----> READING <----> PAUSED
 *                                            ^                  |   go_on()
 *   ENDED -- an idle connection is used -----+                  |
 *                                                               +-----> SENDING_REST
 *                                   a whole 2xx answer came before the server had the request
 *
 * Every state leads to ENDED, with on_end() or by http_exchange_stop(). */
enum http_exchange_state {
    HTTP_EXCHANGE_ENDED, /* or not started */
    HTTP_EXCHANGE_CONNECTING,
    HTTP_EXCHANGE_AWAITING_ANSWER,
    HTTP_EXCHANGE_READING,
    HTTP_EXCHANGE_PAUSED,
    HTTP_EXCHANGE_SENDING_REST,
};

struct http_exchange;

/* Takes a part of the body. is_last: it is the last one that has arrived so far. After
 * HTTP_TAKE_PAUSE, no more is read before http_exchange_go_on(). */
typedef enum http_take http_body_fn(struct http_exchange *ex, unsigned status, struct span bytes,
                                    bool is_last);
/* Called last, once, from the loop, and even after HTTP_TAKE_PAUSE. status is 0 if no head
 * arrived. last is the part of the body that on_body() did not get. All but ex is borrowed. */
typedef void http_end_fn(struct http_exchange *ex, enum http_end end, unsigned status,
                         struct span last, const char *reason);

/* The memory belongs to the owner, which sets the first five members and zeroes the others up to
 * peer. */
struct http_exchange {
    struct span request;            /* borrowed */
    const struct endpoint *address; /* the wanted one; NULL: any. Borrowed */
    bool is_alone;                  /* on a connection that nothing else uses before or after */
    http_body_fn *on_body;
    http_end_fn *on_end;
    bool may_have_arrived; /* some of the request was given to the kernel, or to TLS */
    bool is_unreachable;   /* no address could be connected to */
    bool has_moved;        /* to the address peer, because the wanted one failed or was slow */
    bool is_send_closed;   /* the server takes no more of the request, but may have answered it */
    enum http_exchange_state state;
    struct http_connection *connection; /* NULL: ENDED */
    size_t sent;                        /* of the request */
    struct buf in;                      /* a part of the answer that is not a whole line yet */
    /* Large, so they are not zeroed: */
    struct endpoint peer; /* if has_moved */
    struct http1 answer;  /* valid from the start of the exchange on */
};

/* Sends the request on an idle connection or on a new one; with is_fresh always on a new one.
 * on_end() is not called before this returns. */
void http_exchange_start(struct http_exchange *ex, struct http_site *site, bool is_fresh);
void http_exchange_go_on(struct http_exchange *ex); /* does nothing unless PAUSED */
/* Closes the connection without on_end(). Does nothing when ENDED. */
void http_exchange_stop(struct http_exchange *ex);

#endif
