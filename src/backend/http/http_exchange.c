/* http_exchange.c - one request and its answer at a time on a connection, with
 * one write and mostly one read.
 *
 * A connection is kept for the next request when the answer ended where it had to and the server
 * does not want to close. Bytes that come before a request is sent can never be its answer: a kept
 * connection is watched, and looked at once more just before it is used. Where it breaks before the
 * first byte of an answer, the server closed it while the request was on its way. */
#include "http_exchange.h"

#include "http_private.h"
#include "http_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { TLS_READS_MAX = 4 }; /* in a row: then others have their turn */

/* The end of an exchange */

static struct http_exchange *part(struct http_connection *c)
{
    struct http_exchange *ex = c->exchange;

    c->exchange = NULL;
    ex->connection = NULL;
    return ex;
}

/* reason may be the connection's own. */
static void end(struct http_connection *c, enum http_end how, const char *reason)
{
    const unsigned status = c->answer.status;
    struct http_exchange *ex = part(c);
    char copied[CURL_ERROR_SIZE];

    snprintf(copied, sizeof(copied), "%s", reason);
    http_connection_free(c);
    ex->on_end(ex, how, status, SPAN(""), copied);
}

static void end_broken(struct http_connection *c, const char *reason)
{
    end(c, c->was_kept && !c->has_answered ? HTTP_END_STALE : HTTP_END_BROKEN, reason);
}

/* What comes first on a kept connection and is no status line is the rest of something before. */
static void end_bad(struct http_connection *c)
{
    end(c, c->was_kept && c->answer.status == 0 ? HTTP_END_STALE : HTTP_END_BROKEN,
        c->answer.fault);
}

/* With 408 a server says that it closes a connection for want of a request: not of this one, which
 * it has not seen (RFC 9110 section 15.5.9). */
static bool is_farewell(const struct http_connection *c)
{
    return c->answer.status == 408 && c->was_kept;
}

/* last may point into c->in. */
static void end_whole(struct http_connection *c, struct span last, bool can_be_kept)
{
    const unsigned status = c->answer.status;
    const bool was_sent = c->sent == c->exchange->request.len;
    struct http_exchange *ex = part(c);
    struct buf in = c->in;

    buf_init(&c->in, in.max);
    if (can_be_kept && was_sent && !ex->is_alone && http1_keeps_alive(&c->answer))
        http_idle_add(c);
    else
        http_connection_free(c);
    ex->on_end(ex, HTTP_END_WHOLE, status, last, NULL);
    buf_deinit(&in);
}

/* It says that all went well, and cannot mean what the server has not got yet. */
static bool is_early_success(const struct http_connection *c)
{
    return c->answer.status / 100 == 2 && c->sent < c->exchange->request.len;
}

/* The answer is whole, and it counts when the server has got the rest of the request. false: the
 * exchange has ended, and c may be gone. */
static bool send_rest_first(struct http_connection *c)
{
    if (c->is_mute) {
        end_broken(c, "the server answered, but did not take all of the request");
        return false;
    }
    c->has_whole_answer = true;
    http_connection_watch(c, EV_WRITE);
    return true;
}

/* Of TLS, an end that nobody but the server can have made. */
static bool may_end_body(const struct http_connection *c)
{
    return c->easy == NULL || http_tls_has_ended_well(c->easy);
}

static void end_closed(struct http_connection *c)
{
    if (http1_ends_by_close(&c->answer) && !may_end_body(c))
        end_broken(c, "the connection ended within the body, without TLS saying so");
    else if (http1_ends_by_close(&c->answer) && is_early_success(c))
        send_rest_first(c);
    else if (http1_ends_by_close(&c->answer))
        end_whole(c, SPAN(""), false);
    else if (!c->has_answered)
        end_broken(c, "the server closed the connection without an answer");
    else if (c->answer.state == HTTP1_AT_STATUS_LINE || c->answer.state == HTTP1_AT_FIELD)
        end_broken(c, "the answer broke off within its head");
    else
        end_broken(c, "the answer broke off within its body");
}

/* An exchange */

/* false: the exchange has ended, and c may be gone. */
static bool give_body(struct http_connection *c, struct span body, bool is_all)
{
    struct http_exchange *ex = c->exchange;
    enum http_take take = HTTP_TAKE_MORE;

    if (body.len > 0)
        take = ex->on_body(ex, c->answer.status, body, is_all);
    if (take == HTTP_TAKE_PAUSE)
        c->is_paused = true;
    if (take != HTTP_TAKE_ENOUGH || is_early_success(c)) /* who is not read might not read either */
        return true;
    end(c, HTTP_END_ENOUGH, "");
    return false;
}

/* The last part of a body goes with the end, so that a body that came in one piece is never copied.
 * false as above. */
static bool parse(struct http_connection *c, struct span *in)
{
    struct http_exchange *ex = c->exchange;
    struct span body = SPAN(""), next = SPAN("");
    size_t used;

    for (;;) {
        enum http1_event event = http1_parse(&c->answer, *in, &used, &next);

        *in = span_skip(*in, used);
        if (is_farewell(c)) {
            end(c, HTTP_END_STALE, "");
            return false;
        }
        switch (event) {
        case HTTP1_BODY:
            if (!give_body(c, body, false))
                return false;
            body = next;
            break;
        case HTTP1_MORE: return give_body(c, body, true);
        case HTTP1_END:
            if (is_early_success(c)) {
                ex->on_body(ex, c->answer.status, body, false);
                return send_rest_first(c);
            }
            end_whole(c, body, in->len == 0);
            return false;
        case HTTP1_BAD: end_bad(c); return false;
        }
    }
}

/* Takes what was read. false as above. */
static bool take(struct http_connection *c, struct span bytes)
{
    const bool is_rest = c->in.len > 0;
    struct span in = bytes;

    if (!c->has_answered)
        http_give_way_served(c);
    c->has_answered = true;
    if (is_rest) {
        buf_add(&c->in, bytes);
        in = buf_span(&c->in);
    }
    if (!parse(c, &in))
        return false;
    if (is_rest)
        buf_drop(&c->in, c->in.len - in.len);
    else
        buf_add(&c->in, in); /* the start of a line: seldom */
    return true;
}

/* TLS may hold bytes that the socket does not tell of. An event fed to the loop would be the next
 * to be called, before any other that is pending: a timer lets all of them have their turn. */
static void receive_later(struct http_connection *c)
{
    ev_timer_set(&c->turn, 0.0, 0.0);
    ev_timer_start(c->http->loop, &c->turn);
}

/* A server that has more to say, and Nagle's algorithm on, waits until it is told that this came:
 * not for the 40 ms that the kernel would let it wait. */
static void acknowledge(const struct http_connection *c)
{
    static const int on = 1;

    if (c->host->unix_socket == NULL)
        setsockopt(c->io.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

static void receive(struct http_connection *c)
{
    struct http *http = c->http;

    if (c->easy != NULL)
        ev_timer_stop(http->loop, &c->turn);
    for (int reads = 0; reads < TLS_READS_MAX; reads++) {
        size_t n;

        switch (http_wire_receive(c, http->received, sizeof(http->received), &n)) {
        case HTTP_MOVED_NONE: return;
        case HTTP_MOVED_END: end_closed(c); return;
        case HTTP_MOVED_ERROR: end_broken(c, c->reason); return;
        case HTTP_MOVED: break;
        }
        if (!take(c, (struct span){http->received, n}) || c->has_whole_answer)
            return;
        if (c->is_paused) {
            http_connection_watch(c, 0);
            return;
        }
        acknowledge(c);
        if (c->easy == NULL)
            return; /* the socket tells when there is more */
    }
    receive_later(c);
}

static void on_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    receive(w->data);
}

static bool has_more_to_send(const struct http_connection *c)
{
    return c->sent < c->exchange->request.len && !c->is_mute;
}

static void watch_exchange(struct http_connection *c)
{
    http_connection_watch(c, has_more_to_send(c) ? EV_READ | EV_WRITE : EV_READ);
}

/* A server that wants no more of a request may have answered it: what it said is read first. */
static void send_rest(struct http_connection *c)
{
    struct http_exchange *ex = c->exchange;
    size_t n;
    enum http_moved moved = http_wire_send(c, span_skip(ex->request, c->sent), &n);

    c->sent += n;
    ex->may_have_arrived |= n > 0 || c->easy != NULL;
    c->is_mute = moved == HTTP_MOVED_ERROR;
    if (!c->has_whole_answer)
        watch_exchange(c);
    else if (!is_early_success(c))
        end_whole(c, SPAN(""), false);
    else if (c->is_mute)
        send_rest_first(c);
}

static void on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct http_connection *c = w->data;

    (void)loop;
    if (c->exchange == NULL) {
        if (!http_wire_is_silent(c)) {
            http_idle_remove(c);
            http_connection_free(c);
        }
        return;
    }
    if (c->has_whole_answer) {
        send_rest(c);
        return;
    }
    if ((revents & EV_WRITE) && has_more_to_send(c))
        send_rest(c);
    if (revents & EV_READ)
        receive(c);
}

/* false: nothing was sent, and c, which ex is left with, is of no use. Of TLS nobody knows how much
 * it sent before it failed. */
static bool begin(struct http_connection *c, struct http_exchange *ex)
{
    http1_start(&c->answer);
    c->sent = 0;
    c->has_answered = c->has_whole_answer = c->is_paused = c->is_mute = false;
    c->reason[0] = '\0';
    c->exchange = ex;
    ex->connection = c;
    if (http_connection_is_too_old(c) || !http_wire_is_silent(c))
        return false;
    http_give_way_begin(c, HTTP_WAIT_ANSWER);
    send_rest(c);
    return !c->is_mute || c->easy != NULL;
}

static void on_connected(struct http_connection *c, enum http_connect_end how)
{
    struct http_exchange *ex = c->exchange;

    if (how != HTTP_CONNECTED)
        c->host->wait.served_beside = 0; /* what comes back may be another server */
    switch (how) {
    case HTTP_CONNECT_NO_SOCKET: end(c, HTTP_END_NO_SOCKET, c->reason); return;
    case HTTP_CONNECT_REFUSED: end(c, HTTP_END_REFUSED, c->reason); return;
    case HTTP_CONNECT_FAILED: end_broken(c, c->reason); return;
    case HTTP_CONNECTED: break;
    }
    http_give_way_served(c);
    if (!begin(c, ex))
        end_broken(c, c->reason[0] != '\0'
                          ? c->reason
                          : "the server closed the connection, or spoke before it was asked");
}

void http_exchange_start(struct http_exchange *ex, struct http_site *site, bool is_fresh)
{
    struct http_connection *c;

    while (!is_fresh && !ex->is_alone && (c = http_idle_take(site->host)) != NULL) {
        if (begin(c, ex))
            return;
        http_exchange_stop(ex);
    }
    http_idle_make_room(site->host);
    c = http_connection_new(site);
    ev_init(&c->io, on_ready);
    ev_init(&c->turn, on_turn);
    c->io.data = c->turn.data = c;
    c->connected = on_connected;
    c->exchange = ex;
    ex->connection = c;
    http_give_way_to_new(c);
    http_give_way_begin(c, HTTP_WAIT_CONNECTION);
    http_connect_start(c, site);
}

void http_exchange_go_on(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    if (c == NULL || !c->is_paused)
        return;
    c->is_paused = false;
    watch_exchange(c);
    if (c->easy != NULL)
        receive_later(c);
}

void http_exchange_stop(struct http_exchange *ex)
{
    struct http_connection *c = ex->connection;

    if (c == NULL)
        return;
    part(c);
    http_connection_free(c);
}
