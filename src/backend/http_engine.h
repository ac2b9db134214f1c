/* http_engine.h - requests on connections: one transfer is one request, sent at once, and its
 * answer. When a request may be sent, and how long its answer may take, is http.c's business. */
#ifndef PODOP_BACKEND_HTTP_ENGINE_H
#define PODOP_BACKEND_HTTP_ENGINE_H

#include "podop/http.h"

struct http_engine; /* all transfers, and the connections that are kept */

struct http_engine *http_engine_new(struct ev_loop *loop, struct error *err); /* NULL: see err */
void http_engine_free(struct http_engine **engine); /* no site may be left, no transfer be sent */
const char *http_engine_library(void);              /* its name and version */

/* So many connections are kept, and none is used again that was idle for so long. */
void http_engine_keep(struct http_engine *engine, size_t connections, uint32_t idle_timeout_ms);
void http_engine_hang_up(struct http_engine *engine); /* on each that is kept; nothing is sent */

/* What the requests of a site have in common; see http_site_open(). */
struct http_origin;
struct http_origin *http_origin_open(struct http_engine *engine,
                                     const struct http_site_config *config, struct error *err);
void http_origin_shrink(
    struct http_origin *origin); /* frees what is there for the next transfers */
void http_origin_close(struct http_origin **origin); /* its transfers may be there, but stopped */

struct http_transfer_events {
    /* Before done: whether there was a connection to its server. Not told of one that broke. */
    void (*reached)(void *arg, bool is_reachable);
    http_done_fn
        *done; /* once, from the loop, unless it is stopped before; must free the transfer */
    http_data_fn *data; /* NULL: no stream; see struct http_request */
    void *arg;
};

/* request is copied, and as yet not sent; of its functions and times nothing is used. */
struct http_transfer *http_transfer_new(struct http_origin *origin,
                                        const struct http_request *request,
                                        const struct http_transfer_events *events);
/* asks_name: the address that is remembered of the server's name may be wrong by now. */
void http_transfer_send(struct http_transfer *transfer, bool asks_name);
bool http_transfer_has_left(const struct http_transfer *transfer); /* at least some of it */
void http_transfer_go_on(struct http_transfer *transfer);          /* a stream that was blocked */
/* Whatever it is at: from here on it is of no use but to keep what done was given. */
void http_transfer_stop(struct http_transfer *transfer);
void http_transfer_free(struct http_transfer **transfer); /* stopped; *transfer becomes NULL */

#endif
