/* http_connection.h - a connection to a host, from connecting to closing. Private to
 * src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_CONNECTION_H
#define PODOP_BACKEND_HTTP_HTTP_CONNECTION_H

#include "backend/dns/name_addresses.h"

#include "http_types.h"

#include "podop/deadline.h"

#include <ev.h>

struct http_connection;
struct http_exchange;

/*
 *  NEW --> CONNECTING --> HANDSHAKING (TLS) --> IN_USE <--> IDLE
 *              |               |                  |           |
 *              +---------------+-- failed, or closed: freed --+
 */
enum http_connection_state {
    HTTP_CONNECTION_NEW,
    HTTP_CONNECTION_CONNECTING,
    HTTP_CONNECTION_HANDSHAKING,
    HTTP_CONNECTION_IN_USE, /* by an exchange */
    HTTP_CONNECTION_IDLE,   /* in the idle list of its host: http_idle.c */
};

/* Reports from the loop how connecting and the TLS handshake have ended. */
typedef void http_connected_fn(struct http_connection *c, enum http_connect_end how);

/* How long a connection waits to be connected, or for an answer. Used by http_give_way.c. */
struct http_wait {
    enum http_wait_kind kind;
    uint64_t since_ms; /* of service_now_ms() */
    /* when another connection became idle while this one was starved; 0: none did */
    uint64_t freed_at_ms;
    struct deadline deadline;
    struct list_node starved; /* in http_give_way.starved */
};

struct http_connection {
    struct http *http;
    struct http_host *host;
    const struct http_site *site; /* while it is being connected */
    enum http_connection_state state;
    bool was_used; /* it has carried an exchange before the current one */
    http_connected_fn *connected;
    struct http_exchange *exchange; /* while CONNECTING, HANDSHAKING and IN_USE */
    struct http_wire wire;
    ev_io io;      /* also active while idle, to notice the end */
    ev_timer turn; /* of TLS: receives again after other events had their turn */
    struct http_connecting *connecting;
    struct http_handshake handshake;   /* and the TLS session; unused without TLS */
    struct endpoint peer;              /* if the host has a name */
    const struct name_addresses *name; /* of the host; NULL: it has no name */
    unsigned name_generation;          /* at the last check that the name has the peer's address */
    struct list_node idle;
    uint64_t idle_since_ms; /* of clock_coarse_ms() */
    struct http_wait wait;
};

/* Returns a NEW connection. The caller must set the callbacks of io and turn. */
struct http_connection *http_connection_new(struct http_site *site);
/* Begins to connect, to the address first before others unless it is NULL. connected is called
 * once, from the loop; see wire.reason for a failure. */
void http_connection_start(struct http_connection *c, struct http_site *site,
                           const struct endpoint *first, http_connected_fn *connected);
/* Closes the connection, which must be in no list. */
void http_connection_free(struct http_connection *c);

void http_connection_watch(struct http_connection *c, int events); /* EV_READ and EV_WRITE, or 0 */

/* Checks whether the peer's address is still one of the name's. Notes the generation if it is. */
bool http_connection_has_moved(struct http_connection *c);

/* Returns whether the connection must not be used again, because the host's name has moved. */
static inline bool http_connection_is_outdated(struct http_connection *c)
{
    return c->name != NULL && c->name->generation != c->name_generation &&
           http_connection_has_moved(c);
}

static inline bool http_connection_is_tls(const struct http_connection *c)
{
    return c->wire.tls != NULL;
}

#endif
