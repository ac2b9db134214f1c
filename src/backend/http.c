/* http.c - the only door to libcurl. Easy handles on one multi handle, driven by libev: libcurl
 * says which sockets and which timer to watch, and is called back from the loop, never from inside
 * of its own callbacks.
 *
 * How many connections a host gets is decided here, by a queue per host, and not by libcurl's
 * CURLMOPT_MAX_HOST_CONNECTIONS: its list of pending transfers costs up to a third of the
 * throughput with 7.88 and nine tenths with 8.14. */
#include "podop/http.h"

#include "http_kept.h"
#include "http_tls.h"
#include "podop/buf.h"
#include "podop/clock.h"
#include "podop/hash.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <curl/curl.h>
#include <ev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    KEPT_FDS = 65536,
    HANDLES_TRIM_CALLS = 1024, /* handles that so many calls could do without are freed */
    RECEIVE_BYTES = 16384,     /* libcurl's buffer for one read */
    DISCARD_BYTES_MAX = 65536, /* of a body that nobody wants, read to keep its connection */
    /* A new address is followed within the sum, however busy the connections to the old one are. */
    NAME_LIFE_S = 30,
    CONNECTION_LIFE_S = 30, /* where there is a name */
};

/* So many of pool.max_connections are in use; who comes then has to wait. */
struct http_lane {
    uint32_t in_flight;
    uint32_t waiting_count;
    struct http_call *waiting, **waiting_last; /* oldest first */
};

/* All calls to one host, whichever site they come from. */
struct http_host {
    struct http_host *next;
    char *name; /* base URL, unix socket, and what tells TLS settings apart */
    size_t unix_socket_len;
    unsigned sites;
    bool is_unreachable; /* its name may have another address by now */
    struct http_lane calls;
    struct http_lane streams; /* apart: one that is blocked may be waiting for ordinary calls */
};

struct http {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;  /* libcurl's own */
    ev_prepare kick; /* never started, only fed: libcurl wants to be called at once */
    ev_timer idle;   /* runs while nothing is in flight: then the kept connections are closed */
    struct http_host *hosts;
    struct http_site *sites;
    struct pool_config pool;
    struct hash_key tls_key; /* of the names of hosts */
    uint32_t in_flight;
    int kept_fd[KEPT_FDS]; /* of the connection between two ports, by its last call; 0: none */
    struct http_kept kept; /* those over unix sockets */
};

struct http_site {
    struct http *http;
    struct http_host *host;
    CURLU *url;
    char *unix_socket;
    struct curl_slist *headers;
    struct http_tls tls;
    uint32_t connect_timeout_ms;
    bool has_name; /* and no address */
    size_t max_response;
    CURL **spare; /* handles for the next calls, until the pool falls idle; as many as were in use
                   * at the same time, so the pool bounds them */
    size_t spare_count, spare_room;
    size_t spare_unused;                 /* the fewest that were left since the last trim */
    unsigned calls;                      /* since then */
    struct http_site *next, **prev_next; /* of all */
};

struct http_call {
    struct http_site *site;
    struct http_lane *lane;
    struct http_call *next, **prev_next; /* in the host's queue; prev_next is NULL outside of it */
    CURL *easy;                          /* NULL while it waits in the queue */
    http_done_fn *done;
    void *arg;
    uint64_t started_at_ms, sent_at_ms;
    ev_timer deadline;
    int socket_errno; /* why no socket could be had; 0: no such thing */
    struct buf body;
    size_t discarded;
    bool is_desynced;    /* its connection held bytes that nobody asked for: it goes out again */
    bool has_whole_head; /* the line that ends the headers came */
    char reason[CURL_ERROR_SIZE];
    const char *method;         /* NULL: GET */
    struct curl_slist *headers; /* NULL: the site's are all */
    struct buf upload;
    http_data_fn *data;        /* NULL: no stream */
    ev_prepare offer;          /* never started, only fed: what has come is offered to data */
    ev_tstamp patience;        /* of a stream, for each further part */
    http_wanted_fn *is_wanted; /* NULL: always */
    enum http_outcome unsent;  /* why it ends, as long as nothing was sent */
    size_t excerpt_max;
    bool is_streaming; /* a 200's body has begun */
    bool is_blocked;   /* by data */
    bool is_paused;    /* libcurl keeps what it reads, until it is told to go on */
    char target[];
};

struct http_socket {
    struct http *http;
    ev_io io;
};

static void harvest(struct http *http);

/* Sockets and timers */

static void socket_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct http_socket *s = w->data;
    struct http *http = s->http;
    int what =
        (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    curl_multi_socket_action(http->multi, w->fd, what, &running); /* may free s */
    harvest(http);
}

/* libcurl: watch fd from now on for what, or no more. Never calls libcurl's transfers from here. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct http *http = arg;
    struct http_socket *s = socket_arg;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            ev_io_stop(http->loop, &s->io);
            curl_multi_assign(http->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    if (s == NULL) {
        s = xmalloc(sizeof(*s));
        s->http = http;
        ev_init(&s->io, socket_ready);
        s->io.data = s;
        curl_multi_assign(http->multi, fd, s);
        http_kept_remove(&http->kept, fd);
    }
    ev_io_stop(http->loop, &s->io);
    ev_io_set(&s->io, fd, events);
    ev_io_start(http->loop, &s->io);
    return 0;
}

static void time_out(struct http *http)
{
    int running;

    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    harvest(http);
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
    struct http *http = arg;

    (void)multi;
    ev_timer_stop(http->loop, &http->timer);
    if (timeout_ms == 0) {
        ev_feed_event(http->loop, &http->kick, EV_CUSTOM);
    } else if (timeout_ms > 0) {
        ev_timer_set(&http->timer, (double)timeout_ms / 1000.0, 0.0);
        ev_timer_start(http->loop, &http->timer);
    }
    return 0;
}

/* Handles */

/* The beginning of what nobody but people wants to see. */
static void keep_excerpt(struct http_call *call, struct span bytes)
{
    size_t room = call->excerpt_max - call->body.len;

    buf_add(&call->body, (struct span){bytes.ptr, bytes.len < room ? bytes.len : room});
}

static size_t on_body(char *bytes, size_t one, size_t len, void *arg)
{
    struct http_call *call = arg;
    long status = 0;

    (void)one; /* always 1, says libcurl */
    if (call->body.len == 0 || call->excerpt_max > 0)
        curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    if (call->excerpt_max > 0 && status != 200) {
        keep_excerpt(call, (struct span){bytes, len});
    } else if (call->body.len > 0 || (status == 200 && call->method == NULL) ||
               call->is_streaming) {
        if (call->data != NULL && call->body.len > 0 &&
            (call->is_blocked || ev_is_pending(&call->offer))) {
            call->is_paused = true;
            return CURL_WRITEFUNC_PAUSE;
        }
        buf_add(&call->body, (struct span){bytes, len});
        if (call->data != NULL) {
            call->is_streaming = true;
            ev_feed_event(call->site->http->loop, &call->offer, EV_CUSTOM);
        }
        return call->body.is_over ? 0 : len; /* less than len ends the transfer */
    }
    call->discarded += len;
    return call->discarded > DISCARD_BYTES_MAX ? 0 : len;
}

/* Called for each line, of trailers as well. libcurl 7.88 takes a head that is cut off for an
 * answer; we must not. */
static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
    struct http_call *call = arg;

    (void)one;
    if (*line == '\r' || *line == '\n')
        call->has_whole_head = true;
    else if (span_starts_with((struct span){line, len}, SPAN("HTTP/"))) /* after a 100, another */
        call->has_whole_head = false;
    return len;
}

static int *kept_fd(struct http *http, long remote_port, long local_port)
{
    return &http->kept_fd[(size_t)(remote_port * 31 + local_port) % KEPT_FDS];
}

/* libcurl before 8.0 asks on a kept connection even where unasked bytes wait to be read, and takes
 * them for the answer. Such a connection is given up before anything is sent, and the call sent
 * again. We know its descriptor from the last call on it, and only peek. Unix sockets have no
 * ports: see http_kept.h. */
static int on_connected(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    struct http_call *call = arg;
    int fd = *kept_fd(call->site->http, remote_port, local_port);
    long connects = 1;
    char byte;

    (void)remote_ip;
    (void)local_ip;
    curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    if (connects > 0 || fd <= 0 || call->site->unix_socket != NULL ||
        recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1)
        return CURL_PREREQFUNC_OK;
    call->is_desynced = true;
    return CURL_PREREQFUNC_ABORT;
}

static int on_close(void *arg, curl_socket_t fd)
{
    struct http *http = arg;

    http_kept_remove(&http->kept, fd);
    return close(fd);
}

static void remember_fd(struct http *http, const struct http_call *call)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    long remote_port = 0;
    long local_port = 0;

    curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
    if (call->site->unix_socket != NULL) {
        if (fd != CURL_SOCKET_BAD)
            http_kept_add(&http->kept, fd);
        return;
    }
    curl_easy_getinfo(call->easy, CURLINFO_PRIMARY_PORT, &remote_port);
    curl_easy_getinfo(call->easy, CURLINFO_LOCAL_PORT, &local_port);
    *kept_fd(http, remote_port, local_port) = fd;
}

/* As libcurl would, but for what it does not tell: whose fault it is that there is none. */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct http_call *call = arg;
    int fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);

    (void)purpose;
    if (fd == -1 && errno != EAFNOSUPPORT)
        call->socket_errno = errno;
    return fd == -1 ? CURL_SOCKET_BAD : fd;
}

static CURL *easy_new(struct http_site *site)
{
    CURL *easy = curl_easy_init();

    if (easy == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_easy_setopt(easy, CURLOPT_CURLU, site->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, site->headers);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* never waits for a resolver's thread */
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)site->connect_timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (site->unix_socket != NULL) {
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, site->unix_socket);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, site->http);
    }
    if (site->has_name)
        curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)CONNECTION_LIFE_S);
    http_tls_set(easy, &site->tls); /* libcurl shares no connection between certificates */
    return easy;
}

static CURL *easy_take(struct http_site *site)
{
    if (site->spare_count == 0)
        return easy_new(site);
    if (--site->spare_count < site->spare_unused)
        site->spare_unused = site->spare_count;
    return site->spare[site->spare_count];
}

static void free_spare(struct http_site *site, size_t count)
{
    while (count-- > 0)
        curl_easy_cleanup(site->spare[--site->spare_count]);
    site->spare_unused = site->spare_count;
}

/* A burst must not leave its handles behind, steady traffic must not make them anew. */
static void trim_spare(struct http_site *site)
{
    if (++site->calls < HANDLES_TRIM_CALLS)
        return;
    free_spare(site, site->spare_unused);
    site->calls = 0;
}

static void easy_give_back(struct http_site *site, CURL *easy)
{
    if (site->spare_count == site->spare_room) {
        site->spare_room = 2 * site->spare_room + 1;
        site->spare = xreallocarray(site->spare, site->spare_room, sizeof(*site->spare));
    }
    site->spare[site->spare_count++] = easy;
    trim_spare(site);
}

/* Calls */

static void dequeue(struct http_call *call)
{
    *call->prev_next = call->next;
    if (call->next != NULL)
        call->next->prev_next = call->prev_next;
    else
        call->lane->waiting_last = call->prev_next;
    call->prev_next = NULL;
    call->lane->waiting_count--;
}

static void enqueue(struct http_call *call)
{
    call->next = NULL;
    call->prev_next = call->lane->waiting_last;
    *call->lane->waiting_last = call;
    call->lane->waiting_last = &call->next;
    call->lane->waiting_count++;
}

/* A handle keeps its options from call to call: what differs is set each time, and set back. */
static void set_write(struct http_call *call)
{
    curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L); /* or they would fill the pool */
    if (call->upload.len == 0)
        return;
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE, (long)call->upload.len);
    curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->upload.ptr); /* makes it a POST */
}

static void unset_write(struct http_call *call, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
    if (call->upload.len > 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, -1L);
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
}

static void send_now(struct http_call *call)
{
    struct http_site *site = call->site;
    struct http *http = site->http;

    call->sent_at_ms = clock_coarse_ms();
    call->easy = easy_take(site);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    curl_easy_setopt(call->easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_PREREQDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_OPENSOCKETDATA, call);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, call->reason);
    curl_easy_setopt(call->easy, CURLOPT_REQUEST_TARGET, &call->target[0]);
    curl_easy_setopt(call->easy, CURLOPT_MAXAGE_CONN,
                     (long)(http->pool.idle_timeout_ms + 999) / 1000);
    if (site->has_name)
        curl_easy_setopt(call->easy, CURLOPT_DNS_CACHE_TIMEOUT,
                         site->host->is_unreachable ? 0L : (long)NAME_LIFE_S);
    if (call->headers != NULL)
        curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    if (call->method != NULL)
        set_write(call);
    if (site->unix_socket != NULL)
        http_kept_end_unusable(&http->kept);
    call->lane->in_flight++;
    http->in_flight++;
    ev_timer_stop(http->loop, &http->idle);
    curl_multi_add_handle(http->multi, call->easy); /* fails only for a handle misused */
}

static void send_waiting(struct http *http, struct http_lane *lane)
{
    while (lane->waiting != NULL && lane->in_flight < http->pool.max_connections) {
        struct http_call *call = lane->waiting;

        dequeue(call);
        if (call->is_wanted == NULL || call->is_wanted(call->arg)) {
            send_now(call);
        } else {
            call->unsent = HTTP_UNWANTED;
            ev_feed_event(http->loop, &call->deadline, EV_TIMER);
        }
    }
}

/* The handle is as it was before the call. */
static void take_back(struct http_call *call)
{
    struct http_site *site = call->site;

    curl_multi_remove_handle(site->http->multi, call->easy); /* closes what is not at its end */
    if (call->method != NULL)
        unset_write(call, call->easy);
    if (call->headers != NULL)
        curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, site->headers);
    curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, NULL); /* the call's, and it may end here */
    easy_give_back(site, call->easy);
    call->easy = NULL;
}

/* Takes call off the wire or out of the queue: then nothing leads to it but its owner. */
static void detach(struct http_call *call)
{
    struct http *http = call->site->http;

    ev_timer_stop(http->loop, &call->deadline);
    ev_clear_pending(http->loop, &call->offer);
    if (call->easy == NULL) {
        if (call->prev_next != NULL)
            dequeue(call);
        return;
    }
    take_back(call);
    call->lane->in_flight--;
    if (--http->in_flight == 0)
        ev_timer_again(http->loop, &http->idle);
    send_waiting(http, call->lane);
}

/* Those in front are the call's own, the site's follow in the same list. */
static void free_extra_headers(struct http_call *call)
{
    while (call->headers != NULL && call->headers != call->site->headers) {
        struct curl_slist *first = call->headers;

        call->headers = first->next;
        free(first->data);
        free(first);
    }
    call->headers = NULL;
}

static void add_extra_header(struct http_call *call, const char *text)
{
    struct curl_slist *first = xmalloc(sizeof(*first));

    first->data = xstrdup(text);
    first->next = call->headers == NULL ? call->site->headers : call->headers;
    call->headers = first;
}

static void call_free(struct http_call *call)
{
    buf_deinit(&call->body);
    buf_deinit(&call->upload);
    free_extra_headers(call);
    free(call);
}

static void finish(struct http_call *call, struct http_answer *answer)
{
    detach(call);
    free_extra_headers(call);
    call->done(call->arg, answer); /* the site may be gone from here on */
    call_free(call);
}

static bool was_sent(struct http_call *call)
{
    long bytes = 0;

    if (call->easy != NULL)
        curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

/* When it was sent too late, the server is not to blame. */
static bool was_queued(const struct http_call *call)
{
    return call->easy == NULL || (!call->is_streaming && call->sent_at_ms - call->started_at_ms >
                                                             clock_coarse_ms() - call->sent_at_ms);
}

static void on_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct http_call *call = w->data;

    (void)loop;
    (void)revents;
    finish(call, &(struct http_answer){
                     .outcome = call->easy == NULL ? call->unsent : HTTP_TIMED_OUT,
                     .may_have_arrived = was_sent(call),
                     .is_own_fault = was_queued(call),
                 });
}

static struct http_answer judge(struct http_call *call, CURLcode code)
{
    struct http_answer answer = {.outcome = HTTP_ANSWERED};
    long status = 0;

    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = (unsigned)status;
    answer.may_have_arrived = was_sent(call);
    if (call->body.is_over) {
        answer.outcome = HTTP_TOO_LARGE;
    } else if (code != CURLE_OK && call->discarded <= DISCARD_BYTES_MAX) {
        answer.outcome = HTTP_FAILED;
        answer.is_own_fault = code == CURLE_COULDNT_CONNECT && call->socket_errno != 0;
        answer.reason = answer.is_own_fault       ? strerror(call->socket_errno)
                        : call->reason[0] != '\0' ? call->reason
                                                  : curl_easy_strerror(code);
    } else if (!call->has_whole_head) {
        answer.outcome = HTTP_FAILED;
        answer.reason = "the answer broke off within its head";
    } else {
        answer.body = buf_span(&call->body);
    }
    return answer;
}

static void send_again(struct http_call *call)
{
    call->is_desynced = false;
    call->has_whole_head = false;
    take_back(call);
    call->lane->in_flight--;
    call->site->http->in_flight--;
    send_now(call);
}

/* Ends every call whose transfer is over. done may start calls or cancel any other, so the list of
 * libcurl is asked anew each time. */
static void harvest(struct http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        CURLcode code = msg->data.result;
        struct http_call *call = NULL;
        struct http_answer answer;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&call);
        if (call->is_desynced) {
            send_again(call);
            continue;
        }
        if (code == CURLE_OK)
            remember_fd(http, call);
        if (code == CURLE_OK || code == CURLE_COULDNT_CONNECT)
            call->site->host->is_unreachable = code != CURLE_OK;
        answer = judge(call, code);
        finish(call, &answer); /* msg is gone from here on */
    }
}

/* Hands what has come to the stream's reader, outside of libcurl's callbacks. */
static void on_offer(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct http_call *call = w->data;
    size_t used;

    (void)revents;
    call->is_blocked = false;
    used = call->data(call->arg, buf_span(&call->body), &call->is_blocked);
    buf_drop(&call->body, used);
    if (call->is_blocked) {
        ev_timer_stop(loop, &call->deadline); /* it is not the server that we wait for */
        return;
    }
    call->deadline.repeat = call->patience;
    ev_timer_again(loop, &call->deadline);
    if (call->is_paused) {
        call->is_paused = false;
        curl_easy_pause(call->easy, CURLPAUSE_CONT); /* may call on_body() */
    }
}

void http_go_on(struct http_call *call)
{
    ev_feed_event(call->site->http->loop, &call->offer, EV_CUSTOM);
}

struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg)
{
    struct http *http = site->http;
    size_t target_bytes = strlen(request->target) + 1;
    struct http_call *call = xmalloc(sizeof(*call) + target_bytes);
    uint64_t now_ms = clock_coarse_ms();
    uint64_t left_ms = request->deadline_at_ms > now_ms ? request->deadline_at_ms - now_ms : 0;

    *call = (struct http_call){
        .site = site,
        .lane = request->data == NULL ? &site->host->calls : &site->host->streams,
        .done = done,
        .arg = arg,
        .started_at_ms = now_ms,
        .method = request->method,
        .data = request->data,
        .patience = request->patience_ms / 1000.0,
        .is_wanted = request->is_wanted,
        .unsent = HTTP_TIMED_OUT,
        .excerpt_max =
            request->excerpt_max < site->max_response ? request->excerpt_max : site->max_response,
    };
    memcpy(call->target, request->target, target_bytes);
    buf_init(&call->body, site->max_response);
    /* libev counts from when the loop woke up, which may be a while ago. */
    ev_timer_init(&call->deadline, on_deadline,
                  (double)left_ms / 1000.0 + (ev_time() - ev_now(http->loop)), 0.0);
    ev_prepare_init(&call->offer, on_offer);
    call->deadline.data = call->offer.data = call;
    buf_init(&call->upload, SIZE_MAX);
    buf_add(&call->upload, request->body);
    if (request->method != NULL) {
        add_extra_header(call, "Content-Type: application/json");
        add_extra_header(call, "Expect:"); /* no waiting for a 100 before large bodies */
    }
    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        add_extra_header(call, request->headers[i]);
    ev_timer_start(http->loop, &call->deadline);
    if (call->lane->waiting_count < http->pool.max_waiting) {
        enqueue(call);
        send_waiting(http, call->lane);
    } else {
        call->unsent = HTTP_CROWDED;
        ev_feed_event(http->loop, &call->deadline, EV_TIMER);
    }
    return call;
}

void http_each_load(const struct http *http, http_load_fn *each, void *arg)
{
    for (const struct http_host *host = http->hosts; host != NULL; host = host->next) {
        const size_t url_len = strcspn(host->name, " ");
        const char *unix_socket = host->name + url_len + 1;

        each(arg, &(struct http_load){
                      .url = {host->name, url_len},
                      .unix_socket = {unix_socket, host->unix_socket_len},
                      .in_flight = host->calls.in_flight + host->streams.in_flight,
                      .waiting = (size_t)host->calls.waiting_count + host->streams.waiting_count,
                  });
    }
}

void http_cancel(struct http_call **pcall)
{
    struct http_call *call = *pcall;

    if (call == NULL)
        return;
    *pcall = NULL;
    detach(call);
    call_free(call);
}

/* Sites */

/* libcurl's own limit must never close a connection that the pools allow. */
static void allow_connections(struct http *http)
{
    long connections = 0;

    for (struct http_host *host = http->hosts; host != NULL; host = host->next)
        connections += 2 * (long)http->pool.max_connections; /* calls and streams */
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, connections);
}

static struct http_host *host_ref(struct http *http, const struct http_site_config *config)
{
    const char *unix_socket = config->unix_socket == NULL ? "" : config->unix_socket;
    struct http_host *host;
    struct buf name;

    buf_init(&name, SIZE_MAX);
    buf_add(&name, span_of(config->base));
    buf_add_char(&name, ' ');
    buf_add(&name, span_of(unix_socket));
    buf_add_char(&name, ' ');
    buf_add_uint(&name, hash_span(&http->tls_key, config->tls.ca));
    buf_add_char(&name, ' ');
    buf_add_uint(&name, hash_span(&http->tls_key, config->tls.cert));
    for (host = http->hosts; host != NULL; host = host->next) {
        if (strcasecmp(host->name, buf_string(&name)) == 0)
            break;
    }
    if (host == NULL) {
        host = xcalloc(1, sizeof(*host));
        host->name = xstrdup(buf_string(&name));
        host->unix_socket_len = strlen(unix_socket);
        host->calls.waiting_last = &host->calls.waiting;
        host->streams.waiting_last = &host->streams.waiting;
        host->next = http->hosts;
        http->hosts = host;
        allow_connections(http);
    }
    buf_deinit(&name);
    host->sites++;
    return host;
}

static void host_unref(struct http *http, struct http_host *host)
{
    struct http_host **link = &http->hosts;

    if (--host->sites > 0)
        return;
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    free(host->name);
    free(host);
}

static bool has_name(const struct http_site *site)
{
    unsigned char address[sizeof(struct in6_addr)];
    char *host = NULL;
    bool is_name;

    if (site->unix_socket != NULL || curl_url_get(site->url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
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

struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err)
{
    struct http_site *site = xcalloc(1, sizeof(*site));
    CURLUcode code;

    site->http = http;
    site->url = curl_url();
    code = curl_url_set(site->url, CURLUPART_URL, config->base, 0);
    if (code != CURLUE_OK) {
        error_set(err, ERR_CONFIG, "'%s': %s", config->base, curl_url_strerror(code));
        curl_url_cleanup(site->url);
        free(site);
        return NULL;
    }
    site->headers = headers_new(config);
    site->unix_socket = config->unix_socket == NULL ? NULL : xstrdup(config->unix_socket);
    site->has_name = has_name(site);
    site->connect_timeout_ms = config->connect_timeout_ms;
    site->max_response = config->max_response;
    site->tls = config->tls;
    site->host = host_ref(http, config);
    site->next = http->sites;
    site->prev_next = &http->sites;
    if (site->next != NULL)
        site->next->prev_next = &site->next;
    http->sites = site;
    return site;
}

static bool has_part(struct span all, struct span part)
{
    return part.len == 0 || span_equal(all, part);
}

bool http_uses_tls(const struct http *http, const struct http_tls *tls)
{
    for (const struct http_site *site = http->sites; site != NULL; site = site->next) {
        if (has_part(site->tls.ca, tls->ca) && has_part(site->tls.cert, tls->cert) &&
            has_part(site->tls.key, tls->key))
            return true;
    }
    return false;
}

/* Any of them may be a secret. */
static void free_headers(struct curl_slist *headers)
{
    for (struct curl_slist *h = headers; h != NULL; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(headers);
}

void http_site_close(struct http_site **psite)
{
    struct http_site *site = *psite;

    if (site == NULL)
        return;
    *psite = NULL;
    *site->prev_next = site->next;
    if (site->next != NULL)
        site->next->prev_next = site->prev_next;
    free_spare(site, site->spare_count);
    free(site->spare);
    host_unref(site->http, site->host);
    free_headers(site->headers);
    curl_url_cleanup(site->url);
    free(site->unix_socket);
    free(site);
}

/* The whole */

static void multi_open(struct http *http)
{
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    allow_connections(http);
}

static void multi_close(struct http *http)
{
    curl_multi_cleanup(http->multi); /* and every kept connection */
    ev_timer_stop(http->loop, &http->timer);
    ev_clear_pending(http->loop, &http->kick);
}

/* Nothing was asked for so long: libcurl closes kept connections only when it is called, so all of
 * them go with the multi handle that holds them, and what a burst left behind is given back. */
static void on_idle(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct http *http = w->data;

    (void)revents;
    ev_timer_stop(loop, w);
    for (struct http_site *site = http->sites; site != NULL; site = site->next)
        free_spare(site, site->spare_count);
    multi_close(http);
    multi_open(http);
    malloc_trim(0); /* a burst leaves tens of MiB behind that free() keeps */
}

struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err)
{
    struct http *http;

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
    http = xcalloc(1, sizeof(*http));
    http->loop = loop;
    hash_key_init_random(&http->tls_key);
    ev_init(&http->timer, on_timer_ready);
    ev_init(&http->kick, on_kick);
    ev_set_priority(&http->kick, PRIORITY_HTTP);
    ev_init(&http->idle, on_idle);
    http->timer.data = http->kick.data = http->idle.data = http;
    http_set_pool(http, pool);
    multi_open(http);
    return http;
}

void http_set_pool(struct http *http, const struct pool_config *pool)
{
    http->pool = *pool;
    http->idle.repeat = pool->idle_timeout_ms / 1000.0;
    if (http->multi == NULL)
        return;
    allow_connections(http);
    for (struct http_host *host = http->hosts; host != NULL; host = host->next) {
        send_waiting(http, &host->calls);
        send_waiting(http, &host->streams);
    }
}

void http_free(struct http **phttp)
{
    struct http *http = *phttp;

    if (http == NULL)
        return;
    *phttp = NULL;
    ev_timer_stop(http->loop, &http->idle);
    multi_close(http);
    http_kept_deinit(&http->kept);
    free(http);
    curl_global_cleanup();
}

const char *http_library(void)
{
    return curl_version();
}
