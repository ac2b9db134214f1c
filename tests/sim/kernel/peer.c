#include "peer.h"

#include "transcript.h"

#include "podop/buf.h"
#include "podop/mem.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

struct sim_peer {
    struct stream_end *end;
    const struct sim_peer_ops *ops;
    void *arg;
    struct sim_event deliver;
    struct buf kept; /* what the world was shown and has not taken */
    bool is_held, wants_room, has_ended;
    bool is_closed;   /* freed when its callbacks have returned */
    unsigned running; /* callbacks */
    char name[48];    /* in the transcript */
};

static void peer_free(struct sim_peer *peer)
{
    buf_deinit(&peer->kept);
    free(peer);
}

static void deliver_soon(struct sim_peer *peer)
{
    if (peer->deliver.place == 0 && !peer->is_closed)
        sim_event_in(&peer->deliver, 0);
}

static void on_arrived(void *arg)
{
    deliver_soon(arg);
}

static void on_room(void *arg)
{
    struct sim_peer *peer = arg;

    if (peer->wants_room)
        deliver_soon(peer);
}

static const struct stream_owner_ops owner_ops = {on_arrived, on_room};

static void ignore(void *arg)
{
    (void)arg;
}

static const struct stream_owner_ops no_owner = {ignore, ignore}; /* while it closes */

/* Delivering */

/* Reads all that has arrived. What the world does not take yet is kept in memory of its own, as a
 * process keeps the beginning of a line, so that the window is open again. */
static void give_bytes(struct sim_peer *peer)
{
    const struct span arrived = flow_arrived(&peer->end->in);
    const bool has_kept = peer->kept.len > 0;
    struct span shown = arrived;
    size_t taken;

    if (arrived.len == 0)
        return;
    transcript_bytes(peer->name, "gets", arrived.ptr, arrived.len);
    if (has_kept) {
        buf_add(&peer->kept, arrived);
        shown = buf_span(&peer->kept);
    }
    taken = peer->ops->data(peer->arg, shown.ptr, shown.len);
    if (peer->is_closed)
        return;
    if (has_kept)
        buf_drop(&peer->kept, taken);
    else
        buf_add(&peer->kept, span_skip(arrived, taken));
    if (peer->kept.len == 0)
        buf_deinit(&peer->kept);
    stream_discard(peer->end, arrived.len);
}

static void tell_end(struct sim_peer *peer)
{
    const bool is_reset = peer->end->is_gone;

    if (peer->has_ended || !stream_is_at_end(peer->end))
        return;
    peer->has_ended = true;
    transcript_note(peer->name, is_reset ? "is reset" : "gets the end", 0);
    peer->ops->end(peer->arg, is_reset ? SIM_RESET : SIM_FIN);
}

static void tell_room(struct sim_peer *peer)
{
    if (!peer->wants_room || sim_peer_room(peer) == 0)
        return;
    peer->wants_room = false;
    if (peer->ops->room != NULL)
        peer->ops->room(peer->arg);
}

static void deliver(void *arg)
{
    static void (*const steps[])(struct sim_peer *) = {give_bytes, tell_end, tell_room};
    struct sim_peer *peer = arg;

    if (peer->ops == NULL)
        return;
    peer->running++;
    for (size_t i = 0; i < ARRAY_LEN(steps) && !peer->is_closed; i++) {
        if (!peer->is_held || steps[i] == tell_room)
            steps[i](peer);
    }
    if (--peer->running == 0 && peer->is_closed)
        peer_free(peer);
}

/* Lives */

struct sim_peer *peer_new(struct stream_end *end, const char *name)
{
    static unsigned long peers;
    struct sim_peer *peer = xcalloc(1, sizeof(*peer));

    peer->end = end;
    buf_init(&peer->kept, SIZE_MAX);
    snprintf(peer->name, sizeof(peer->name), "%.30s#%lu", name, ++peers);
    sim_event_init(&peer->deliver, deliver, peer);
    stream_own(end, &owner_ops, peer);
    return peer;
}

void sim_peer_set(struct sim_peer *peer, const struct sim_peer_ops *ops, void *arg)
{
    peer->ops = ops;
    peer->arg = arg;
    deliver_soon(peer);
}

static struct stream_end *give_up(struct sim_peer **ppeer)
{
    struct sim_peer *peer = *ppeer;
    struct stream_end *end = peer->end;

    *ppeer = NULL;
    sim_event_stop(&peer->deliver);
    peer->is_closed = true;
    stream_own(end, &no_owner, NULL);
    if (peer->running == 0)
        peer_free(peer);
    return end;
}

void sim_peer_close(struct sim_peer **ppeer)
{
    if (*ppeer == NULL)
        return;
    transcript_note((*ppeer)->name, "closes", 0);
    stream_close(give_up(ppeer));
}

void sim_peer_reset(struct sim_peer **ppeer)
{
    if (*ppeer == NULL)
        return;
    transcript_note((*ppeer)->name, "resets", 0);
    stream_reset(give_up(ppeer));
}

void sim_peer_forget(struct sim_peer **ppeer, struct sim_route route, sim_event_fn *late, void *arg)
{
    struct stream_end *end;
    struct stream *stream;

    if (*ppeer == NULL)
        return;
    transcript_note((*ppeer)->name, "is forgotten", 0);
    end = give_up(ppeer);
    end->on_late_bytes = late;
    end->late_arg = arg;
    stream = end->stream;
    stream->busy++; /* podop's end may be closed already */
    stream_forget(end);
    stream_set_route(stream, &route);
    stream->busy--;
    stream_free_if_over(stream);
}

bool sim_peer_is_alone(const struct sim_peer *peer)
{
    return !peer->end->other->is_open;
}

/* Use */

size_t sim_peer_room(const struct sim_peer *peer)
{
    return flow_room(&peer->end->other->in);
}

size_t sim_peer_send(struct sim_peer *peer, const void *bytes, size_t len)
{
    const ssize_t n = stream_send(peer->end, bytes, len);

    if (n > 0)
        transcript_bytes(peer->name, "sends", bytes, (size_t)n);
    if (n == -EAGAIN || (n >= 0 && (size_t)n < len))
        peer->wants_room = true;
    return n > 0 ? (size_t)n : 0;
}

void sim_peer_shut(struct sim_peer *peer)
{
    transcript_note(peer->name, "shuts", 0);
    stream_shutdown(peer->end, SHUT_WR);
}

void sim_peer_hold(struct sim_peer *peer, bool is_held)
{
    peer->is_held = is_held;
    deliver_soon(peer);
}

size_t sim_peer_unsent(const struct sim_peer *peer)
{
    return peer->end->other->in.len;
}

void sim_peer_route(struct sim_peer *peer, struct sim_route route)
{
    stream_set_route(peer->end->stream, &route);
}
