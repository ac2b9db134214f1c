/* http_call.c - calls: their requests, their turn, their deadline, and what an answer means.
 *
 * How many connections a host gets is decided by a queue of our own and not by libcurl's
 * CURLMOPT_MAX_HOST_CONNECTIONS: its list of pending transfers costs up to a third of the
 * throughput with 7.88 and nine tenths with 8.14. */
#include "http_exchange.h"
#include "http_private.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

enum {
    DISCARD_BYTES_MAX = 65536, /* of a body that nobody wants, read to keep its connection */
    GIVE_WAY_MS = 250,         /* a stream that is blocked for so long ends when others wait, or */
    GIVE_WAY_SHARE = 4,        /* after this share of its patience, when that is less */
};

struct http_call {
    struct http_exchange exchange;
    struct http_site *site;
    struct http_queue *lane;
    struct http_call *next, **prev_next; /* in the host's queue; prev_next is NULL outside of it */
    bool is_in_flight;
    http_done_fn *done;
    void *arg;
    uint64_t started_at_ms, sent_at_ms;
    struct deadline deadline;
    struct buf request; /* may hold secrets */
    struct buf body;    /* what of it is wanted, and not used yet */
    size_t discarded;
    size_t excerpt_max; /* see http_request */
    bool is_write;
    bool is_fresh; /* see http_request */
    bool was_resent;
    http_data_fn *data;        /* NULL: no stream */
    ev_prepare offer;          /* never started, only fed: what has come is offered to data */
    uint32_t patience_ms;      /* of a stream, for each further part */
    http_wanted_fn *is_wanted; /* NULL: always */
    http_wanted_fn *is_unread; /* NULL: never */
    enum http_outcome unsent;  /* why it ends, as long as nothing was sent */
    bool is_streaming;         /* a 200's body has begun */
    bool is_blocked;           /* by data */
    struct http_call *next_blocked, **prev_next_blocked; /* NULL outside of the lane's list */
    bool gives_way;                                      /* it has been blocked for long */
    struct deadline blocked_for;                         /* runs until then */
};

/* Requests */

static void add_line(struct buf *request, struct span text)
{
    buf_add(request, text);
    buf_add(request, SPAN("\r\n"));
}

/* Or somewhat more. */
static size_t request_bytes(const struct http_call *call, const struct http_request *request)
{
    enum { FIELDS_BYTES = 128 }; /* method, Content-Type, Content-Length, and ends of lines */
    size_t bytes =
        call->site->head.len + strlen(request->target) + request->body.len + FIELDS_BYTES;

    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        bytes += strlen(request->headers[i]) + strlen("\r\n");
    return bytes;
}

/* What all requests of a site have in common was printed when it was opened. There is room from the
 * beginning: a buffer that has to grow leaves what it held behind, where nobody wipes it. */
static void print_request(struct http_call *call, const struct http_request *request)
{
    const struct span head = buf_span(&call->site->head);
    const struct span target = span_of(request->target);
    struct buf *out = &call->request;

    buf_init(out, SIZE_MAX);
    buf_reserve(out, request_bytes(call, request));
    buf_add(out, request->method == NULL ? SPAN("GET") : span_of(request->method));
    buf_add_char(out, ' ');
    buf_add(out, target);
    buf_add(out, head);
    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        add_line(out, span_of(request->headers[i]));
    if (call->is_write)
        add_line(out, SPAN("Content-Type: application/json"));
    if (request->body.len > 0) {
        buf_add(out, SPAN("Content-Length: "));
        buf_add_uint(out, request->body.len);
        buf_add(out, SPAN("\r\n"));
    }
    buf_add(out, SPAN("\r\n"));
    buf_add(out, request->body);
    call->exchange.request = buf_span(out);
}

/* The queue */

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

static void send_now(struct http_call *call)
{
    call->sent_at_ms = turns_now_ms(call->site->http->turns);
    call->is_in_flight = true;
    call->lane->in_flight++;
    call->site->http->in_flight++;
    http_exchange_start(&call->exchange, call->site, call->is_fresh);
}

/* The oldest stream that nobody reads makes place for who waits. Its owner is told from the loop.
 */
static void make_place(struct http *http, struct http_queue *lane)
{
    struct http_call *call = lane->blocked;

    if (lane->in_flight < http->pool.max_connections)
        return;
    while (call != NULL && !(call->gives_way && call->is_unread(call->arg)))
        call = call->next_blocked;
    if (call == NULL)
        return;
    call->unsent = HTTP_UNREAD;
    deadline_end(&call->deadline, http->loop);
}

static void leave_blocked(struct http_call *call)
{
    deadline_stop(&call->blocked_for);
    call->gives_way = false;
    if (call->prev_next_blocked == NULL)
        return;
    *call->prev_next_blocked = call->next_blocked;
    if (call->next_blocked != NULL)
        call->next_blocked->prev_next_blocked = call->prev_next_blocked;
    else
        call->lane->blocked_last = call->prev_next_blocked;
    call->prev_next_blocked = NULL;
}

static void start_blocked_for(struct http_call *call)
{
    const uint32_t share_ms = call->patience_ms / GIVE_WAY_SHARE;

    deadline_start_in(&call->blocked_for, call->site->http->loop,
                      share_ms < GIVE_WAY_MS ? share_ms : GIVE_WAY_MS);
}

static void join_blocked(struct http_call *call)
{
    if (call->prev_next_blocked != NULL)
        return;
    call->next_blocked = NULL;
    call->prev_next_blocked = call->lane->blocked_last;
    *call->lane->blocked_last = call;
    call->lane->blocked_last = &call->next_blocked;
    start_blocked_for(call);
}

static void on_blocked_for(void *arg)
{
    struct http_call *call = arg;

    if (call->is_unread == NULL || !call->is_unread(call->arg)) {
        start_blocked_for(call); /* it waits for something else */
        return;
    }
    call->gives_way = true;
    if (call->lane->waiting != NULL)
        make_place(call->site->http, call->lane);
}

static void send_waiting(struct http *http, struct http_queue *lane)
{
    while (lane->waiting != NULL && lane->in_flight < http->pool.max_connections) {
        struct http_call *call = lane->waiting;

        dequeue(call);
        if (call->is_wanted == NULL || call->is_wanted(call->arg)) {
            send_now(call);
        } else {
            call->unsent = HTTP_UNWANTED;
            deadline_end(&call->deadline, http->loop);
        }
    }
    if (lane->waiting != NULL)
        make_place(http, lane);
}

void http_call_send_waiting(struct http *http, struct http_host *host)
{
    send_waiting(http, &host->calls);
    send_waiting(http, &host->streams);
}

/* The end of a call */

/* Takes call off the wire or out of the queue: then nothing leads to it but its owner. */
static void detach(struct http_call *call)
{
    struct http *http = call->site->http;

    deadline_stop(&call->deadline);
    if (call->data != NULL) {
        ev_clear_pending(http->loop, &call->offer);
        leave_blocked(call);
    }
    if (call->prev_next != NULL)
        dequeue(call);
    if (!call->is_in_flight)
        return;
    http_exchange_stop(&call->exchange);
    call->is_in_flight = false;
    call->lane->in_flight--;
    if (--http->in_flight == 0)
        http_idle_start_timer(http);
    send_waiting(http, call->lane);
}

static void wipe_request(struct http_call *call)
{
    if (call->request.cap > 0)
        explicit_bzero(call->request.ptr, call->request.cap);
    buf_deinit(&call->request);
}

static void call_free(struct http_call *call)
{
    buf_deinit(&call->body);
    wipe_request(call);
    free(call);
}

static void finish(struct http_call *call, const struct http_answer *answer)
{
    detach(call);
    call->done(call->arg, answer); /* the site may be gone from here on */
    call_free(call);
}

/* When it was sent too late, the server is not to blame. */
static bool was_queued(const struct http_call *call)
{
    const uint64_t now_ms = turns_now_ms(call->site->http->turns);

    return !call->is_in_flight || (!call->is_streaming && call->sent_at_ms - call->started_at_ms >
                                                              now_ms - call->sent_at_ms);
}

static void on_deadline(void *arg)
{
    struct http_call *call = arg;

    finish(call, &(struct http_answer){
                     .outcome = call->is_in_flight && call->unsent != HTTP_UNREAD ? HTTP_TIMED_OUT
                                                                                  : call->unsent,
                     .may_have_arrived = call->exchange.may_have_arrived,
                     .is_local_failure = was_queued(call),
                     .was_resent = call->was_resent,
                 });
}

/* Answers */

/* Hands what has come to the stream's reader. */
static void offer(struct http_call *call)
{
    struct ev_loop *loop = call->site->http->loop;
    size_t used;

    call->is_blocked = false;
    used = call->data(call->arg, buf_span(&call->body), &call->is_blocked);
    buf_drop(&call->body, used);
    if (call->is_blocked) {
        deadline_stop(&call->deadline); /* it is not the server that we wait for */
        join_blocked(call);
        return;
    }
    leave_blocked(call);
    deadline_start_in(&call->deadline, loop, call->patience_ms);
}

/* What its reader leaves of all that has come is the beginning of what it wants next. */
static bool is_too_large(const struct http_call *call)
{
    return call->body.is_over || (!call->is_blocked && call->body.len > call->site->max_response);
}

static void on_offer(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct http_call *call = w->data;

    (void)loop;
    (void)revents;
    if (!call->is_blocked || call->unsent == HTTP_UNREAD)
        return; /* the server has all the time that it had, and no more; or it is about to end */
    offer(call);
    if (is_too_large(call))
        finish(call, &(struct http_answer){.outcome = HTTP_TOO_LARGE, .status = 200});
    else if (!call->is_blocked)
        http_exchange_go_on(&call->exchange);
}

static bool is_wanted_body(const struct http_call *call, unsigned status)
{
    return status == 200 && !call->is_write;
}

/* The beginning of what nobody but people wants to see. */
static void keep_excerpt(struct http_call *call, struct span bytes)
{
    const size_t room = call->excerpt_max - call->body.len;

    buf_add(&call->body, (struct span){bytes.ptr, bytes.len < room ? bytes.len : room});
}

/* Its reader is called once for all that came together, however many chunks that is. */
static enum http_take take_stream(struct http_call *call, bool is_all)
{
    call->is_streaming = true;
    if (!is_all)
        return HTTP_TAKE_MORE;
    if (!call->is_blocked)
        offer(call);
    if (is_too_large(call))
        return HTTP_TAKE_ENOUGH;
    return call->is_blocked ? HTTP_TAKE_PAUSE : HTTP_TAKE_MORE;
}

static enum http_take on_body(struct http_exchange *ex, unsigned status, struct span bytes,
                              bool is_all)
{
    struct http_call *call = CONTAINER_OF(ex, struct http_call, exchange);

    if (!is_wanted_body(call, status)) {
        keep_excerpt(call, bytes);
        call->discarded += bytes.len;
        return call->discarded > DISCARD_BYTES_MAX ? HTTP_TAKE_ENOUGH : HTTP_TAKE_MORE;
    }
    buf_add(&call->body, bytes);
    if (call->data != NULL)
        return take_stream(call, is_all);
    return call->body.is_over ? HTTP_TAKE_ENOUGH : HTTP_TAKE_MORE;
}

/* The body, mostly all of it in last, which then is not copied. */
static struct span whole_body(struct http_call *call, struct span last)
{
    if (call->data == NULL && call->body.len == 0 && last.len <= call->body.max)
        return last;
    buf_add(&call->body, last);
    if (call->data != NULL && !call->is_blocked)
        offer(call);
    return buf_span(&call->body);
}

static void on_end(struct http_exchange *ex, enum http_end end, unsigned status, struct span last,
                   const char *reason)
{
    struct http_call *call = CONTAINER_OF(ex, struct http_call, exchange);
    struct http_answer answer = {.outcome = HTTP_ANSWERED,
                                 .status = status,
                                 .reason = reason,
                                 .may_have_arrived = ex->may_have_arrived,
                                 .is_refused = end == HTTP_END_REFUSED,
                                 .was_resent = call->was_resent};

    switch (end) {
    case HTTP_END_STALE: /* only a lookup goes over a kept connection: it may be sent again */
        call->was_resent = true;
        http_exchange_start(ex, call->site, true);
        return;
    case HTTP_END_WHOLE:
        if (!is_wanted_body(call, status))
            keep_excerpt(call, last);
        answer.body = is_wanted_body(call, status) ? whole_body(call, last) : buf_span(&call->body);
        break;
    case HTTP_END_ENOUGH: answer.body = buf_span(&call->body); break;
    case HTTP_END_NO_SOCKET: answer.is_local_failure = true; /* fall through */
    case HTTP_END_REFUSED:
    case HTTP_END_BROKEN: answer.outcome = HTTP_FAILED; break;
    }
    if (is_too_large(call))
        answer.outcome = HTTP_TOO_LARGE;
    finish(call, &answer);
}

/* Starting */

void http_go_on(struct http_call *call)
{
    ev_feed_event(call->site->http->loop, &call->offer, EV_CUSTOM);
}

struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg)
{
    struct http_call *call = xmalloc(sizeof(*call));

    *call = (struct http_call){
        .exchange = {.on_body = on_body, .on_end = on_end, .is_alone = request->method != NULL},
        .site = site,
        .lane = request->data == NULL ? &site->host->calls : &site->host->streams,
        .done = done,
        .arg = arg,
        .started_at_ms = turns_now_ms(site->http->turns),
        .is_write = request->method != NULL,
        .is_fresh = request->is_fresh,
        .data = request->data,
        .patience_ms = request->patience_ms,
        .is_wanted = request->is_wanted,
        .is_unread = request->is_unread,
        .unsent = HTTP_TIMED_OUT,
        .excerpt_max =
            request->excerpt_max < site->max_response ? request->excerpt_max : site->max_response,
    };
    buf_init(&call->body,
             request->data == NULL ? site->max_response : site->max_response + HTTP_RECEIVE_BYTES);
    print_request(call, request);
    ev_prepare_init(&call->offer, on_offer);
    call->offer.data = call;
    deadline_init(&call->deadline, on_deadline, call);
    deadline_start(&call->deadline, site->http->loop, request->deadline_at_ms);
    if (call->data != NULL)
        deadline_init(&call->blocked_for, on_blocked_for, call);
    if (call->lane->waiting_count < site->http->pool.max_waiting) {
        enqueue(call);
        send_waiting(site->http, call->lane);
    } else {
        call->unsent = HTTP_QUEUE_FULL;
        deadline_end(&call->deadline, site->http->loop);
    }
    return call;
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
