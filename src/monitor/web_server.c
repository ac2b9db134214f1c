#include "web_server.h"

#ifdef PODOP_WITH_HTTP

#include "podop/deadline.h"
#include "podop/mem.h"

#include <ev.h>
#include <microhttpd.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    CONNECTIONS_MAX = 1024,     /* a last limit: each listener has its own, much lower one */
    KEPT_CONNECTIONS_MAX = 8,   /* with more, each is closed after its answer */
    HEAD_BYTES_MAX = 16 * 1024, /* memory of a connection, which bounds the head of a request */
    BLOCK_BYTES = 16 * 1024,    /* of an answer, in one turn for each connection */
    REQUEST_TIMEOUT_MS = 10 * 1000,
    ANSWER_TIMEOUT_MS = 30 * 1000,
};

struct web_server {
    struct ev_loop *loop;
    struct MHD_Daemon *daemon;
    web_handler_fn *handle;
    void *arg;
    ev_io io;           /* of libmicrohttpd's epoll descriptor */
    ev_timer again;     /* it has work left for the next turn */
    unsigned worked_in; /* the last turn in which it worked, by ev_iteration() */
    struct list connections;
    size_t count; /* of connections */
};

struct web_connection {
    struct list_node node;
    struct web_server *server;
    int fd;
    bool is_served; /* libmicrohttpd has begun; version 1.0 does so in its next turn */
    struct deadline deadline;
    web_gone_fn *gone;
    void *arg;
};

enum web_phase {
    WEB_ARRIVED,   /* its head, and not all of it yet */
    WEB_ASKED,     /* the handler has it */
    WEB_SUSPENDED, /* likewise, and libmicrohttpd waits */
    WEB_ANSWERED,  /* there is an answer for libmicrohttpd */
};

struct web_request {
    struct list_node node; /* for the handler */
    struct MHD_Connection *mhd;
    struct web_connection *connection;
    const char *path;
    struct web_answer answer;
    enum web_phase phase;
};

bool web_server_is_built(void)
{
    return true;
}

const char *web_server_version(void)
{
    return MHD_get_version();
}

/* Connections --------------------------------------------------------------------------------- */

static void connection_free(struct web_connection *c)
{
    web_gone_fn *gone = c->gone;
    void *arg = c->arg;

    list_remove(&c->node);
    c->server->count--;
    deadline_stop(&c->deadline);
    free(c);
    gone(arg);
}

/* Lets libmicrohttpd find the end of the connection, because it has no function that closes one. */
static void on_deadline(void *arg)
{
    struct web_connection *c = arg;

    if (c->is_served)
        shutdown(c->fd, SHUT_RDWR);
    else /* libmicrohttpd had no memory for it, and has closed it */
        connection_free(c);
}

static struct web_connection *find(const struct web_server *server, int fd)
{
    LIST_FOR_EACH (node, &server->connections) {
        struct web_connection *c = CONTAINER_OF(node, struct web_connection, node);

        if (c->fd == fd)
            return c;
    }
    return NULL;
}

/* Called when libmicrohttpd begins and ends to serve a connection. */
static void on_connection(void *arg, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    const union MHD_ConnectionInfo *info;
    struct web_connection *c;

    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = c = find(arg, info->connect_fd);
        c->is_served = true;
    } else {
        connection_free(*context);
    }
}

static struct web_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info->socket_context;
}

void web_server_add(struct web_server *server, int fd, web_gone_fn *gone, void *arg)
{
    struct web_connection *c = xcalloc(1, sizeof(*c));
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    socklen_t len = sizeof(peer);

    *c = (struct web_connection){.server = server, .fd = fd, .gone = gone, .arg = arg};
    deadline_init(&c->deadline, on_deadline, c);
    deadline_start_in(&c->deadline, server->loop, REQUEST_TIMEOUT_MS);
    list_append(&server->connections, &c->node);
    server->count++;
    getpeername(fd, (struct sockaddr *)&peer, &len);
    if (MHD_add_connection(server->daemon, fd, (struct sockaddr *)&peer, len) == MHD_NO) {
        c = find(server, fd);
        if (c != NULL && !c->is_served) /* it has closed fd without a notification */
            connection_free(c);
        return;
    }
    ev_feed_event(server->loop, &server->io, EV_CUSTOM);
}

/* Requests ------------------------------------------------------------------------------------ */

static ssize_t read_body(void *arg, uint64_t at, char *to, size_t room)
{
    const struct span bytes = web_body_at(arg, (size_t)at);
    const size_t len = bytes.len < room ? bytes.len : room;

    memcpy(to, bytes.ptr, len);
    return (ssize_t)len;
}

static void free_body(void *arg)
{
    struct web_body *body = arg;

    web_body_unref(&body);
}

static void add_headers(struct MHD_Response *response, const struct web_answer *answer)
{
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->media_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    for (const struct web_header *h = answer->headers; h != NULL && h->name != NULL; h++)
        MHD_add_response_header(response, h->name, h->value);
}

/* Gives libmicrohttpd the answer. Each has its own response, because libmicrohttpd keeps the block
 * that it sends in the response. */
static enum MHD_Result queue_answer(struct web_request *r)
{
    struct web_connection *c = r->connection;
    struct web_body *body = r->answer.body;
    struct MHD_Response *response =
        MHD_create_response_from_callback(body->len, BLOCK_BYTES, read_body, body, free_body);
    enum MHD_Result result;

    r->answer.body = NULL;
    if (response == NULL) {
        web_body_unref(&body);
        return MHD_NO;
    }
    add_headers(response, &r->answer);
    if (c->server->count > KEPT_CONNECTIONS_MAX)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    result = MHD_queue_response(r->mhd, r->answer.status, response);
    MHD_destroy_response(response);
    deadline_start_in(&c->deadline, c->server->loop, ANSWER_TIMEOUT_MS);
    return result;
}

static void answer_constant(struct web_request *r, unsigned status, const char *text,
                            const struct web_header *headers)
{
    const struct web_answer answer = {.status = status,
                                      .media_type = "text/plain; charset=utf-8",
                                      .headers = headers,
                                      .body = web_body_of(span_of(text))};

    web_request_answer(r, &answer);
}

static bool is_read_only(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

/* Begins a request whose head has arrived. An answer here would have libmicrohttpd close the
 * connection, so only what must not send a body is answered before its end. */
static enum MHD_Result begin(struct MHD_Connection *mhd, const char *path, const char *method,
                             void **context)
{
    static const struct web_header allow[] = {{"Allow", "GET, HEAD"}, {0}};
    struct web_request *r = xcalloc(1, sizeof(*r));

    *r = (struct web_request){.mhd = mhd, .connection = connection_of(mhd), .path = path};
    *context = r;
    if (is_read_only(method))
        return MHD_YES;
    answer_constant(r, MHD_HTTP_METHOD_NOT_ALLOWED, "method not allowed\n", allow);
    return queue_answer(r);
}

/* Called by libmicrohttpd for the head of a request, for parts of its body, at its end, and again
 * when a suspended connection is resumed. */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *mhd, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **context)
{
    struct web_request *r = *context;
    struct web_server *server = arg;

    (void)version;
    (void)upload;
    if (r == NULL)
        return begin(mhd, path, method, context);
    if (*upload_bytes > 0) {
        *upload_bytes = 0; /* a body is thrown away */
        return MHD_YES;
    }
    if (r->phase == WEB_ARRIVED) {
        r->phase = WEB_ASKED;
        server->handle(server->arg, r);
    }
    if (r->phase == WEB_ANSWERED)
        return queue_answer(r);
    r->phase = WEB_SUSPENDED;
    MHD_suspend_connection(mhd);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct web_request *r = *context;
    struct web_server *server = arg;

    (void)mhd;
    (void)code;
    if (r == NULL)
        return;
    *context = NULL;
    deadline_start_in(&r->connection->deadline, server->loop, REQUEST_TIMEOUT_MS);
    web_body_unref(&r->answer.body);
    free(r);
}

const char *web_request_path(const struct web_request *r)
{
    return r->path;
}

const char *web_request_header(const struct web_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

void web_request_append(struct list *list, struct web_request *r)
{
    list_append(list, &r->node);
}

struct web_request *web_request_pop(struct list *list)
{
    return LIST_ENTRY_OR_NULL(list_pop(list), struct web_request, node);
}

void web_request_answer(struct web_request *r, const struct web_answer *answer)
{
    struct web_server *server = r->connection->server;

    r->answer = *answer;
    if (r->phase == WEB_SUSPENDED) {
        MHD_resume_connection(r->mhd);
        ev_feed_event(server->loop, &server->io, EV_CUSTOM);
    }
    r->phase = WEB_ANSWERED;
}

/* The server ---------------------------------------------------------------------------------- */

static void work_again(struct web_server *server)
{
    if (ev_is_active(&server->again))
        return;
    ev_timer_set(&server->again, 0.0, 0.0);
    ev_timer_start(server->loop, &server->again);
}

/* Does what is due on each connection, one read and one write at most, once in a turn. */
static void work(struct web_server *server)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;

    if (server->worked_in == ev_iteration(server->loop)) {
        work_again(server);
        return;
    }
    server->worked_in = ev_iteration(server->loop);
    MHD_run(server->daemon);
    if (MHD_get_timeout(server->daemon, &wait_ms) == MHD_YES && wait_ms == 0)
        work_again(server);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    (void)loop;
    (void)revents;
    work(w->data);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    work(w->data);
}

/* Leaves the path of a request as it is, because no path here has a byte that is written as %XX. */
static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct web_server *server)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        on_request, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK,
        keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_BYTES_MAX, MHD_OPTION_END);
}

struct web_server *web_server_new(struct ev_loop *loop, web_handler_fn *handler, void *arg,
                                  struct error *err)
{
    struct web_server *server = xcalloc(1, sizeof(*server));
    const union MHD_DaemonInfo *info;

    *server = (struct web_server){.loop = loop, .handle = handler, .arg = arg};
    list_init(&server->connections);
    server->daemon = start_daemon(server);
    if (server->daemon == NULL) {
        error_errno(err, "cannot start the HTTP server of libmicrohttpd");
        free(server);
        return NULL;
    }
    info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    ev_io_init(&server->io, on_readable, info->epoll_fd, EV_READ);
    ev_timer_init(&server->again, on_again, 0.0, 0.0);
    server->io.data = server->again.data = server;
    ev_io_start(loop, &server->io);
    return server;
}

void web_server_free(struct web_server **pserver)
{
    struct web_server *server = *pserver;

    if (server == NULL)
        return;
    *pserver = NULL;
    ev_io_stop(server->loop, &server->io);
    ev_timer_stop(server->loop, &server->again);
    MHD_stop_daemon(server->daemon); /* closes the connections, with a notification for each... */
    LIST_FOR_EACH_SAFE (node, &server->connections) /* ... that it has begun to serve */
        connection_free(CONTAINER_OF(node, struct web_connection, node));
    free(server);
}

#else

bool web_server_is_built(void)
{
    return false;
}

const char *web_server_version(void)
{
    return "none";
}

struct web_server *web_server_new(struct ev_loop *loop, web_handler_fn *handler, void *arg,
                                  struct error *err)
{
    (void)loop;
    (void)handler;
    (void)arg;
    error_set(err, ERR_CONFIG, "podop is built without libmicrohttpd");
    return NULL;
}

/* Without a server, none of these is called. */

void web_server_free(struct web_server **server)
{
    (void)server;
}

void web_server_add(struct web_server *server, int fd, web_gone_fn *gone, void *arg)
{
    (void)server;
    (void)fd;
    (void)gone;
    (void)arg;
}

const char *web_request_path(const struct web_request *request)
{
    (void)request;
    return NULL;
}

const char *web_request_header(const struct web_request *request, const char *name)
{
    (void)request;
    (void)name;
    return NULL;
}

void web_request_append(struct list *list, struct web_request *request)
{
    (void)list;
    (void)request;
}

struct web_request *web_request_pop(struct list *list)
{
    (void)list;
    return NULL;
}

void web_request_answer(struct web_request *request, const struct web_answer *answer)
{
    (void)request;
    (void)answer;
}

#endif
