/* web_server.h - an HTTP server on podop's own loop, by libmicrohttpd, without threads. It answers
 * GET and HEAD; its connections are accepted elsewhere. The only file that calls libmicrohttpd. */
#ifndef PODOP_MONITOR_WEB_SERVER_H
#define PODOP_MONITOR_WEB_SERVER_H

#include "web_body.h"

#include "podop/error.h"
#include "podop/list.h"

#include <stdbool.h>

struct ev_loop;
struct web_server;
struct web_request;

struct web_header {
    const char *name, *value;
};

/* What a request is answered with. All pointers but body must live as long as the server. */
struct web_answer {
    unsigned status;
    const char *media_type;
    const struct web_header *headers; /* more of them, up to one without a name; NULL: none */
    struct web_body *body;            /* a reference, which is taken */
};

/* Called for each request. Must have web_request_answer() called once, then or later. */
typedef void web_handler_fn(void *arg, struct web_request *request);
/* Called when a connection is closed. */
typedef void web_gone_fn(void *arg);

/* Returns whether podop is built with libmicrohttpd. Otherwise web_server_new() fails. */
bool web_server_is_built(void);
/* Returns the version of libmicrohttpd, "0.9.75", or "none" when podop is built without it. */
const char *web_server_version(void);

/* Returns NULL with the reason in err. */
struct web_server *web_server_new(struct ev_loop *loop, web_handler_fn *handle, void *arg,
                                  struct error *err);
/* Closes all connections. Every request must be answered. *server becomes NULL; a NULL *server is
 * fine. */
void web_server_free(struct web_server **server);

/* Takes fd, a connected socket, which is closed when its time is over: each request must arrive
 * within ten seconds, and its answer be read within thirty. */
void web_server_add(struct web_server *server, int fd, web_gone_fn *gone, void *arg);

/* Return the path without its query, or the value of a header, or NULL. Borrowed until the answer.
 */
const char *web_request_path(const struct web_request *request);
const char *web_request_header(const struct web_request *request, const char *name);

/* For a list of requests that wait for their answer. The second function returns NULL when the list
 * is empty. */
void web_request_append(struct list *list, struct web_request *request);
struct web_request *web_request_pop(struct list *list);

/* Answers the request, which is gone then. */
void web_request_answer(struct web_request *request, const struct web_answer *answer);

#endif
