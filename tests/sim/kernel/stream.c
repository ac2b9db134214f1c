/* stream.c - the rules are those of net/unix/af_unix.c, net/ipv4/tcp.c and fs/pipe.c of Linux 6.1.
 */
#include "stream.h"

#include "podop/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    WINDOW_BYTES = 212992, /* net.core.wmem_default */
    PIPE_BYTES = 65536,
    PIPE_ROOM_BYTES = 4096, /* POLLOUT of a pipe: a page is free */
    RETRIES_MS = 924600,    /* net.ipv4.tcp_retries2 = 15 */
};

static void on_change(void *arg);
static void on_give_up(void *arg);
static void on_probe(void *arg);

/* Lives */

static void end_init(struct stream *stream, int number, const struct sim_route *route)
{
    struct stream_end *end = &stream->ends[number];
    const size_t window = route->window == 0 ? WINDOW_BYTES : route->window;

    end->stream = stream;
    end->other = &stream->ends[1 - number];
    end->is_open = true;
    sim_event_init(&end->give_up, on_give_up, end);
    sim_event_init(&end->keepalive.probe, on_probe, end);
    if (stream->kind == STREAM_TCP)
        flow_init(&end->in, route, window - window / 2, window / 2 == 0 ? 1 : window / 2);
    else
        flow_init(&end->in, route, 0, stream->kind == STREAM_PIPE ? PIPE_BYTES : window);
    flow_on_change(&end->in, on_change, end);
}

struct stream *stream_new(enum stream_kind kind, const struct sim_route *route)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));

    stream->kind = kind;
    end_init(stream, 0, route);
    end_init(stream, 1, route);
    return stream;
}

void stream_own(struct stream_end *end, const struct stream_owner_ops *ops, void *arg)
{
    end->ops = ops;
    end->arg = arg;
}

void stream_set_route(struct stream *stream, const struct sim_route *route)
{
    stream->busy++;
    for (int i = 0; i < 2; i++)
        flow_set_route(&stream->ends[i].in, route);
    stream->busy--;
}

void stream_free_if_over(struct stream *stream)
{
    if (stream->busy > 0 || stream->ends[0].is_open || stream->ends[1].is_open)
        return;
    for (int i = 0; i < 2; i++) {
        flow_deinit(&stream->ends[i].in);
        sim_event_stop(&stream->ends[i].give_up);
        sim_event_stop(&stream->ends[i].keepalive.probe);
    }
    free(stream);
}

/* What has arrived */

static bool is_closed_by_other(const struct stream_end *end)
{
    return end->in.has[FLOW_CLOSED] || end->in.has[FLOW_CLOSED_UNREAD];
}

bool stream_is_at_end(const struct stream_end *end)
{
    return end->in.has[FLOW_FIN] || is_closed_by_other(end) || end->is_gone;
}

static bool has_shut_receive(const struct stream_end *end)
{
    return end->has_shut_receive || stream_is_at_end(end);
}

static bool has_shut_send(const struct stream_end *end)
{
    return end->has_shut_send || end->is_gone || is_closed_by_other(end) ||
           (end->stream->kind == STREAM_UNIX && end->other->has_shut_receive);
}

static void tell_arrived(const struct stream_end *end)
{
    if (end->is_open && end->ops != NULL)
        end->ops->arrived(end->arg);
}

static void tell_room(const struct stream_end *end)
{
    if (end->is_open && end->ops != NULL)
        end->ops->has_room(end->arg);
}

/* A closed TCP socket answers bytes with a reset. */
static void answer_closed(struct stream_end *end)
{
    if (end->stream->kind != STREAM_TCP || end->has_answered || end->in.arrived == 0)
        return;
    end->has_answered = true;
    if (end->on_late_bytes != NULL)
        end->on_late_bytes(end->late_arg);
    flow_mark(&end->other->in, FLOW_RESET);
}

static void take_reset(struct stream_end *end)
{
    if (end->is_gone || !end->in.has[FLOW_RESET])
        return;
    end->is_gone = true;
    end->error = end->in.has[FLOW_FIN] ? EPIPE : ECONNRESET;
    flow_drop_unsent(&end->other->in);
}

/* TCP gives up when nothing was acknowledged for TCP_USER_TIMEOUT (since Linux 6.1 also when the
 * other end has no room), or else after its retries, when the network is dead. */
static void watch_acknowledgements(struct stream_end *end)
{
    const unsigned ms = end->user_timeout_ms == 0 ? RETRIES_MS : end->user_timeout_ms;

    if (end->stream->kind != STREAM_TCP || flow_unarrived(&end->other->in) == 0)
        sim_event_stop(&end->give_up);
    else
        sim_event_in(&end->give_up, ms * INT64_C(1000000));
}

static void on_give_up(void *arg)
{
    struct stream_end *end = arg;

    if (end->user_timeout_ms == 0 && !end->other->in.route.is_dead)
        watch_acknowledgements(end);
    else if (!end->is_gone)
        stream_break(end, ETIMEDOUT);
}

/* Keepalive: after a time of silence, the peer is asked so many times. A host that does not know
 * the connection answers with a reset. While data is not acknowledged, that decides alone. */
static void on_probe(void *arg)
{
    struct stream_end *end = arg;
    struct stream_keepalive *k = &end->keepalive;
    const int64_t silent_ns = sim_now() - k->heard_ns;

    if (end->is_gone || !end->is_open)
        return;
    if (flow_unarrived(&end->other->in) > 0 || silent_ns < k->idle_ns) {
        sim_event_in(&k->probe, silent_ns < k->idle_ns ? k->idle_ns - silent_ns : k->idle_ns);
    } else if (end->in.route.is_dead) {
        if (silent_ns >= k->idle_ns + k->probes * k->interval_ns)
            stream_break(end, ETIMEDOUT);
        else
            sim_event_in(&k->probe, k->interval_ns);
    } else if (end->other->is_forgotten) {
        stream_break(end, ECONNRESET);
    } else {
        k->heard_ns = sim_now();
        sim_event_in(&k->probe, k->idle_ns);
    }
}

void stream_keep_alive(struct stream_end *end, int64_t idle_ns, int64_t interval_ns, int64_t probes)
{
    struct stream_keepalive *k = &end->keepalive;

    if (end->stream->kind != STREAM_TCP)
        return;
    k->idle_ns = idle_ns;
    k->interval_ns = interval_ns;
    k->probes = probes;
    k->heard_ns = sim_now();
    sim_event_in(&k->probe, idle_ns);
}

void stream_set_user_timeout(struct stream_end *end, unsigned ms)
{
    end->user_timeout_ms = ms;
    watch_acknowledgements(end);
}

static void on_change(void *arg)
{
    struct stream_end *end = arg;
    struct stream *stream = end->stream;

    stream->busy++;
    end->keepalive.heard_ns = sim_now();
    take_reset(end);
    if (end->in.has[FLOW_CLOSED_UNREAD] && !end->is_gone) {
        end->is_gone = true;
        end->error = ECONNRESET;
    }
    if (!end->is_open)
        answer_closed(end);
    tell_arrived(end);
    if (stream->kind == STREAM_TCP) { /* what has arrived was acknowledged */
        watch_acknowledgements(end->other);
        tell_room(end->other);
    }
    stream->busy--;
    stream_free_if_over(stream);
}

/* Calls */

static int send_error(struct stream_end *end)
{
    const int error = end->stream->kind == STREAM_TCP ? stream_take_error(end) : 0;

    if (error != 0)
        return -error;
    return has_shut_send(end) ? -EPIPE : 0;
}

ssize_t stream_send(struct stream_end *end, const void *bytes, size_t len)
{
    struct flow *to = &end->other->in;
    const int error = send_error(end);

    if (error != 0)
        return error;
    if (len == 0)
        return 0;
    if (!end->other->is_open && end->stream->kind != STREAM_TCP)
        return (ssize_t)len; /* the other end is closed, and this one does not know yet */
    if (end->stream->kind == STREAM_PIPE && len <= PIPE_ROOM_BYTES && flow_room(to) < len)
        return -EAGAIN; /* all of it or nothing */
    len = flow_send(to, bytes, len);
    if (end->stream->kind == STREAM_TCP && end->give_up.place == 0)
        watch_acknowledgements(end);
    return len == 0 ? -EAGAIN : (ssize_t)len;
}

static ssize_t receive_nothing(struct stream_end *end)
{
    if (end->stream->kind == STREAM_TCP && end->in.has[FLOW_FIN])
        return 0;
    if (end->error != 0)
        return -stream_take_error(end);
    return has_shut_receive(end) ? 0 : -EAGAIN;
}

void stream_discard(struct stream_end *end, size_t len)
{
    end->stream->busy++;
    flow_take(&end->in, len);
    tell_room(end->other);
    end->stream->busy--;
}

ssize_t stream_receive(struct stream_end *end, void *to, size_t max, bool is_peek)
{
    const struct span arrived = flow_arrived(&end->in);
    const size_t n = arrived.len < max ? arrived.len : max;

    if (max == 0)
        return 0;
    if (n == 0)
        return receive_nothing(end);
    memcpy(to, arrived.ptr, n);
    if (!is_peek)
        stream_discard(end, n);
    return (ssize_t)n;
}

int stream_shutdown(struct stream_end *end, int how)
{
    if (end->is_gone && end->stream->kind == STREAM_TCP)
        return -ENOTCONN;
    if ((how == SHUT_RD || how == SHUT_RDWR) && !end->has_shut_receive) {
        end->has_shut_receive = true;
        tell_arrived(end);
        tell_room(end->other);
    }
    if ((how == SHUT_WR || how == SHUT_RDWR) && !end->has_shut_send) {
        end->has_shut_send = true;
        flow_mark(&end->other->in, FLOW_FIN);
        tell_arrived(end);
    }
    return 0;
}

static enum flow_mark_kind closing_mark(const struct stream_end *end)
{
    if (end->stream->kind == STREAM_TCP)
        return end->in.arrived > 0 ? FLOW_RESET : FLOW_FIN;
    return end->stream->kind == STREAM_UNIX && (end->in.len > 0 || end->ops == NULL)
               ? FLOW_CLOSED_UNREAD
               : FLOW_CLOSED;
}

static void leave(struct stream_end *end, enum flow_mark_kind mark)
{
    struct stream *stream = end->stream;
    struct flow *to_other = &end->other->in;

    stream->busy++;
    end->is_open = false;
    flow_take(&end->in, end->in.arrived);
    if (end->other->is_open && !end->is_gone && !(mark == FLOW_FIN && end->has_shut_send)) {
        if (mark == FLOW_RESET && flow_is_blocked(to_other))
            flow_drop_unsent(to_other);
        end->has_answered |= mark == FLOW_RESET;
        flow_mark(to_other, mark);
    }
    stream->busy--;
    stream_free_if_over(stream);
}

void stream_close(struct stream_end *end)
{
    leave(end, closing_mark(end));
}

void stream_reset(struct stream_end *end)
{
    leave(end, end->stream->kind == STREAM_TCP ? FLOW_RESET : closing_mark(end));
}

void stream_forget(struct stream_end *end)
{
    struct stream *stream = end->stream;

    stream->busy++;
    end->is_open = false;
    end->is_forgotten = true;
    flow_take(&end->in, end->in.arrived);
    flow_drop_unsent(&end->other->in);
    stream->busy--;
    stream_free_if_over(stream);
}

void stream_break(struct stream_end *end, int error)
{
    end->is_gone = true;
    end->error = error;
    flow_drop_unsent(&end->other->in);
    flow_mark(&end->other->in, FLOW_RESET);
    tell_arrived(end);
}

int stream_take_error(struct stream_end *end)
{
    const int error = end->error;

    end->error = 0;
    return error;
}

size_t stream_unsent(const struct stream_end *end)
{
    const struct flow *to = &end->other->in;

    return end->stream->kind == STREAM_TCP ? flow_unarrived(to) : to->len;
}

/* Events */

static bool is_writable(const struct stream_end *end)
{
    const struct flow *to = &end->other->in;

    switch (end->stream->kind) {
    case STREAM_UNIX: return has_shut_send(end) || to->len * 4 <= to->receive_max;
    case STREAM_TCP:
        return has_shut_send(end) || flow_unarrived(to) <= to->send_max - to->send_max / 3;
    case STREAM_PIPE: return flow_room(to) >= PIPE_ROOM_BYTES;
    }
    return false;
}

static uint32_t pipe_events(const struct stream_end *end)
{
    if (end == &end->stream->ends[0])
        return (end->in.arrived > 0 ? EPOLLIN | EPOLLRDNORM : 0U) |
               (stream_is_at_end(end) ? EPOLLHUP : 0U);
    return (is_writable(end) ? EPOLLOUT | EPOLLWRNORM : 0U) |
           (is_closed_by_other(end) ? EPOLLERR : 0U);
}

uint32_t stream_events(const struct stream_end *end)
{
    const bool is_receive_shut = has_shut_receive(end);
    uint32_t events = 0;

    if (end->stream->kind == STREAM_PIPE)
        return pipe_events(end);
    if (end->error != 0)
        events |= EPOLLERR;
    if (is_receive_shut)
        events |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
    if (is_receive_shut && has_shut_send(end))
        events |= EPOLLHUP;
    if (end->in.arrived > 0)
        events |= EPOLLIN | EPOLLRDNORM;
    if (is_writable(end))
        events |= EPOLLOUT | EPOLLWRNORM;
    return events;
}
