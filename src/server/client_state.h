/* client_state.h - the state of one client, and what all clients of a server share. Only the files
 * client*.c look inside. */
#ifndef PODOP_SERVER_CLIENT_STATE_H
#define PODOP_SERVER_CLIENT_STATE_H

#include "client_memory.h"
#include "client_turns.h"
#include "listener.h"

#include "podop/buf.h"
#include "podop/deadline.h"
#include "podop/list.h"

enum {
    SCRATCH_BYTES = 16 * 1024, /* of one read */
    SCRATCH_ALIGNMENT = 64,    /* a cache line: the search for a line end costs the least */
    SPARE_OUTS_MAX = 128,      /* seldom do more clients have unwritten answers at a time */
};

struct clients {
    struct ev_loop *loop;
    struct log *log;
    struct list all;
    struct client_turns turns;
    struct client_memory memory;
    /* protocol_find(), or a function of a test. */
    const struct protocol_ops *(*find_protocol)(enum listen_mode mode, char first_byte);
    uint64_t connections;       /* accepted since the start; numbers the connections in logs */
    void (*on_gone)(void *arg); /* called after each client that has left; may be NULL */
    void *on_gone_arg;
    char *scratch; /* requests are read into it, so that an idle client owns no buffer */
    struct buf spare_outs[SPARE_OUTS_MAX]; /* empty buffers for clients whose requests are read */
    unsigned spare_out_count;
};

/* What podop does with a client. A broken connection ends each phase: the client is freed.
 *
 *                  |  accepted
 *                  v
 *             READING --------------------.
 *                  |                      |  the client has shut down its sending side,
 *    podop stops   |                      |  or a request was refused
 *                  v                      |
 *             READING_LAST ---------------|
 *                  |                      |
 *    all is read   |                      |
 *                  v                      |
 *             DRAINING <------------------'
 *                  |         |
 *                  |         '-- every answer is written, and no bytes are unread --> freed
 *                  |  every answer is written
 *                  v
 *             LINGERING -- the client has hung up, or the deadline has passed --> freed
 */
enum client_phase {
    CLIENT_READING,
    CLIENT_READING_LAST, /* only what had arrived when podop began to stop */
    CLIENT_DRAINING,     /* reads nothing more; answers are still to be made or written */
    CLIENT_LINGERING,    /* the sending side is shut down, and what arrives is ignored */
};

struct client {
    struct clients *clients;
    struct list_node node; /* of clients->all */
    struct listener *listener;
    const struct protocol_ops *protocol; /* NULL before the first byte */
    struct session *session;             /* NULL before the first byte */
    struct buf
        in; /* read bytes that are not a whole request, or that the session had no room for */
    struct buf out; /* answers that are not written yet */
    enum client_phase phase;
    size_t last_bytes; /* of CLIENT_READING_LAST: still to be read */
    bool must_linger;  /* the client needs time to read the last answer before podop closes */
    ev_io io;
    struct deadline deadline; /* for the rest of a request, or the end of CLIENT_LINGERING */
    struct client_turn turn;
    uint64_t conn;
    size_t counted_bytes; /* of this client in clients->memory */
    /* See client_unread.h: */
    bool is_stalled;                 /* it has read nothing since the last tick of the relief */
    int queued_bytes;                /* in the kernel, when unread_deadline was started */
    struct deadline unread_deadline; /* runs while out is not empty */
};

static inline bool client_is_full(const struct client *c)
{
    return c->session != NULL && c->protocol->is_full(c->session);
}

/* Returns the number of requests under way. */
static inline size_t client_pending(const struct client *c)
{
    return c->session == NULL ? 0 : c->protocol->pending(c->session);
}

/* Returns whether podop reads requests from the client now. */
static inline bool client_is_read(const struct client *c)
{
    return c->phase <= CLIENT_READING_LAST && !client_is_full(c);
}

/* Counts the memory that podop uses for the client now. */
static inline void client_count_memory(struct client *c)
{
    size_t bytes = c->in.len + (c->out.len > 0 ? c->out.cap : 0);

    if (c->session != NULL && c->protocol->buffered_bytes != NULL)
        bytes += c->protocol->buffered_bytes(c->session);
    client_memory_count(&c->clients->memory, &c->counted_bytes, bytes);
}

#endif
