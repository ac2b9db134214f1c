/* stream.h - connections of unix sockets and TCP, and pipes: two ends, and a flow to each of them.
 * What an end knows of the other one is what has arrived. */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include "flow.h"

#include <sys/types.h>

enum stream_kind {
    STREAM_UNIX,
    STREAM_TCP,
    STREAM_PIPE, /* ends[0] reads, ends[1] writes */
};

/* The owner of an end, a descriptor of podop or a peer of the world. */
struct stream_owner_ops {
    void (*arrived)(void *arg);  /* bytes, an end, an error */
    void (*has_room)(void *arg); /* more can be sent than before */
};

struct stream;

struct stream_end {
    struct stream *stream;
    struct stream_end *other;
    struct flow in;                     /* to this end */
    const struct stream_owner_ops *ops; /* NULL: nobody has it, as before accept4() */
    void *arg;
    bool is_open;
    bool is_forgotten;           /* by stream_forget() */
    sim_event_fn *on_late_bytes; /* bytes came for an end that was forgotten; NULL: not told */
    void *late_arg;
    bool has_shut_send, has_shut_receive;
    bool is_gone;             /* a reset has arrived */
    bool has_answered;        /* TCP: a reset was sent for what came after close() */
    int error;                /* SO_ERROR */
    unsigned user_timeout_ms; /* TCP_USER_TIMEOUT; 0: none */
    struct sim_event give_up; /* TCP: nothing was acknowledged for that time */
    struct stream_keepalive {
        int64_t idle_ns, interval_ns, probes; /* of the socket options */
        int64_t heard_ns;                     /* when something has arrived last */
        struct sim_event probe;
    } keepalive; /* SO_KEEPALIVE */
};

struct stream {
    enum stream_kind kind;
    struct stream_end ends[2];
    unsigned busy; /* calls that use it: it is freed later */
};

/* Both ends are open, and must be closed. */
struct stream *stream_new(enum stream_kind kind, const struct sim_route *route);
void stream_own(struct stream_end *end, const struct stream_owner_ops *ops, void *arg);
void stream_set_route(struct stream *stream, const struct sim_route *route);

/* As the system calls of a descriptor that does not block; negative errnos. */
ssize_t stream_send(struct stream_end *end, const void *bytes, size_t len);
ssize_t stream_receive(struct stream_end *end, void *to, size_t max, bool is_peek);
void stream_discard(struct stream_end *end, size_t len); /* of what has arrived */
int stream_shutdown(struct stream_end *end, int how);
void stream_close(struct stream_end *end);
void stream_free_if_over(struct stream *stream); /* after its last end was closed */
void stream_reset(struct stream_end *end);       /* and closes it */
/* The host of this end has lost all memory of it, as by a reboot: nothing is sent. What arrives
 * later is answered with a reset. */
void stream_forget(struct stream_end *end);
void stream_break(struct stream_end *end, int error); /* the network resets both ends */
uint32_t stream_events(const struct stream_end *end);
size_t stream_unsent(const struct stream_end *end); /* SIOCOUTQ */
int stream_take_error(struct stream_end *end);
void stream_set_user_timeout(struct stream_end *end, unsigned ms);
/* Asks a silent peer for a sign of life from now on. */
void stream_keep_alive(struct stream_end *end, int64_t idle_ns, int64_t interval_ns,
                       int64_t probes);

bool stream_is_at_end(const struct stream_end *end); /* nothing more arrives */

#endif
