#include "client.h"

#include "client_input.h"
#include "client_output.h"
#include "client_unread.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINGER_MS = 2000 }; /* for the client to read the last answer and hang up */

void client_free(struct client **pclient)
{
    struct client *c = *pclient;
    struct clients *clients = c->clients;

    *pclient = NULL;
    list_remove(&c->node);
    ev_io_stop(clients->loop, &c->io);
    deadline_stop(&c->deadline);
    deadline_stop(&c->unread_deadline);
    client_memory_count(&clients->memory, &c->counted_bytes, 0);
    client_turns_leave(&c->turn);
    if (c->session != NULL)
        c->protocol->close(&c->session);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    close(c->io.fd);
    listener_client_gone(c->listener);
    free(c);
    if (clients->on_gone != NULL)
        clients->on_gone(clients->on_gone_arg);
}

void client_disconnect(struct client **client, const char *reason)
{
    client_unread_log(*client, reason);
    client_free(client);
}

static void watch(struct client *c, int events)
{
    if (ev_is_active(&c->io) && (c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(c->clients->loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events != 0)
        ev_io_start(c->clients->loop, &c->io);
}

static bool is_all_answered(const struct client *c)
{
    return c->out.len == 0 && client_pending(c) == 0;
}

/* Returns whether the client may be freed as soon as every answer is written. Closing a TCP socket
 * with unread bytes would discard answers that are still on their way to the client. */
static bool may_close(const struct client *c)
{
    return !c->must_linger && client_input_arrived_bytes(c) == 0;
}

static void linger(struct client *c)
{
    shutdown(c->io.fd, SHUT_WR);
    c->phase = CLIENT_LINGERING;
    deadline_start_in(&c->deadline, c->clients->loop, LINGER_MS);
}

/* Calls output_drained() of the session, but not for a client without counted memory: a session
 * that waits for the call has pending requests or unread answers, which are counted. */
static void report_drained(struct client *c)
{
    if (c->counted_bytes > 0 && c->out.len == 0 && c->session != NULL &&
        c->protocol->output_drained != NULL)
        c->protocol->output_drained(c->session);
}

/* Serves the client again in the next turn if this one has no room for its answers. No other event
 * would wake the client, because its output is empty. */
static void wake_for_next_turn(struct client *c)
{
    if (client_memory_is_turn_over(&c->clients->memory) && c->out.len == 0 && client_pending(c) > 0)
        client_turns_wake(&c->clients->turns, &c->turn);
}

void client_serve(struct client *c)
{
    if (c->out.len > OUT_BYTES_PER_WAKEUP)
        client_count_memory(c); /* before it is written */
    if (!client_output_flush(c)) {
        client_free(&c);
        return;
    }
    report_drained(c);
    if (c->in.len > 0)
        client_input_feed_kept(c);
    if (c->phase == CLIENT_DRAINING && is_all_answered(c)) {
        if (may_close(c)) {
            client_free(&c);
            return;
        }
        linger(c);
    }
    if (c->out.len > 0) /* answers added since the flush wait until the socket is writable */
        client_unread_watch(c, false);
    watch(c, (client_is_read(c) || c->phase == CLIENT_LINGERING ? EV_READ : 0) |
                 (c->out.len > 0 ? EV_WRITE : 0));
    if (c->out.len > 0 || c->in.len > 0 || c->counted_bytes > 0 ||
        c->clients->memory.is_under_pressure)
        client_count_memory(c);
    wake_for_next_turn(c);
}

/* Returns whether client_serve() would change nothing: the requests that were read have no answers
 * yet. */
static bool is_at_rest(const struct client *c)
{
    return c->phase == CLIENT_READING && c->out.len == 0 && c->in.len == 0 &&
           c->counted_bytes == 0 && (c->io.events & EV_WRITE) == 0 && !client_is_full(c);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
    struct client *c = w->data;
    struct client_turns *turns = &c->clients->turns;
    bool is_alive = true;

    (void)loop;
    if (!client_turns_may_read(turns, &c->turn))
        return;
    if (revents & EV_READ)
        is_alive = c->phase == CLIENT_LINGERING ? client_input_discard(c) : client_input_read(c);
    if (!is_alive) {
        client_free(&c);
        return;
    }
    if (is_at_rest(c)) {
        if (client_pending(c) == 0) /* otherwise the next answer needs the buffer */
            client_output_release(c);
        client_turns_request(turns); /* to end the round */
    } else if (c->phase != CLIENT_LINGERING) {
        client_turns_wake(turns, &c->turn);
    }
}

static void on_deadline(void *arg)
{
    struct client *c = arg;

    if (c->phase == CLIENT_LINGERING) {
        client_free(&c);
        return;
    }
    client_input_refuse(c, "a request was not complete within request_timeout");
    client_turns_wake(&c->clients->turns, &c->turn);
}

static void on_unread_deadline(void *arg)
{
    struct client *c = arg;

    if (!client_unread_has_read(c))
        client_disconnect(&c, "the client read none of its answers within reply_timeout");
}

void client_new(struct clients *clients, struct listener *listener, int fd)
{
    struct client *c = xcalloc(1, sizeof(*c));

    c->clients = clients;
    c->listener = listener;
    c->conn = ++clients->connections;
    client_input_init(c);
    client_output_init(c);
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    deadline_init(&c->deadline, on_deadline, c);
    deadline_init(&c->unread_deadline, on_unread_deadline, c);
    client_turns_join(&clients->turns, &c->turn);
    list_prepend(&clients->all, &c->node);
    ev_io_start(clients->loop, &c->io);
}
