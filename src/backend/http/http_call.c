/* http_call.c - calls: their turn, their deadline, and what an answer means. */
#include "podop/http.h"

#include "http_exchange.h"
#include "http_idle.h"
#include "http_queue.h"
#include "http_request.h"
#include "http_types.h"

#include "podop/deadline.h"
#include "podop/deferred.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    DISCARD_BYTES_MAX = 65536, /* of an unwanted body that is read to reuse its connection */
    /* While others wait, a stream may be ended when it has been blocked for this long, or for
     * patience_ms / BLOCKED_SHARE if that is less. */
    BLOCKED_MS_MAX = 250,
    BLOCKED_SHARE = 4,
};

/*                        first part        its reader takes nothing
 *   STREAM_NOT_BEGUN ---------------> STREAM_READING <-----> STREAM_BLOCKED
 *                                                http_go_on()
 */
enum stream_state { STREAM_NOT_BEGUN, STREAM_READING, STREAM_BLOCKED };

struct http_call {
    struct http_turn turn;
    struct http_site *site;
    http_done_fn *done;
    void *arg;
    uint64_t started_at_ms, sent_at_ms;
    uint64_t sent_at_us; /* monotonic clock, as of the beginning of the turn */
    size_t discarded;    /* bytes of an unwanted body */
    size_t excerpt_max;  /* see http_request, as for the members without a comment */
    bool is_repeatable;
    bool reads_answer;
    bool is_fresh;
    bool was_resent;
    http_wanted_fn *is_wanted;
    enum http_outcome unsent; /* the outcome when it ends before anything was sent */
    /* Of a stream: */
    http_data_fn *data; /* NULL: it is not a stream, and none of the following is used */
    enum stream_state stream;
    uint32_t patience_ms;
    http_wanted_fn *is_unread;
    struct http_exchange exchange;
    /* Members from exchange.peer on are not zeroed, but initialised before they are used. */
    struct deadline deadline;
    struct buf request; /* may contain secrets */
    struct buf body;    /* what is wanted of the answer's body, and not used yet */
    /* Of a stream: */
    struct deferred offer;   /* to data, after http_go_on() */
    struct deadline blocked; /* until the stream may have to give up its place */
};

/* The end of a call */

/* Takes the call off its connection and out of the queue. Then only its owner refers to it. */
static void detach(struct http_call *call)
{
    struct http *http = call->site->http;

    deadline_stop(&call->deadline);
    if (call->data != NULL) {
        deferred_stop(&call->offer);
        deadline_stop(&call->blocked);
    }
    http_exchange_stop(&call->exchange);
    if (!http_turn_end(&call->turn))
        return;
    if (--http->in_flight == 0)
        http_idle_start_timer(http);
    http_queue_run(call->turn.queue);
}

static void call_free(struct http_call *call)
{
    buf_deinit(&call->body);
    http_request_wipe(&call->request);
    free(call);
}

static bool is_in_flight(const struct http_call *call)
{
    return call->turn.state == HTTP_TURN_IN_FLIGHT;
}

static enum http_counted counted_as(const struct http_answer *answer)
{
    switch (answer->outcome) {
    case HTTP_ANSWERED:
        return answer->status < 500 ? HTTP_COUNTED_ANSWERED : HTTP_COUNTED_SERVER_ERROR;
    case HTTP_FAILED: return HTTP_COUNTED_FAILED;
    case HTTP_TIMED_OUT: return HTTP_COUNTED_TIMEOUT;
    case HTTP_TOO_LARGE:
    case HTTP_ENCODED: return HTTP_COUNTED_UNUSABLE;
    case HTTP_QUEUE_FULL:
    case HTTP_UNWANTED: return HTTP_COUNTED_NOT_SENT;
    case HTTP_UNREAD: return HTTP_COUNTED_CANCELLED;
    }
    return HTTP_COUNTED_FAILED;
}

/* Counts the end of the call for its backend. Needs no clock: the time of the turn will do. */
static void count(const struct http_call *call, enum http_counted outcome)
{
    struct http_backend *backend = call->site->host->backend;

    if (!is_in_flight(call)) {
        backend->outcomes[HTTP_COUNTED_NOT_SENT]++;
        return;
    }
    backend->outcomes[outcome]++;
    if (outcome != HTTP_COUNTED_CANCELLED && call->data == NULL)
        durations_add(&backend->durations, call->site->http->turns->began_us - call->sent_at_us);
}

static void finish(struct http_call *call, const struct http_answer *answer)
{
    count(call, counted_as(answer));
    detach(call);
    call->done(call->arg, answer); /* the site may be gone from here on */
    call_free(call);
}

/* Returns whether most of the call's time passed in the queue, so that the server is not at fault.
 */
static bool was_queued(const struct http_call *call)
{
    const uint64_t now_ms = turns_now_ms(call->site->http->turns);

    return !is_in_flight(call) ||
           (call->stream == STREAM_NOT_BEGUN &&
            call->sent_at_ms - call->started_at_ms > now_ms - call->sent_at_ms);
}

static const struct endpoint *moved_to(const struct http_call *call)
{
    return call->exchange.has_moved ? &call->exchange.peer : NULL;
}

static void on_deadline(void *arg)
{
    struct http_call *call = arg;
    const bool has_timed_out = is_in_flight(call) && call->unsent != HTTP_UNREAD;

    finish(call, &(struct http_answer){
                     .outcome = has_timed_out ? HTTP_TIMED_OUT : call->unsent,
                     .may_have_arrived = call->exchange.may_have_arrived,
                     .is_local_failure = was_queued(call),
                     .moved_to = moved_to(call),
                     .was_resent = call->was_resent,
                 });
}

/* Ends the call from the loop. */
static void end_soon(struct http_call *call, enum http_outcome outcome)
{
    call->unsent = outcome;
    deadline_end(&call->deadline, call->site->http->loop);
}

/* Its turn */

static struct http_call *call_of(struct http_turn *turn)
{
    return CONTAINER_OF(turn, struct http_call, turn);
}

static bool on_is_wanted(struct http_turn *turn)
{
    struct http_call *call = call_of(turn);

    return call->is_wanted == NULL || call->is_wanted(call->arg);
}

static void on_begin(struct http_turn *turn)
{
    struct http_call *call = call_of(turn);

    call->sent_at_ms = turns_now_ms(call->site->http->turns);
    call->sent_at_us = call->site->http->turns->began_us;
    call->site->http->in_flight++;
    http_exchange_start(&call->exchange, call->site, call->is_fresh);
}

static void on_refuse(struct http_turn *turn)
{
    end_soon(call_of(turn), HTTP_UNWANTED);
}

static bool on_is_unread(struct http_turn *turn)
{
    struct http_call *call = call_of(turn);

    return call->is_unread != NULL && call->is_unread(call->arg);
}

static void on_give_up(struct http_turn *turn)
{
    end_soon(call_of(turn), HTTP_UNREAD);
}

static const struct http_turn_events turn_events = {
    .is_wanted = on_is_wanted,
    .begin = on_begin,
    .refuse = on_refuse,
    .is_unread = on_is_unread,
    .give_up = on_give_up,
};

/* Streams */

static void start_blocked(struct http_call *call)
{
    const uint32_t share_ms = call->patience_ms / BLOCKED_SHARE;

    deadline_start_in(&call->blocked, call->site->http->loop,
                      share_ms < BLOCKED_MS_MAX ? share_ms : BLOCKED_MS_MAX);
}

static void on_blocked_for_long(void *arg)
{
    struct http_call *call = arg;

    if (on_is_unread(&call->turn))
        http_turn_let_give_up(&call->turn);
    else
        start_blocked(call); /* its reader waits for something else */
}

/* Offers what has arrived to the stream's reader. While the stream is blocked, the deadline does
 * not run, because podop does not wait for the server. */
static void offer(struct http_call *call)
{
    bool is_blocked = false;
    size_t used;

    call->stream = STREAM_READING;
    used = call->data(call->arg, buf_span(&call->body), &is_blocked);
    buf_drop(&call->body, used);
    if (is_blocked) {
        call->stream = STREAM_BLOCKED;
        deadline_stop(&call->deadline);
        if (http_turn_block(&call->turn))
            start_blocked(call);
        return;
    }
    deadline_stop(&call->blocked);
    http_turn_unblock(&call->turn);
    deadline_start_in(&call->deadline, call->site->http->loop, call->patience_ms);
}

/* Returns whether the body is larger than max_response. Of a stream, that limits the bytes that an
 * unblocked reader leaves, which belong to its next item. */
static bool is_too_large(const struct http_call *call)
{
    return call->body.is_over ||
           (call->stream != STREAM_BLOCKED && call->body.len > call->site->max_response);
}

static void on_offer(void *arg)
{
    struct http_call *call = arg;

    if (call->stream != STREAM_BLOCKED || call->unsent == HTTP_UNREAD)
        return; /* the deadline runs already, or the call is about to end */
    offer(call);
    if (is_too_large(call))
        finish(call, &(struct http_answer){
                         .outcome = HTTP_TOO_LARGE, .status = 200, .moved_to = moved_to(call)});
    else if (call->stream != STREAM_BLOCKED)
        http_exchange_go_on(&call->exchange);
}

void http_go_on(struct http_call *call)
{
    deferred_start(&call->offer);
}

/* Calls the reader once for all bytes that arrived together, in however many chunks. */
static enum http_take take_stream(struct http_call *call, bool is_last)
{
    if (!is_last)
        return HTTP_TAKE_MORE;
    if (call->stream != STREAM_BLOCKED)
        offer(call);
    if (is_too_large(call))
        return HTTP_TAKE_ENOUGH;
    return call->stream == STREAM_BLOCKED ? HTTP_TAKE_PAUSE : HTTP_TAKE_MORE;
}

/* Answers */

static bool is_wanted_body(const struct http_call *call, unsigned status)
{
    return call->is_repeatable ? status == 200 : call->reads_answer && status / 100 == 2;
}

static bool is_encoded(const struct http_call *call)
{
    return call->exchange.answer.content_encoding[0] != '\0';
}

/* Keeps the beginning of a body for people to read. */
static void keep_excerpt(struct http_call *call, struct span bytes)
{
    const size_t room = is_encoded(call) ? 0 : call->excerpt_max - call->body.len;

    buf_add(&call->body, (struct span){bytes.ptr, bytes.len < room ? bytes.len : room});
}

static enum http_take on_body(struct http_exchange *ex, unsigned status, struct span bytes,
                              bool is_last)
{
    struct http_call *call = CONTAINER_OF(ex, struct http_call, exchange);

    if (!is_wanted_body(call, status) || is_encoded(call)) {
        keep_excerpt(call, bytes);
        call->discarded += bytes.len;
        return call->discarded > DISCARD_BYTES_MAX ? HTTP_TAKE_ENOUGH : HTTP_TAKE_MORE;
    }
    buf_add(&call->body, bytes);
    if (call->data != NULL)
        return take_stream(call, is_last);
    return call->body.is_over ? HTTP_TAKE_ENOUGH : HTTP_TAKE_MORE;
}

/* Returns the body. Mostly all of it is in last; then it is not copied. */
static struct span whole_body(struct http_call *call, struct span last)
{
    if (call->data == NULL && call->body.len == 0 && last.len <= call->body.max)
        return last;
    buf_add(&call->body, last);
    if (call->data != NULL && call->stream != STREAM_BLOCKED)
        offer(call);
    return buf_span(&call->body);
}

/* Returns the body of a whole answer, or of an unwanted one what was kept of it. */
static struct span body_of(struct http_call *call, unsigned status, struct span last)
{
    if (is_wanted_body(call, status) && !is_encoded(call))
        return whole_body(call, last);
    keep_excerpt(call, last);
    return buf_span(&call->body);
}

/* Returns whether the body is wanted and encoded. The answer to a write may have none. */
static bool is_unreadable(const struct http_call *call, unsigned status, struct span last)
{
    return is_wanted_body(call, status) && is_encoded(call) &&
           (call->is_repeatable || call->discarded + last.len > 0);
}

static void finish_encoded(struct http_call *call, const struct http_answer *encoded)
{
    char reason[HTTP1_ENCODING_BYTES + 80];
    struct http_answer answer = *encoded;

    snprintf(reason, sizeof(reason), "the answer has Content-Encoding %s, which was not asked for",
             answer.content_encoding);
    answer.outcome = HTTP_ENCODED;
    answer.reason = reason;
    finish(call, &answer);
}

static void on_end(struct http_exchange *ex, enum http_end end, unsigned status, struct span last,
                   const char *reason)
{
    struct http_call *call = CONTAINER_OF(ex, struct http_call, exchange);
    struct http_answer answer = {.outcome = HTTP_ANSWERED,
                                 .status = status,
                                 .reason = reason,
                                 .content_type = ex->answer.content_type,
                                 .content_encoding = ex->answer.content_encoding,
                                 .location = ex->answer.has_location ? ex->answer.location : NULL,
                                 .may_have_arrived = ex->may_have_arrived,
                                 .is_refused = end == HTTP_END_REFUSED,
                                 .is_unreachable = ex->is_unreachable,
                                 .moved_to = moved_to(call),
                                 .was_resent = call->was_resent};

    switch (end) {
    case HTTP_END_STALE: /* only repeatable requests use idle connections */
        call->was_resent = true;
        http_exchange_start(ex, call->site, true);
        return;
    case HTTP_END_WHOLE: answer.body = body_of(call, status, last); break;
    case HTTP_END_ENOUGH: answer.body = buf_span(&call->body); break;
    case HTTP_END_NO_SOCKET: answer.is_local_failure = true; /* fall through */
    case HTTP_END_REFUSED:
    case HTTP_END_BROKEN: answer.outcome = HTTP_FAILED; break;
    }
    if (is_too_large(call))
        answer.outcome = HTTP_TOO_LARGE;
    if (answer.outcome == HTTP_ANSWERED && is_unreadable(call, status, last))
        finish_encoded(call, &answer);
    else
        finish(call, &answer);
}

/* Starting */

static struct http_call *call_new(struct http_site *site, const struct http_request *request)
{
    struct http_call *call = xmalloc(sizeof(*call));

    memset(call, 0, offsetof(struct http_call, exchange.peer));
    call->exchange.on_body = on_body;
    call->exchange.on_end = on_end;
    call->exchange.address = request->address;
    call->exchange.is_alone = !request->is_repeatable;
    call->turn.events = &turn_events;
    call->site = site;
    call->started_at_ms = turns_now_ms(site->http->turns);
    call->excerpt_max =
        request->excerpt_max < site->max_response ? request->excerpt_max : site->max_response;
    call->is_repeatable = request->is_repeatable;
    call->reads_answer = request->reads_answer;
    call->is_fresh = request->is_fresh;
    call->is_wanted = request->is_wanted;
    call->unsent = HTTP_TIMED_OUT;
    buf_init(&call->body, site->max_response);
    http_request_print(&call->request, buf_span(&site->head), request);
    call->exchange.request = buf_span(&call->request);
    deadline_init(&call->deadline, on_deadline, call);
    return call;
}

static void make_stream(struct http_call *call, const struct http_request *request)
{
    call->data = request->data;
    call->patience_ms = request->patience_ms;
    call->is_unread = request->is_unread;
    buf_init(&call->body, call->site->max_response + HTTP_RECEIVE_BYTES);
    deferred_init(&call->offer, call->site->http->loop, 0, on_offer, call);
    deadline_init(&call->blocked, on_blocked_for_long, call);
}

struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg)
{
    struct http_call *call = call_new(site, request);
    const bool is_stream = request->data != NULL;

    call->done = done;
    call->arg = arg;
    if (is_stream)
        make_stream(call, request);
    deadline_start(&call->deadline, site->http->loop, request->deadline_at_ms);
    if (!http_turn_start(&call->turn, is_stream ? &site->host->streams : &site->host->calls))
        end_soon(call, HTTP_QUEUE_FULL);
    return call;
}

void http_cancel(struct http_call **pcall)
{
    struct http_call *call = *pcall;

    if (call == NULL)
        return;
    *pcall = NULL;
    count(call, HTTP_COUNTED_CANCELLED);
    detach(call);
    call_free(call);
}
