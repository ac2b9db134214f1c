/* client_unread.c - clients that do not read their answers: each has some time to read anything,
 * and all together may leave only so many bytes. */
#include "client_private.h"

#include "podop/clock.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

enum {
    /* Of all clients: requests, open transactions and answers. Beyond that a client with unread
     * answers is asked for nothing more, and long answers wait outside of podop. */
    CLIENTS_BUFFERED_BYTES_MAX = 64 * 1024 * 1024,
    CLIENTS_BUFFERED_BYTES_FINE = CLIENTS_BUFFERED_BYTES_MAX / 4 * 3,
    TURN_TAKEN_BYTES_MAX = 4 * 1024 * 1024, /* for all clients in one turn of the loop */
    RELIEF_TICKS_MAX = 8,                   /* then slow readers go, too */
    WARN_EVERY_MS = 60 * 1000,
};

static const double RELIEF_TICK_SECONDS = 0.25;

/* Bytes that were written and have not left podop's side: a peer that reads makes them fewer. */
static int queued_bytes(int fd)
{
    int bytes;

    return ioctl(fd, SIOCOUTQ, &bytes) == -1 ? 0 : bytes;
}

/* Each is told at info, and once a minute for each listener there is a warning. */
static void log_disconnect(const struct client *c, const char *reason)
{
    struct listener *l = c->listener;
    const uint64_t now_ms = clock_now_ms();

    log_info(c->world->log, "client_refused", LOG_UINT("conn", c->conn),
             LOG_STR("socket", l->address.text), LOG_STR("reason", reason));
    l->not_reading++;
    if (!rate_limit_allows(&l->unread_limit, now_ms, LOG_INTERVAL_MS))
        return;
    log_warning(c->world->log, "client_not_reading", LOG_UINT("conn", c->conn),
                LOG_STR("socket", l->address.text), LOG_UINT("unread_bytes", c->out.len),
                LOG_STR("reason", reason), LOG_UINT("count", l->not_reading));
}

static void disconnect(struct client *c, const char *reason)
{
    log_disconnect(c, reason);
    client_free(&c);
}

static void begin_time(struct client *c)
{
    c->queued = queued_bytes(c->io.fd);
    deadline_start_in(&c->unread_deadline, c->world->loop,
                      listener_service_reply_timeout_ms(c->listener->service));
}

static void on_unread(void *arg)
{
    struct client *c = arg;

    if (queued_bytes(c->io.fd) < c->queued) {
        c->is_stalled = false;
        begin_time(c);
        if (c->session != NULL && c->protocol->output_progressed != NULL)
            c->protocol->output_progressed(c->session);
    } else {
        disconnect(c, "it read nothing of its answers within reply_timeout");
    }
}

void client_unread_init(struct client *c)
{
    deadline_init(&c->unread_deadline, on_unread, c);
}

void client_unread_watch(struct client *c, bool has_progressed)
{
    if (has_progressed)
        c->is_stalled = false;
    if (c->out.len == 0)
        deadline_stop(&c->unread_deadline);
    else if (has_progressed || !deadline_is_running(&c->unread_deadline))
        begin_time(c);
    if (c->out.len > 0 && has_progressed && c->session != NULL &&
        c->protocol->output_progressed != NULL)
        c->protocol->output_progressed(c->session);
}

static void take_bytes(struct client_world *world, size_t bytes)
{
    world->taken_bytes += bytes;
    world->buffered_bytes += bytes;
    if (!world->is_over_limit && world->buffered_bytes > CLIENTS_BUFFERED_BYTES_MAX) {
        world->is_over_limit = true;
        world->relief_ticks = 0;
        ev_timer_again(world->loop, &world->relief);
    }
    world->is_under_memory_pressure =
        world->is_over_limit || world->taken_bytes > TURN_TAKEN_BYTES_MAX;
}

void client_count(struct client *c)
{
    size_t buffered = c->in.len + c->out.len;

    if (c->session != NULL && c->protocol->buffered_bytes != NULL)
        buffered += c->protocol->buffered_bytes(c->session);
    if (buffered > c->buffered)
        take_bytes(c->world, buffered - c->buffered);
    else
        c->world->buffered_bytes -= c->buffered - buffered;
    c->buffered = buffered;
}

void client_world_begin_turn(struct client_world *world)
{
    world->taken_bytes = 0;
    world->is_under_memory_pressure = world->is_over_limit;
}

void client_uncount(struct client *c)
{
    c->world->buffered_bytes -= c->buffered;
    c->buffered = 0;
    deadline_stop(&c->unread_deadline);
}

static size_t average_buffered(const struct client_world *world)
{
    size_t count = 0;

    for (const struct client *c = world->first; c != NULL; c = c->next)
        count += c->buffered > 0;
    return count == 0 ? 0 : world->buffered_bytes / count;
}

/* Those that keep most and do not read have to go; in the end also those that read too slowly. */
static void disconnect_largest(struct client_world *world, bool spares_readers)
{
    const size_t average = average_buffered(world);
    struct client *next;

    for (struct client *c = world->first; c != NULL; c = next) {
        next = c->next;
        if (world->buffered_bytes <= CLIENTS_BUFFERED_BYTES_FINE)
            return;
        if (c->buffered > 0 && c->buffered >= average && (c->is_stalled || !spares_readers))
            disconnect(c, "all clients together leave too much unread, and it is one of those "
                          "that leave most");
    }
}

static void on_relief(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct client_world *world = w->data;

    (void)revents;
    disconnect_largest(world, ++world->relief_ticks < RELIEF_TICKS_MAX);
    for (struct client *c = world->first; c != NULL; c = c->next)
        c->is_stalled = c->buffered > 0;
    if (world->buffered_bytes > CLIENTS_BUFFERED_BYTES_FINE)
        return; /* the timer repeats */
    world->is_over_limit = world->is_under_memory_pressure = false;
    ev_timer_stop(loop, w);
    for (struct client *c = world->first; c != NULL; c = c->next) {
        if (c->session != NULL && c->protocol->pending(c->session) > 0)
            client_wake(c);
    }
}

void client_world_relief_init(struct client_world *world)
{
    ev_init(&world->relief, on_relief);
    world->relief.repeat = RELIEF_TICK_SECONDS;
    world->relief.data = world;
}

void client_world_relief_stop(struct client_world *world)
{
    ev_timer_stop(world->loop, &world->relief);
}
