/* http_connect.h - connects a socket to a host: resolves its name and races its addresses. Private
 * to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_CONNECT_H
#define PODOP_BACKEND_HTTP_HTTP_CONNECT_H

#include "podop/endpoint.h"

#include <stdint.h>

struct ev_loop;
struct name;

struct http_connect_target {
    const char *unix_socket; /* NULL: over TCP */
    struct name *name;       /* NULL: unix_socket or address is used */
    struct endpoint address; /* its port also applies to name */
};

enum http_connect_end {
    HTTP_CONNECTED,
    HTTP_CONNECT_FAILED,    /* see reason, as for the next two */
    HTTP_CONNECT_REFUSED,   /* a server refused the connection: trying again is cheap */
    HTTP_CONNECT_NO_SOCKET, /* a local failure: no socket could be created */
};

struct http_connect_result {
    enum http_connect_end end;
    int fd;               /* of HTTP_CONNECTED; done() takes it */
    struct endpoint peer; /* of HTTP_CONNECTED; unless over a unix socket */
    uint64_t left_ms;     /* of the timeout */
    const char *reason;   /* unless HTTP_CONNECTED; borrowed */
};

typedef void http_connect_fn(void *arg, const struct http_connect_result *result);

struct http_connecting; /* one connection being made */

/* Begins to connect; target and first are borrowed until the end. first is the address of the name
 * that is tried before others; NULL: none is. done is called once, from the loop; after
 * http_connect_stop() it is not called. */
struct http_connecting *http_connect_start(struct ev_loop *loop,
                                           const struct http_connect_target *target,
                                           const struct endpoint *first, uint32_t timeout_ms,
                                           http_connect_fn *done, void *arg);
void http_connect_stop(struct http_connecting **connecting); /* a NULL *connecting is fine */

#endif
