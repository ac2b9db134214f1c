#include "client_private.h"

#include "protocol/protocols.h"

#include "podop/deadline.h"
#include "podop/mem.h"
#include "podop/priority.h"
#include "podop/socket_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SCRATCH_BYTES = 16 * 1024,
    IN_BYTES_MAX = 64 * 1024 * 1024 + 2 * SCRATCH_BYTES, /* the largest max_request, and a read */
    READS_PER_WAKEUP = 4,                                /* then others have their turn, */
    OUT_BYTES_PER_WAKEUP = 4096, /* and so they have after so much that was known at once */
    SPARE_OUT_BYTES_MAX = 4096,  /* a larger buffer is given back at once */
    /* One turn of the loop reads, and then writes, as much as comes to this in cost: */
    TURN_COST_MAX = 512 * 1024,
    CLIENT_COST = 2048,    /* of a client, */
    REQUEST_BYTE_COST = 8, /* of a byte that it sent; a byte of an answer costs one when it is
                            * known at once, and one when it is written */
    REFUSAL_BYTES_MAX = 4096,
    LINGER_MS = 2000, /* for the peer to read our last words and hang up */
};

static void leave_woken(struct client *c)
{
    if (c->prev_next_woken == NULL)
        return;
    *c->prev_next_woken = c->next_woken;
    if (c->next_woken != NULL)
        c->next_woken->prev_next_woken = c->prev_next_woken;
    else
        c->world->last_woken = c->prev_next_woken;
    c->prev_next_woken = NULL;
}

void client_free(struct client **pclient)
{
    struct client *c = *pclient;
    struct client_world *world = c->world;

    *pclient = NULL;
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    ev_io_stop(world->loop, &c->io);
    deadline_stop(&c->deadline);
    client_uncount(c);
    leave_woken(c);
    if (c->session != NULL)
        c->protocol->close(&c->session);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    close(c->io.fd);
    listener_client_gone(c->listener);
    free(c);
    if (world->on_gone != NULL)
        world->on_gone(world->on_gone_arg);
}

/* An idle client owns no buffer: its output borrows one until it is written. */
static void out_take(struct client *c)
{
    struct client_world *world = c->world;

    if (c->out.ptr == NULL && world->spare_out_count > 0)
        c->out = world->spare_out[--world->spare_out_count];
}

static void out_give_back(struct client *c)
{
    struct client_world *world = c->world;

    if (c->out.cap > SPARE_OUT_BYTES_MAX || world->spare_out_count == SPARE_OUTS_MAX) {
        buf_deinit(&c->out);
    } else if (c->out.ptr != NULL) {
        world->spare_out[world->spare_out_count++] = c->out;
        buf_init(&c->out, SIZE_MAX);
    }
}

static bool is_full(const struct client *c)
{
    return c->session != NULL && c->protocol->is_full(c->session);
}

static void watch(struct client *c, int events)
{
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(c->world->loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events != 0)
        ev_io_start(c->world->loop, &c->io);
}

static void feed_work(struct client_world *world)
{
    if (!ev_is_pending(&world->work) && !ev_is_active(&world->next_turn))
        ev_feed_event(world->loop, &world->work, EV_CUSTOM);
}

void client_wake(struct client *c)
{
    struct client_world *world = c->world;

    if (c->prev_next_woken != NULL)
        return;
    c->next_woken = NULL;
    c->prev_next_woken = world->last_woken;
    *world->last_woken = c;
    world->last_woken = &c->next_woken;
    feed_work(world);
}

static void on_session_news(void *arg)
{
    client_count(arg);
    client_wake(arg);
}

static bool open_session(struct client *c, char first_byte)
{
    const struct session_io io = {
        .service = &c->listener->service->base,
        .out = &c->out,
        .wake = on_session_news,
        .wake_arg = c,
        .conn = c->conn,
        .is_under_memory_pressure = &c->world->is_under_memory_pressure,
    };

    c->protocol = protocol_find(c->listener->service->base.listen->mode, first_byte);
    if (c->protocol == NULL)
        return false;
    c->session = c->protocol->open(&io);
    return true;
}

static void refuse(struct client *c, const char *why)
{
    log_info(c->world->log, "client_refused", LOG_UINT("conn", c->conn),
             LOG_STR("socket", c->listener->address.text), LOG_STR("reason", why));
    c->phase = PHASE_DRAINING;
    c->lingers = true;
    deadline_stop(&c->deadline);
    buf_deinit(&c->in);
}

static void refuse_first_byte(struct client *c, char first_byte)
{
    char byte[64];
    struct buf why;

    snprintf(byte, sizeof(byte), "unknown protocol: first byte 0x%02x ",
             (unsigned)(unsigned char)first_byte);
    buf_init(&why, REFUSAL_BYTES_MAX);
    buf_add(&why, span_of(byte));
    protocol_add_refusal(&why, c->listener->service->base.listen->mode);
    refuse(c, buf_string(&why));
    buf_deinit(&why);
}

/* Hands bytes to the session; *used is how many it took. false: the client was refused. */
static bool feed(struct client *c, struct span bytes, size_t *used)
{
    const size_t out_before = c->out.len;

    *used = 0;
    if (c->session == NULL && !open_session(c, *bytes.ptr)) {
        refuse_first_byte(c, *bytes.ptr);
        return false;
    }
    if (c->protocol->feed(c->session, bytes, used) == FEED_BAD) {
        refuse(c, "malformed request, or one that is longer than max_request");
        return false;
    }
    c->world->turn_cost += c->out.len - out_before;
    return true;
}

/* Whoever sent a part of a request has to send the rest in time. */
static void time_request(struct client *c, bool made_progress)
{
    bool is_waiting = c->in.len > 0 && !is_full(c);

    if (c->phase != PHASE_OPEN || !is_waiting)
        deadline_stop(&c->deadline);
    else if (made_progress || !deadline_is_running(&c->deadline))
        deadline_start_in(&c->deadline, c->world->loop,
                          c->listener->service->base.listen->request_timeout_ms);
}

static void feed_kept(struct client *c)
{
    size_t used;

    if (c->in.len == 0 || is_full(c) || !feed(c, buf_span(&c->in), &used))
        return;
    c->world->turn_cost += used * REQUEST_BYTE_COST;
    buf_drop(&c->in, used);
    if (c->in.len == 0)
        buf_deinit(&c->in);
    time_request(c, used > 0);
}

static void feed_new(struct client *c, struct span bytes)
{
    size_t used;

    if (c->in.len > 0) {
        buf_add(&c->in, bytes);
        feed_kept(c);
    } else if (feed(c, bytes, &used)) {
        if (used < bytes.len)
            buf_add(&c->in, span_skip(bytes, used));
        time_request(c, true);
    }
}

/* Nobody is there to read answers: a unix socket tells that from a peer that only stopped sending.
 */
static bool is_hung_up(int fd)
{
    struct pollfd state = {.fd = fd};

    return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

static bool is_read(const struct client *c)
{
    return (c->phase == PHASE_OPEN || c->phase == PHASE_LAST) && !is_full(c);
}

/* Bytes that may be read at once. */
static size_t read_room(const struct client *c)
{
    return c->phase == PHASE_LAST && c->unread < SCRATCH_BYTES ? c->unread : SCRATCH_BYTES;
}

static void count_unread(struct client *c, size_t n)
{
    if (c->phase != PHASE_LAST)
        return;
    c->unread -= n;
    if (c->unread == 0)
        c->phase = PHASE_DRAINING;
}

/* Reads what is there and the session has room for. false: the connection is broken. */
static bool read_requests(struct client *c)
{
    const size_t out_end = c->out.len + OUT_BYTES_PER_WAKEUP;

    out_take(c);
    for (int i = 0; i < READS_PER_WAKEUP && c->out.len < out_end && is_read(c); i++) {
        ssize_t n = socket_recv(c->io.fd, c->world->scratch, read_room(c), 0);

        if (n == -1)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0 && is_hung_up(c->io.fd))
            return false;
        if (n == 0) { /* only its sending side is shut down, as far as we know */
            c->phase = PHASE_DRAINING;
            buf_deinit(&c->in);
            deadline_stop(&c->deadline);
            return true;
        }
        count_unread(c, (size_t)n);
        c->world->turn_cost += (size_t)n * REQUEST_BYTE_COST;
        feed_new(c, (struct span){c->world->scratch, (size_t)n});
        if (n < SCRATCH_BYTES)
            return true; /* most likely there is no more */
        c->is_stalled = false;
        client_count(c); /* they may belong to a transaction, which keeps much */
    }
    return true;
}

/* false: nobody is there to read. */
static bool flush(struct client *c)
{
    ssize_t n;

    if (c->out.len == 0) {
        out_give_back(c);
        return true;
    }
    n = socket_send(c->io.fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);
    if (n == -1 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0) {
        c->world->turn_cost += (size_t)n;
        buf_drop(&c->out, (size_t)n);
    }
    if (c->out.len > 0 || deadline_is_running(&c->unread_deadline))
        client_unread_watch(c, n > 0);
    if (c->out.len == 0)
        out_give_back(c);
    return true;
}

static size_t unread_bytes(int fd)
{
    int bytes;

    return ioctl(fd, FIONREAD, &bytes) == -1 || bytes < 0 ? 0 : (size_t)bytes;
}

static bool is_all_said(const struct client *c)
{
    return c->out.len == 0 && (c->session == NULL || c->protocol->pending(c->session) == 0);
}

/* Enough was taken in this turn; the next one begins with nothing. */
static bool is_turn_used_up(const struct client_world *world)
{
    return world->is_under_memory_pressure && !world->is_over_limit;
}

/* What there was no room for in this turn is asked for in the next one. Only what is written would
 * wake the client by itself. */
static void wake_for_next_turn(struct client *c)
{
    if (is_turn_used_up(c->world) && c->out.len == 0 && c->session != NULL &&
        c->protocol->pending(c->session) > 0)
        client_wake(c);
}

/* May free c. */
static void feed_and_flush(struct client *c)
{
    if (c->out.len > OUT_BYTES_PER_WAKEUP)
        client_count(c); /* before all of it is gone */
    if (!flush(c)) {
        client_free(&c);
        return;
    }
    /* What waits for that is a request, or was stopped by long answers: either has been counted. */
    if (c->buffered > 0 && c->out.len == 0 && c->session != NULL &&
        c->protocol->output_drained != NULL)
        c->protocol->output_drained(c->session);
    feed_kept(c);
    if (c->phase == PHASE_DRAINING && is_all_said(c)) {
        /* Closing a TCP socket that has something unread throws away what is on its way out. */
        if (!c->lingers && unread_bytes(c->io.fd) == 0) {
            client_free(&c);
            return;
        }
        shutdown(c->io.fd, SHUT_WR);
        c->phase = PHASE_LINGERING;
        deadline_start_in(&c->deadline, c->world->loop, LINGER_MS);
    }
    if (c->out.len > 0) /* what has come since is not tried until there is room again */
        client_unread_watch(c, false);
    watch(c, (is_read(c) || c->phase == PHASE_LINGERING ? EV_READ : 0) |
                 (c->out.len > 0 ? EV_WRITE : 0));
    if (c->out.len > 0 || c->in.len > 0 || c->buffered > 0 || c->world->is_under_memory_pressure)
        client_count(c);
    wake_for_next_turn(c);
}

/* Clients that were read, or are written to, in one turn are the next one's last. */
static void end_round(struct client_world *world)
{
    world->is_crowded = world->was_cut;
    if (!world->was_cut)
        world->round++;
    world->was_cut = false;
}

static void on_work(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct client_world *world = w->data;

    (void)loop;
    (void)revents;
    end_round(world);
    world->turn_cost = 0;
    client_world_begin_turn(world);
    while (world->first_woken != NULL && world->turn_cost < TURN_COST_MAX &&
           !is_turn_used_up(world)) {
        struct client *c = world->first_woken;

        world->turn_cost += CLIENT_COST;
        leave_woken(c);
        feed_and_flush(c);
    }
    world->turn_cost = 0;
    if (world->first_woken != NULL)
        ev_timer_start(world->loop, &world->next_turn);
}

static void on_next_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct client_world *world = w->data;

    (void)revents;
    ev_feed_event(loop, &world->work, EV_CUSTOM); /* after what has come meanwhile */
}

/* Whether c is read in this turn; otherwise its descriptor shows up again in the next one. */
static bool has_its_turn(struct client *c)
{
    struct client_world *world = c->world;

    if (world->turn_cost >= TURN_COST_MAX)
        world->was_cut = true;
    else if (!world->is_crowded || c->round != world->round)
        return true;
    feed_work(world);
    return false;
}

/* What a peer still sends that is not listened to any more; false when it has hung up. */
static bool discard(struct client *c)
{
    ssize_t n = socket_recv(c->io.fd, c->world->scratch, SCRATCH_BYTES, 0);

    return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

/* After a read that nothing came of yet, as of a request that has to be asked for: feeding and
 * flushing c would change nothing. */
static bool is_at_rest(const struct client *c)
{
    return c->phase == PHASE_OPEN && c->out.len == 0 && c->in.len == 0 && c->buffered == 0 &&
           (c->io.events & EV_WRITE) == 0 && !is_full(c);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    struct client *c = w->data;
    bool is_alive = true;

    (void)loop;
    if (!has_its_turn(c))
        return;
    c->round = c->world->round;
    c->world->turn_cost += CLIENT_COST;
    if (revents & EV_READ)
        is_alive = c->phase == PHASE_LINGERING ? discard(c) : read_requests(c);
    if (!is_alive) {
        client_free(&c);
        return;
    }
    if (is_at_rest(c)) {
        out_give_back(c);
        feed_work(c->world); /* for the end of the round */
    } else if (c->phase != PHASE_LINGERING) {
        client_wake(c);
    }
}

static void on_deadline(void *arg)
{
    struct client *c = arg;

    if (c->phase == PHASE_LINGERING) {
        client_free(&c);
        return;
    }
    refuse(c, "a request was not complete within request_timeout");
    client_wake(c);
}

void client_new(struct client_world *world, struct listener *listener, int fd)
{
    struct client *c = xcalloc(1, sizeof(*c));

    c->world = world;
    c->listener = listener;
    c->conn = ++world->connections;
    /* Both stay small: podop does not read from a client whose session is full. */
    buf_init(&c->in, IN_BYTES_MAX);
    buf_init(&c->out, SIZE_MAX); /* the limits of reply_queue.h and one reply of any size */
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    deadline_init(&c->deadline, on_deadline, c);
    client_unread_init(c);
    c->round = world->round - 1; /* it was not read yet */
    c->next = world->first;
    c->prev_next = &world->first;
    if (c->next != NULL)
        c->next->prev_next = &c->next;
    world->first = c;
    ev_io_start(world->loop, &c->io);
}

void client_world_init(struct client_world *world, struct ev_loop *loop, struct log *log)
{
    *world = (struct client_world){.loop = loop, .log = log, .scratch = xmalloc(SCRATCH_BYTES)};
    world->last_woken = &world->first_woken;
    ev_prepare_init(&world->work, on_work);
    ev_set_priority(&world->work, PRIORITY_CLIENTS);
    world->work.data = world;
    ev_timer_init(&world->next_turn, on_next_turn, 0.0, 0.0);
    world->next_turn.data = world;
    client_world_relief_init(world);
}

void client_world_deinit(struct client_world *world)
{
    world->on_gone = NULL;
    while (world->first != NULL) {
        struct client *c = world->first;

        client_free(&c);
    }
    ev_clear_pending(world->loop, &world->work);
    ev_timer_stop(world->loop, &world->next_turn);
    client_world_relief_stop(world);
    while (world->spare_out_count > 0)
        buf_deinit(&world->spare_out[--world->spare_out_count]);
    free(world->scratch);
}

struct client_counts clients_count(const struct client_world *world)
{
    struct client_counts counts = {0};

    for (const struct client *c = world->first; c != NULL; c = c->next) {
        counts.clients++;
        counts.requests += c->session == NULL ? 0 : c->protocol->pending(c->session);
    }
    return counts;
}

void clients_stop(struct client_world *world)
{
    for (struct client *c = world->first; c != NULL; c = c->next) {
        if (c->phase != PHASE_OPEN)
            continue;
        c->unread = unread_bytes(c->io.fd);
        c->phase = c->unread > 0 ? PHASE_LAST : PHASE_DRAINING;
        read_requests(c); /* a broken connection shows itself again in flush() */
        deadline_stop(&c->deadline);
        client_wake(c);
    }
}
