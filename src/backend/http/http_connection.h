/* http_connection.h - connections to a host, used for one exchange at a time and kept in between.
 * Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_HTTP_CONNECTION_H
#define PODOP_BACKEND_HTTP_HTTP_CONNECTION_H

#include "backend/dns/name_addresses.h"

#include "http1_parse.h"
#include "podop/buf.h"
#include "podop/deadline.h"
#include "podop/endpoint.h"

#include <curl/curl.h>
#include <ev.h>

enum { HTTP_RECEIVE_BYTES = 16384 }; /* read at once */

struct http;
struct http_connecting;
struct http_connection;
struct http_exchange;
struct http_host;
struct http_site;

enum http_wait { HTTP_WAIT_CONNECTION, HTTP_WAIT_ANSWER, HTTP_WAITS };

enum http_connect_end {
    HTTP_CONNECTED,
    HTTP_CONNECT_FAILED,    /* see c->reason, as for the next two */
    HTTP_CONNECT_REFUSED,   /* the peer refused it: trying again is cheap */
    HTTP_CONNECT_NO_SOCKET, /* a local failure, not the server's */
};

/* Reports the result, from the loop. */
typedef void http_connected_fn(struct http_connection *c, enum http_connect_end how);

struct http_connection {
    struct http *http;
    struct http_host *host;
    struct http_exchange *exchange; /* NULL: it is kept */
    http_connected_fn *connected;
    struct http_connection *older, *newer; /* of those that are kept */
    uint64_t kept_since_ms;                /* of clock_coarse_ms(): libev's hour may be set */
    struct http_connecting *connecting;    /* while it is made; then NULL */
    struct endpoint address;               /* the peer, if the host has a name */
    const struct name_addresses *name;     /* of the host; NULL: it has no name */
    unsigned name_generation;              /* at the last check that they have address */
    ev_io io;      /* on all the time, for the end that comes unasked as well; fd -1: not yet */
    ev_timer turn; /* of TLS: it is read from again, when others have had theirs */
    enum http_wait waits_for;
    uint64_t waits_since_ms;   /* of service_now_ms() */
    uint64_t falls_free_at_ms; /* another, while it was starved; 0: none did */
    struct deadline starving;
    struct http_connection *next_starved;
    bool is_starved;           /* this and the four before: http_give_way.c */
    CURL *easy;                /* of TLS; NULL: io.fd is ours alone */
    int tls_fd;                /* not handed to libcurl yet; -1: none */
    struct deadline handshake; /* of TLS, has to be over by then */
    struct http1 answer;
    struct buf in;         /* of the answer: what is no whole line yet */
    size_t sent;           /* of the request */
    bool was_kept;         /* it carried another exchange before this one */
    bool is_mute;          /* not a byte more can be sent; the answer may be there all the same */
    bool has_answered;     /* some byte of an answer came */
    bool has_whole_answer; /* all of one came, but the server has not got all of the request */
    bool is_paused;
    char reason[CURL_ERROR_SIZE]; /* why it failed */
};

/* Without a socket; its watchers, but for the descriptor, are to be set by who uses it. */
struct http_connection *http_connection_new(struct http_site *site);
void http_connection_free(struct http_connection *c); /* not one that is kept, nor in use */

void http_connection_watch(struct http_connection *c, int events); /* of EV_READ | EV_WRITE */
/* Checks whether the address is still one of the name's. Notes the generation if it is. */
bool http_connection_has_moved(struct http_connection *c);

/* Whether the connection must not be used again, because the host's name has moved. */
static inline bool http_connection_is_too_old(struct http_connection *c)
{
    return c->name != NULL && c->name->generation != c->name_generation &&
           http_connection_has_moved(c);
}

/* http_wire.c: bytes over it, without waiting */

enum http_moved { HTTP_MOVED, HTTP_MOVED_NONE, HTTP_MOVED_END, HTTP_MOVED_ERROR };

/* *n is how many; after HTTP_MOVED_ERROR c->reason says why. */
enum http_moved http_wire_receive(struct http_connection *c, char *to, size_t max, size_t *n);
enum http_moved http_wire_send(struct http_connection *c, struct span bytes, size_t *n);
/* Nothing came unasked, and the server has not hung up. */
bool http_wire_is_silent(struct http_connection *c);

/* http_give_way.c: those that nobody uses give way to a new one that gets nothing */

void http_give_way_begin(struct http_connection *c, enum http_wait what); /* what is waited for */
void http_give_way_served(struct http_connection *c);                     /* it has come */
void http_give_way_end(struct http_connection *c); /* nothing is waited for any more */
/* Whether c, which nothing is under way on any more, has to be closed for the sake of others. */
bool http_give_way_instead_of_keeping(struct http_connection *c);
void http_give_way_to_new(struct http_connection *c); /* which is about to be made */

/* http_idle.c: those that nobody uses */

void http_idle_open(struct http *http);
void http_idle_close(struct http *http); /* none may be kept */
/* Nothing is under way on c: it is kept for the next exchange, or closed. */
void http_idle_add(struct http_connection *c);
void http_idle_remove(struct http_connection *c);
struct http_connection *http_idle_take(struct http_host *host); /* the newest, or NULL */
/* Closes the oldest as long as the host has more than its pool may: one is about to be made. */
void http_idle_make_room(struct http_host *host);
void http_idle_close_all(struct http_host *host);
/* Nothing is under way any more: what is there is looked at after the idle timeout. */
void http_idle_start_timer(struct http *http);
void http_idle_close_old(struct http *http); /* what was kept for too long */

#endif
