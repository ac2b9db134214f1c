/* http_exchange.c - one exchange at a time on a connection, with one write and mostly one read.
 *
 * A connection becomes idle if the answer ended as it announced and the server keeps the
 * connection open. Bytes that come before a request is sent are never its answer, so an idle
 * connection is watched, and checked once more just before it is used. If it breaks before the
 * first byte of an answer, the server has closed it while the request was on its way. */
#include "http_exchange.h"

#include "http_give_way.h"
#include "http_idle.h"
#include "http_tls.h"

#include <stdio.h>

enum { TLS_READS_MAX = 4 }; /* in a row, before other events have their turn */

/* The end of an exchange. After a function below that returns false, the exchange has ended, and
 * neither it nor its connection may be used. */

static struct http_connection *part(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    c->exchange = NULL;
    ex->connection = NULL;
    ex->state = HTTP_EXCHANGE_ENDED;
    return c;
}

static void close_connection(struct http_connection *c)
{
    http_give_way_end(c);
    http_connection_free(c);
}

/* Closes the connection and ends the exchange. reason may point into the connection. */
static void end(struct http_exchange *ex, enum http_end how, const char *reason)
{
    const unsigned status = ex->answer.status;
    char copied[CURL_ERROR_SIZE];

    snprintf(copied, sizeof(copied), "%s", reason);
    http_exchange_stop(ex);
    ex->on_end(ex, how, status, SPAN(""), copied);
}

static void end_broken(struct http_exchange *ex, const char *reason)
{
    const bool is_stale = ex->connection->was_used && ex->state == HTTP_EXCHANGE_AWAITING_ANSWER;

    end(ex, is_stale ? HTTP_END_STALE : HTTP_END_BROKEN, reason);
}

/* On a reused connection, bytes that come first and are not a status line belong to the exchange
 * before. */
static void end_bad(struct http_exchange *ex)
{
    const bool is_stale = ex->connection->was_used && ex->answer.status == 0;

    end(ex, is_stale ? HTTP_END_STALE : HTTP_END_BROKEN, ex->answer.fault);
}

/* Returns whether the server closed an idle connection with 408, because it has not seen this
 * request (RFC 9110 section 15.5.9). */
static bool is_idle_timeout(const struct http_exchange *ex)
{
    return ex->answer.status == 408 && ex->connection->was_used;
}

static bool may_become_idle(const struct http_exchange *ex)
{
    return ex->sent == ex->request.len && !ex->is_alone && http1_keeps_alive(&ex->answer) &&
           http_idle_may_add(ex->connection) && !http_give_way_must_close(ex->connection);
}

/* Ends the exchange with a whole answer. last may point into ex->in. */
static void end_whole(struct http_exchange *ex, struct span last, bool is_at_end)
{
    const bool is_reusable = is_at_end && may_become_idle(ex);
    const unsigned status = ex->answer.status;
    struct buf in = ex->in;
    struct http_connection *c = part(ex);

    if (is_reusable)
        http_idle_add(c);
    else
        close_connection(c);
    ex->on_end(ex, HTTP_END_WHOLE, status, last, NULL);
    buf_deinit(&in);
}

/* Returns whether the answer reports success although the server has not got the whole request yet.
 */
static bool is_early_success(const struct http_exchange *ex)
{
    return ex->answer.status / 100 == 2 && ex->sent < ex->request.len;
}

/* Waits until the rest of the request can be sent. During a renegotiation that is when bytes
 * arrive, which TLS reads while it sends. */
static void watch_rest(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    http_connection_watch(c, c->wire.sends_after_reading ? EV_READ : EV_WRITE);
}

/* Sends the rest of the request: the answer is whole, but counts only after that. */
static bool send_rest_first(struct http_exchange *ex)
{
    if (ex->is_send_closed) {
        end_broken(ex, "the server answered, but did not take all of the request");
        return false;
    }
    ex->state = HTTP_EXCHANGE_SENDING_REST;
    watch_rest(ex);
    return true;
}

/* Returns whether the server closed the connection, so that it was not cut on the way. With plain
 * TCP that is not known. */
static bool was_closed_by_server(const struct http_connection *c)
{
    return !http_connection_is_tls(c) || http_tls_has_ended_well(c->wire.tls);
}

static void end_closed(struct http_exchange *ex)
{
    const struct http1 *answer = &ex->answer;

    if (http1_ends_by_close(answer) && !was_closed_by_server(ex->connection))
        end_broken(ex, "the connection ended within the body without a TLS close_notify");
    else if (http1_ends_by_close(answer) && is_early_success(ex))
        send_rest_first(ex);
    else if (http1_ends_by_close(answer))
        end_whole(ex, SPAN(""), false);
    else if (ex->state == HTTP_EXCHANGE_AWAITING_ANSWER)
        end_broken(ex, "the server closed the connection without an answer");
    else if (answer->state == HTTP1_AT_STATUS_LINE || answer->state == HTTP1_AT_FIELD)
        end_broken(ex, "the answer broke off within its head");
    else
        end_broken(ex, "the answer broke off within its body");
}

static void end_failed(struct http_exchange *ex, enum http_wire_result result)
{
    if (result == HTTP_WIRE_LOST) /* the idle connections to that host are lost as well */
        http_idle_close_all(ex->connection->host);
    end_broken(ex, ex->connection->wire.reason);
}

static bool has_more_to_send(const struct http_exchange *ex)
{
    return ex->sent < ex->request.len && !ex->is_send_closed;
}

static void watch(struct http_exchange *ex)
{
    const struct http_wire *wire = &ex->connection->wire;
    const bool sends = has_more_to_send(ex) && !wire->sends_after_reading;

    http_connection_watch(ex->connection,
                          sends || wire->receives_after_writing ? EV_READ | EV_WRITE : EV_READ);
}

/* Receiving */

static bool give_body(struct http_exchange *ex, struct span body, bool is_last)
{
    enum http_take take = HTTP_TAKE_MORE;

    if (body.len > 0)
        take = ex->on_body(ex, ex->answer.status, body, is_last);
    if (take == HTTP_TAKE_PAUSE)
        ex->state = HTTP_EXCHANGE_PAUSED;
    /* Keep reading: a server whose answer we ignore may stop reading our request. */
    if (take != HTTP_TAKE_ENOUGH || is_early_success(ex))
        return true;
    end(ex, HTTP_END_ENOUGH, "");
    return false;
}

static bool end_parsed(struct http_exchange *ex, struct span last, bool is_at_end)
{
    if (is_early_success(ex)) {
        ex->on_body(ex, ex->answer.status, last, false);
        return send_rest_first(ex);
    }
    end_whole(ex, last, is_at_end);
    return false;
}

/* Parses what has arrived. The last part of a body is passed on with the end, so that a body
 * that came in one piece is never copied. */
static bool parse(struct http_exchange *ex, struct span *in)
{
    struct span body = SPAN(""), next = SPAN("");
    size_t used;

    for (;;) {
        enum http1_event event = http1_parse(&ex->answer, *in, &used, &next);

        *in = span_skip(*in, used);
        if (is_idle_timeout(ex)) {
            end(ex, HTTP_END_STALE, "");
            return false;
        }
        switch (event) {
        case HTTP1_BODY:
            if (!give_body(ex, body, false))
                return false;
            body = next;
            break;
        case HTTP1_MORE: return give_body(ex, body, true);
        case HTTP1_END: return end_parsed(ex, body, in->len == 0);
        case HTTP1_BAD: end_bad(ex); return false;
        }
    }
}

static bool take(struct http_exchange *ex, struct span bytes)
{
    const bool is_rest = ex->in.len > 0;
    struct span in = bytes;

    if (ex->state == HTTP_EXCHANGE_AWAITING_ANSWER) {
        http_give_way_served(ex->connection);
        ex->state = HTTP_EXCHANGE_READING;
    }
    if (is_rest) {
        buf_add(&ex->in, bytes);
        in = buf_span(&ex->in);
    }
    if (!parse(ex, &in))
        return false;
    if (is_rest)
        buf_drop(&ex->in, ex->in.len - in.len);
    else
        buf_add(&ex->in, in); /* the beginning of a line; this is rare */
    return true;
}

/* Receives again in a later turn, because TLS may have bytes that the socket does not report. A
 * timer lets pending events have their turn first; an event fed to the loop would come before
 * them. */
static void receive_later(struct http_connection *c)
{
    ev_timer_set(&c->turn, 0.0, 0.0);
    ev_timer_start(c->http->loop, &c->turn);
}

/* Reads once. Returns whether to go on reading. */
static bool receive_once(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;
    struct http *http = c->http;
    enum http_wire_result result;
    size_t n;

    result = http_wire_receive(&c->wire, http->received, sizeof(http->received), &n);
    switch (result) {
    case HTTP_WIRE_BLOCKED:
        if (http_connection_is_tls(c))
            watch(ex);
        return false;
    case HTTP_WIRE_CLOSED: end_closed(ex); return false;
    case HTTP_WIRE_FAILED:
    case HTTP_WIRE_LOST: end_failed(ex, result); return false;
    case HTTP_WIRE_MOVED: break;
    }
    if (!take(ex, (struct span){http->received, n}))
        return false;
    if (ex->state == HTTP_EXCHANGE_PAUSED)
        http_connection_watch(c, 0);
    if (ex->state != HTTP_EXCHANGE_READING)
        return false;
    if (c->host->unix_socket == NULL)
        http_wire_acknowledge(&c->wire);
    return true;
}

static void receive(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    if (!http_connection_is_tls(c)) {
        receive_once(ex); /* the socket reports when there is more */
        return;
    }
    ev_timer_stop(c->http->loop, &c->turn);
    for (int reads = 0; reads < TLS_READS_MAX; reads++) {
        if (!receive_once(ex))
            return;
    }
    receive_later(c);
}

static void on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct http_connection *c = w->data;

    (void)loop;
    (void)revents;
    receive(c->exchange);
}

/* Sending */

/* Sends what the connection takes. A failure is only noted, because a server that takes no more
 * of a request may have answered it. */
static void send_some(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;
    enum http_wire_result result;
    size_t n;

    result = http_wire_send(&c->wire, span_skip(ex->request, ex->sent), &n);
    ex->sent += n;
    ex->may_have_arrived |= n > 0 || http_connection_is_tls(c); /* unknown with TLS */
    ex->is_send_closed = result == HTTP_WIRE_FAILED || result == HTTP_WIRE_LOST;
    if (result == HTTP_WIRE_LOST)
        http_idle_close_all(c->host);
}

static void send_rest(struct http_exchange *ex)
{
    send_some(ex);
    if (!is_early_success(ex))
        end_whole(ex, SPAN(""), false);
    else if (ex->is_send_closed)
        send_rest_first(ex);
    else
        watch_rest(ex);
}

static void on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct http_connection *c = w->data;
    struct http_exchange *ex = c->exchange;

    (void)loop;
    if (c->state == HTTP_CONNECTION_IDLE) {
        if (!http_wire_is_silent(&c->wire))
            http_idle_close(c);
        return;
    }
    if (ex->state == HTTP_EXCHANGE_SENDING_REST) {
        send_rest(ex);
        return;
    }
    if ((revents & EV_WRITE) && has_more_to_send(ex)) {
        send_some(ex);
        watch(ex);
    }
    if ((revents & EV_READ) || c->wire.receives_after_writing)
        receive(ex);
}

/* Starting */

static void attach(struct http_exchange *ex, struct http_connection *c)
{
    ex->connection = c;
    c->exchange = ex;
}

/* Sends the request. Returns false when nothing was sent and the connection, to which ex stays
 * attached, must not be used. With TLS it is unknown how much was sent before a failure. */
static bool begin(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    http1_start(&ex->answer);
    buf_init(&ex->in, HTTP1_HEAD_BYTES_MAX + HTTP_RECEIVE_BYTES);
    ex->state = HTTP_EXCHANGE_AWAITING_ANSWER;
    ex->sent = 0;
    ex->is_send_closed = false;
    c->wire.reason[0] = '\0';
    c->wire.sends_after_reading = c->wire.receives_after_writing = false;
    if (http_connection_is_outdated(c) || !http_wire_is_silent(&c->wire))
        return false;
    http_give_way_begin(c, HTTP_WAIT_ANSWER);
    http_wire_allow_pauses(&c->wire, ex->request.len);
    send_some(ex);
    watch(ex);
    return !ex->is_send_closed || http_connection_is_tls(c);
}

/* Notes whether any address was reached, and whether it was the wanted one. */
static void note_peer(struct http_exchange *ex, const struct http_connection *c)
{
    ex->is_unreachable = c->state == HTTP_CONNECTION_CONNECTING;
    ex->has_moved = !ex->is_unreachable && ex->address != NULL &&
                    !endpoint_is_same_address(ex->address, &c->peer);
    if (ex->has_moved)
        ex->peer = c->peer;
}

static void on_connected(struct http_connection *c, enum http_connect_end how)
{
    struct http_exchange *ex = c->exchange;

    note_peer(ex, c);
    if (how != HTTP_CONNECTED)
        c->host->give_way.served_beside = 0; /* another server may have taken its place */
    switch (how) {
    case HTTP_CONNECT_NO_SOCKET: end(ex, HTTP_END_NO_SOCKET, c->wire.reason); return;
    case HTTP_CONNECT_REFUSED: end(ex, HTTP_END_REFUSED, c->wire.reason); return;
    case HTTP_CONNECT_FAILED: end_broken(ex, c->wire.reason); return;
    case HTTP_CONNECTED: break;
    }
    http_give_way_served(c);
    if (!begin(ex))
        end_broken(ex,
                   c->wire.reason[0] != '\0'
                       ? c->wire.reason
                       : "the server closed the connection, or sent something before the request");
}

static bool start_on_idle(struct http_exchange *ex, struct http_host *host)
{
    struct http_connection *c;

    while ((c = http_idle_take(host, ex->address)) != NULL) {
        attach(ex, c);
        if (begin(ex))
            return true;
        http_exchange_stop(ex);
    }
    return false;
}

static void start_on_new(struct http_exchange *ex, struct http_site *site)
{
    struct http_connection *c;

    http_idle_make_room(site->host);
    c = http_connection_new(site);
    ev_init(&c->io, on_ready);
    ev_init(&c->turn, on_turn);
    c->io.data = c->turn.data = c;
    attach(ex, c);
    ex->state = HTTP_EXCHANGE_CONNECTING;
    http1_start(&ex->answer);
    http_give_way_make_room(site->host, turns_now_ms(site->http->turns));
    http_give_way_begin(c, HTTP_WAIT_CONNECTION);
    http_connection_start(c, site, ex->address, on_connected);
}

void http_exchange_start(struct http_exchange *ex, struct http_site *site, bool is_fresh)
{
    if (is_fresh || ex->is_alone || !start_on_idle(ex, site->host))
        start_on_new(ex, site);
}

void http_exchange_go_on(struct http_exchange *ex)
{
    if (ex->state != HTTP_EXCHANGE_PAUSED)
        return;
    ex->state = HTTP_EXCHANGE_READING;
    watch(ex);
    if (http_connection_is_tls(ex->connection))
        receive_later(ex->connection);
}

void http_exchange_stop(struct http_exchange *ex)
{
    if (ex->connection == NULL)
        return;
    close_connection(part(ex));
    buf_deinit(&ex->in);
}
