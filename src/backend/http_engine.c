/* http_engine.c - transfers by libcurl, of which it is the door: easy handles on one multi handle,
 * driven by libev. libcurl says which sockets and which timer to watch, and is called back from the
 * loop, never from inside of its own callbacks. */
#include "http_engine.h"

#include "http_kept.h"
#include "http_tls.h"
#include "podop/buf.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <curl/curl.h>
#include <ev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KEPT_FDS = 65536,
    HANDLES_TRIM_CALLS = 1024, /* handles that so many transfers could do without are freed */
    RECEIVE_BYTES = 16384,     /* libcurl's buffer for one read */
    DISCARD_BYTES_MAX = 65536, /* of a body that nobody wants, read to keep its connection */
    /* A new address is followed within the sum, however busy the connections to the old one are. */
    NAME_LIFE_S = 30,
    CONNECTION_LIFE_S = 30, /* where there is a name */
};

struct http_engine {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;  /* libcurl's own */
    ev_prepare kick; /* never started, only fed: libcurl wants to be called at once */
    size_t connections_max;
    uint32_t idle_timeout_ms;
    int kept_fd[KEPT_FDS]; /* of the connection between two ports, by its last transfer; 0: none */
    struct http_kept kept; /* those over unix sockets */
};

struct http_origin {
    struct http_engine *engine;
    CURLU *url;
    char *unix_socket;
    struct curl_slist *headers;
    struct http_tls tls;
    uint32_t connect_timeout_ms;
    bool has_name; /* and no address */
    size_t max_response;
    CURL **spare; /* handles for the next transfers, until the pool falls idle; as many as were in
                   * use at the same time, so the pool bounds them */
    size_t spare_count, spare_room;
    size_t spare_unused; /* the fewest that were left since the last trim */
    unsigned transfers;  /* since then */
};

struct http_transfer {
    struct http_origin *origin;
    CURL *easy; /* NULL while it is not sent */
    struct http_transfer_events events;
    int socket_errno; /* why no socket could be had; 0: no such thing */
    struct buf body;
    size_t discarded;
    bool asks_name;
    bool is_desynced;    /* its connection held bytes that nobody asked for: it goes out again */
    bool has_whole_head; /* the line that ends the headers came */
    char reason[CURL_ERROR_SIZE];
    const char *method;         /* NULL: GET */
    struct curl_slist *headers; /* NULL: the origin's are all */
    struct buf upload;
    ev_prepare offer; /* never started, only fed: what has come is offered to the reader */
    size_t excerpt_max;
    bool is_streaming; /* a 200's body has begun */
    bool is_blocked;   /* by the reader */
    bool is_paused;    /* libcurl keeps what it reads, until it is told to go on */
    char target[];
};

struct http_socket {
    struct http_engine *engine;
    ev_io io;
};

static void harvest(struct http_engine *engine);

/* Sockets and timers */

static void socket_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct http_socket *s = w->data;
    struct http_engine *engine = s->engine;
    int what =
        (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    curl_multi_socket_action(engine->multi, w->fd, what, &running); /* may free s */
    harvest(engine);
}

/* libcurl: watch fd from now on for what, or no more. Never calls libcurl's transfers from here. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http_engine *engine = arg;
    struct http_socket *s = socket_arg;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            ev_io_stop(engine->loop, &s->io);
            curl_multi_assign(engine->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    if (s == NULL) {
        s = xmalloc(sizeof(*s));
        s->engine = engine;
        ev_init(&s->io, socket_ready);
        s->io.data = s;
        curl_multi_assign(engine->multi, fd, s);
        http_kept_remove(&engine->kept, fd);
    }
    ev_io_stop(engine->loop, &s->io);
    ev_io_set(&s->io, fd, events);
    ev_io_start(engine->loop, &s->io);
    return 0;
}

static void time_out(struct http_engine *engine)
{
    int running;

    curl_multi_socket_action(engine->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    harvest(engine);
}

static void on_timer_ready(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    time_out(w->data);
}

static void on_kick(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop;
    (void)revents;
    time_out(w->data);
}

/* libcurl: call me in so many milliseconds; 0 means now, but not from inside of this callback. */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct http_engine *engine = arg;

    (void)multi;
    ev_timer_stop(engine->loop, &engine->timer);
    if (timeout_ms == 0) {
        ev_feed_event(engine->loop, &engine->kick, EV_CUSTOM);
    } else if (timeout_ms > 0) {
        ev_timer_set(&engine->timer, (double)timeout_ms / 1000.0, 0.0);
        ev_timer_start(engine->loop, &engine->timer);
    }
    return 0;
}

/* Handles */

/* The beginning of what nobody but people wants to see. */
static void keep_excerpt(struct http_transfer *transfer, struct span bytes)
{
    size_t room = transfer->excerpt_max - transfer->body.len;

    buf_add(&transfer->body, (struct span){bytes.ptr, bytes.len < room ? bytes.len : room});
}

static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
    struct http_transfer *transfer = arg;
    long status = 0;

    (void)one; /* always 1, says libcurl */
    if (transfer->body.len == 0 || transfer->excerpt_max > 0)
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->excerpt_max > 0 && status != 200) {
        keep_excerpt(transfer, (struct span){bytes, len});
    } else if (transfer->body.len > 0 || (status == 200 && transfer->method == NULL) ||
               transfer->is_streaming) {
        if (transfer->events.data != NULL && transfer->body.len > 0 &&
            (transfer->is_blocked || ev_is_pending(&transfer->offer))) {
            transfer->is_paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        buf_add(&transfer->body, (struct span){bytes, len});
        if (transfer->events.data != NULL) {
            transfer->is_streaming = true;
            ev_feed_event(transfer->origin->engine->loop, &transfer->offer, EV_CUSTOM);
        }
        return transfer->body.is_over ? 0 : len; /* less than len ends the transfer */
    }
    transfer->discarded += len;
    return transfer->discarded > DISCARD_BYTES_MAX ? 0 : len;
}

/* Called for each line, of trailers as well. libcurl 7.88 takes a head that is cut off for an
 * answer; we must not. */
static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
    struct http_transfer *transfer = arg;

    (void)one;
    if (*line == '\r' || *line == '\n')
        transfer->has_whole_head = true;
    else if (span_starts_with((struct span){line, len}, SPAN("HTTP/"))) /* after a 100, another */
        transfer->has_whole_head = false;
    return len;
}

static int *kept_fd(struct http_engine *engine, long remote_port, long local_port)
{
    return &engine->kept_fd[(size_t)(remote_port * 31 + local_port) % KEPT_FDS];
}

/* libcurl before 8.0 asks on a kept connection even where unasked bytes wait to be read, and takes
 * them for the answer. Such a connection is given up before anything is sent, and the transfer
 * begins again. We know its descriptor from the last one on it, and only peek. Unix sockets have no
 * ports: see http_kept.h. */
static int on_connected(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct http_transfer *transfer = arg;
    int fd = *kept_fd(transfer->origin->engine, remote_port, local_port);
    long connects = 1;
    char byte;

    (void)remote_ip;
    (void)local_ip;
    curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 || fd <= 0 || transfer->origin->unix_socket != NULL ||
        recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1)
        return CURL_PREREQFUNC_OK;
    transfer->is_desynced = true;
    return CURL_PREREQFUNC_ABORT;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct http_engine *engine = arg;

    http_kept_remove(&engine->kept, fd);
    return close(fd);
}

static void remember_fd(struct http_engine *engine, const struct http_transfer *transfer)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    long remote_port = 0;
    long local_port = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (transfer->origin->unix_socket != NULL) {
        if (fd != CURL_SOCKET_BAD)
            http_kept_add(&engine->kept, fd);
        return;
    }
    curl_easy_getinfo(transfer->easy, CURLINFO_PRIMARY_PORT, &remote_port);
    curl_easy_getinfo(transfer->easy, CURLINFO_LOCAL_PORT, &local_port);
    *kept_fd(engine, remote_port, local_port) = fd;
}

/* As libcurl would, but for what it does not tell: whose fault it is that there is none. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_transfer *transfer = arg;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

    (void)purpose;
    if (fd == -1 && errno != EAFNOSUPPORT)
        transfer->socket_errno = errno;
    return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static CURL *easy_new(struct http_origin *origin)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_easy_setopt(easy, CURLOPT_CURLU, origin->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, origin->headers);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never waits for a resolver's thread */
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)origin->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (origin->unix_socket != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, origin->unix_socket);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, origin->engine);
    }
    if (origin->has_name)
        curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    http_tls_set(easy, &origin->tls); /* libcurl shares no connection between certificates */
    return easy;
}

static CURL *easy_take(struct http_origin *origin)
{
    if (origin->spare_count == 0)
        return easy_new(origin);
    if (--origin->spare_count < origin->spare_unused)
        origin->spare_unused = origin->spare_count;
    return origin->spare[origin->spare_count];
}

static void free_spare(struct http_origin *origin, size_t count)
{
    while (count-- > 0)
        curl_easy_cleanup(origin->spare[--origin->spare_count]);
    origin->spare_unused = origin->spare_count;
}

/* A burst must not leave its handles behind, steady traffic must not make them anew. */
static void trim_spare(struct http_origin *origin)
{
    if (++origin->transfers < HANDLES_TRIM_CALLS)
        return;
    free_spare(origin, origin->spare_unused);
    origin->transfers = 0;
}

static void easy_give_back(struct http_origin *origin, CURL *easy)
{
    if (origin->spare_count == origin->spare_room) {
        origin->spare_room = 2 * origin->spare_room + 1;
        origin->spare = xreallocarray(origin->spare, origin->spare_room, sizeof(*origin->spare));
    }
    origin->spare[origin->spare_count++] = easy;
    trim_spare(origin);
}

/* Transfers */

/* A handle keeps its options from call to call: what differs is set each time, and set back. */
static void set_write(struct http_transfer *transfer)
{
    curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, transfer->method);
    curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L); /* or they would fill the pool */
    if (transfer->upload.len == 0)
        return;
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE, (long)transfer->upload.len);
    /* This makes it a POST. */
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->upload.ptr);
}

static void unset_write(struct http_transfer *transfer, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
    if (transfer->upload.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, -1L);
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
}

void http_transfer_send(struct http_transfer *transfer, bool asks_name)
{
    struct http_origin *origin = transfer->origin;
    struct http_engine *engine = origin->engine;

    transfer->easy = easy_take(origin);
    curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_OPENSOCKETDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, &transfer->target[0]);
    curl_easy_setopt(transfer->easy, CURLOPT_MAXAGE_CONN,
                     (long)(engine->idle_timeout_ms + 999) / 1000);
    if (origin->has_name)
        curl_easy_setopt(transfer->easy, CURLOPT_DNS_CACHE_TIMEOUT,
                         asks_name ? 0L : (long)NAME_LIFE_S);
    if (transfer->headers != NULL)
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    if (transfer->method != NULL)
        set_write(transfer);
    if (origin->unix_socket != NULL)
        http_kept_end_unusable(&engine->kept);
    transfer->asks_name = asks_name;
    curl_multi_add_handle(engine->multi, transfer->easy); /* fails only for a handle misused */
}

/* The handle is as it was before the transfer. */
static void take_back(struct http_transfer *transfer)
{
    struct http_origin *origin = transfer->origin;

    /* This closes what is not at its end. */
    curl_multi_remove_handle(origin->engine->multi, transfer->easy);
    if (transfer->method != NULL)
        unset_write(transfer, transfer->easy);
    if (transfer->headers != NULL)
        curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, origin->headers);
    curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, NULL); /* the transfer may end here */
    easy_give_back(origin, transfer->easy);
    transfer->easy = NULL;
}

/* Those in front are the transfer's own, the origin's follow in the same list. */
static void free_extra_headers(struct http_transfer *transfer)
{
    while (transfer->headers != NULL && transfer->headers != transfer->origin->headers) {
        struct curl_slist *first = transfer->headers;

        transfer->headers = first->next;
        free(first->data);
        free(first);
    }
    transfer->headers = NULL;
}

static void add_extra_header(struct http_transfer *transfer, const char *text)
{
    struct curl_slist *first = xmalloc(sizeof(*first));

    first->data = xstrdup(text);
    first->next = transfer->headers == NULL ? transfer->origin->headers : transfer->headers;
    transfer->headers = first;
}

void http_transfer_stop(struct http_transfer *transfer)
{
    ev_clear_pending(transfer->origin->engine->loop, &transfer->offer);
    if (transfer->easy != NULL)
        take_back(transfer);
    free_extra_headers(transfer);
}

void http_transfer_free(struct http_transfer **ptransfer)
{
    struct http_transfer *transfer = *ptransfer;

    if (transfer == NULL)
        return;
    *ptransfer = NULL;
    buf_deinit(&transfer->body);
    buf_deinit(&transfer->upload);
    free(transfer);
}

bool http_transfer_has_left(const struct http_transfer *transfer)
{
    long bytes = 0;

    if (transfer->easy != NULL)
        curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

static struct http_answer judge(struct http_transfer *transfer, CURLcode code)
{
    struct http_answer answer = {.outcome = HTTP_ANSWERED};
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (unsigned)status;
    answer.may_have_arrived = http_transfer_has_left(transfer);
    if (transfer->body.is_over) {
        answer.outcome = HTTP_TOO_LARGE;
    } else if (code != CURLE_OK && transfer->discarded <= DISCARD_BYTES_MAX) {
        answer.outcome = HTTP_FAILED;
        answer.is_own_fault = code == CURLE_COULDNT_CONNECT && transfer->socket_errno != 0;
        answer.reason = answer.is_own_fault           ? strerror(transfer->socket_errno)
                        : transfer->reason[0] != '\0' ? transfer->reason
                                                      : curl_easy_strerror(code);
    } else if (!transfer->has_whole_head) {
        answer.outcome = HTTP_FAILED;
        answer.reason = "the answer broke off within its head";
    } else {
        answer.body = buf_span(&transfer->body);
    }
    return answer;
}

static void send_again(struct http_transfer *transfer)
{
    transfer->is_desynced = false;
    transfer->has_whole_head = false;
    take_back(transfer);
    http_transfer_send(transfer, transfer->asks_name);
}

/* Ends every transfer that is over. done may start others or stop any, so the list of libcurl is
 * asked anew each time. */
static void harvest(struct http_engine *engine)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(engine->multi, &left)) != NULL) {
        CURLcode code = msg->data.result;
        struct http_transfer *transfer = NULL;
        struct http_answer answer;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        if (transfer->is_desynced) {
            send_again(transfer);
            continue;
        }
        if (code == CURLE_OK)
            remember_fd(engine, transfer);
        if (code == CURLE_OK || code == CURLE_COULDNT_CONNECT)
            transfer->events.reached(transfer->events.arg, code == CURLE_OK);
        answer = judge(transfer, code);
        transfer->events.done(transfer->events.arg, &answer); /* both are gone from here on */
    }
}

/* Hands what has come to the stream's reader, outside of libcurl's callbacks. */
static void on_offer(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct http_transfer *transfer = w->data;
    size_t used;

    (void)loop;
    (void)revents;
    transfer->is_blocked = false;
    used = transfer->events.data(transfer->events.arg, buf_span(&transfer->body),
                                 &transfer->is_blocked);
    buf_drop(&transfer->body, used);
    if (transfer->is_paused && !transfer->is_blocked) {
        transfer->is_paused = false;
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT); /* may call on_body() */
    }
}

void http_transfer_go_on(struct http_transfer *transfer)
{
    ev_feed_event(transfer->origin->engine->loop, &transfer->offer, EV_CUSTOM);
}

struct http_transfer *http_transfer_new(struct http_origin *origin,
                                        const struct http_request *request,
                                        const struct http_transfer_events *events)
{
    size_t target_bytes = strlen(request->target) + 1;
    struct http_transfer *transfer = xmalloc(sizeof(*transfer) + target_bytes);

    *transfer = (struct http_transfer){
        .origin = origin,
        .events = *events,
        .method = request->method,
        .excerpt_max = request->excerpt_max < origin->max_response ? request->excerpt_max
                                                                   : origin->max_response,
    };
    memcpy(transfer->target, request->target, target_bytes);
    buf_init(&transfer->body, origin->max_response);
    ev_prepare_init(&transfer->offer, on_offer);
    transfer->offer.data = transfer;
    buf_init(&transfer->upload, SIZE_MAX);
    buf_add(&transfer->upload, request->body);
    if (request->method != NULL) {
        add_extra_header(transfer, "Content-Type: application/json");
        add_extra_header(transfer, "Expect:"); /* no waiting for a 100 before large bodies */
    }
    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        add_extra_header(transfer, request->headers[i]);
    return transfer;
}

/* Origins */

static bool has_name(const struct http_origin *origin)
{
    unsigned char address[sizeof(struct in6_addr)];
    char *host = NULL;
    bool is_name;

    if (origin->unix_socket != NULL ||
        curl_url_get(origin->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    is_name = *host != '[' && inet_pton(AF_INET, host, address) != 1;
    curl_free(host);
    return is_name;
}

/* CURLOPT_USERAGENT would be printed into a line of its own for each request, and then again. */
static struct curl_slist *headers_new(const struct http_site_config *config)
{
    struct curl_slist *headers = NULL;

    for (size_t i = 0; i < config->header_count; i++)
        headers = curl_slist_append(headers, config->headers[i]);
    return curl_slist_append(headers, "User-Agent: podop/" PODOP_VERSION);
}

struct http_origin *http_origin_open(struct http_engine *engine,
                                     const struct http_site_config *config, struct error *err)
{
    struct http_origin *origin = xcalloc(1, sizeof(*origin));
    CURLUcode code;

    origin->engine = engine;
    origin->url = curl_url();
    code = curl_url_set(origin->url, CURLUPART_URL, config->base, 0);
    if (code != CURLUE_OK) {
        error_set(err, ERR_CONFIG, "'%s': %s", config->base, curl_url_strerror(code));
        curl_url_cleanup(origin->url);
        free(origin);
        return NULL;
    }
    origin->headers = headers_new(config);
    origin->unix_socket = config->unix_socket == NULL ? NULL : xstrdup(config->unix_socket);
    origin->has_name = has_name(origin);
    origin->connect_timeout_ms = config->connect_timeout_ms;
    origin->max_response = config->max_response;
    origin->tls = config->tls;
    return origin;
}

void http_origin_shrink(struct http_origin *origin)
{
    free_spare(origin, origin->spare_count);
}

/* Any of them may be a secret. */
static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h != NULL; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(headers);
}

void http_origin_close(struct http_origin **porigin)
{
    struct http_origin *origin = *porigin;

    if (origin == NULL)
        return;
    *porigin = NULL;
    free_spare(origin, origin->spare_count);
    free(origin->spare);
    free_headers(origin->headers);
    curl_url_cleanup(origin->url);
    free(origin->unix_socket);
    free(origin);
}

/* The whole */

/* libcurl's own limit must never close a connection that the pools allow. */
static void allow_connections(struct http_engine *engine)
{
    curl_multi_setopt(engine->multi, CURLMOPT_MAXCONNECTS, (long)engine->connections_max);
}

static void multi_open(struct http_engine *engine)
{
    engine->multi = curl_multi_init();
    if (engine->multi == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(engine->multi, CURLMOPT_SOCKETDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(engine->multi, CURLMOPT_TIMERDATA, engine);
    curl_multi_setopt(engine->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    allow_connections(engine);
}

static void multi_close(struct http_engine *engine)
{
    curl_multi_cleanup(engine->multi); /* and every kept connection */
    ev_timer_stop(engine->loop, &engine->timer);
    ev_clear_pending(engine->loop, &engine->kick);
}

void http_engine_hang_up(struct http_engine *engine)
{
    multi_close(engine); /* libcurl closes kept connections only when it is called */
    multi_open(engine);
}

void http_engine_keep(struct http_engine *engine, size_t connections, uint32_t idle_timeout_ms)
{
    engine->connections_max = connections;
    engine->idle_timeout_ms = idle_timeout_ms;
    allow_connections(engine);
}

struct http_engine *http_engine_new(struct ev_loop *loop, struct error *err)
{
    struct http_engine *engine;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERR_SYSTEM, "libcurl cannot be initialised");
        return NULL;
    }
    if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0) {
        error_set(err, ERR_SYSTEM, "this libcurl resolves names only by blocking: %s",
                  curl_version());
        curl_global_cleanup();
        return NULL;
    }
    engine = xcalloc(1, sizeof(*engine));
    engine->loop = loop;
    ev_init(&engine->timer, on_timer_ready);
    ev_init(&engine->kick, on_kick);
    ev_set_priority(&engine->kick, PRIORITY_HTTP);
    engine->timer.data = engine->kick.data = engine;
    multi_open(engine);
    return engine;
}

void http_engine_free(struct http_engine **pengine)
{
    struct http_engine *engine = *pengine;

    if (engine == NULL)
        return;
    *pengine = NULL;
    multi_close(engine);
    http_kept_deinit(&engine->kept);
    free(engine);
    curl_global_cleanup();
}

const char *http_engine_library(void)
{
    return curl_version();
}
