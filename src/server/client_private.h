/* client_private.h - a client as the files that serve it see it. Private to src/server. */
#ifndef PODOP_SERVER_CLIENT_PRIVATE_H
#define PODOP_SERVER_CLIENT_PRIVATE_H

#include "client.h"

#include "podop/deadline.h"

enum client_phase {
    PHASE_OPEN,
    PHASE_LAST,      /* podop stops: what had arrived by then is read as there is room for it */
    PHASE_DRAINING,  /* nothing more is read; replies are pending */
    PHASE_LINGERING, /* every answer is written and the sending side shut down */
};

struct client {
    struct client_world *world;
    struct client *next, **prev_next;
    struct listener *listener;
    const struct protocol_ops *protocol; /* NULL until the first byte is there */
    struct session *session;
    struct buf in;  /* the rest that is no whole request, or comes when the session has room */
    struct buf out; /* answers that the kernel did not take yet */
    enum client_phase phase;
    size_t unread; /* of PHASE_LAST: bytes that are the last */
    bool lingers;  /* after the last answer the peer has to be given time to read it */
    ev_io io;
    struct deadline deadline; /* a request has to be complete, or the peer to hang up, by then */
    struct client *next_woken, **prev_next_woken; /* prev_next_woken is NULL outside of the list */
    uint64_t conn;
    uint32_t round; /* in which it was read last */
    /* client_unread.c: */
    size_t buffered;                 /* its bytes that are counted in world->buffered_bytes */
    bool is_stalled;                 /* it took nothing since podop looked last */
    int queued;                      /* bytes that the kernel had for it when its time began */
    struct deadline unread_deadline; /* runs while out is not empty */
};

void client_free(struct client **client);
void client_wake(struct client *client); /* it is fed and flushed when the loop is about to wait */

/* client_unread.c: clients that do not read */

void client_unread_init(struct client *client);
/* After each attempt to write to it; it took some bytes, or none. */
void client_unread_watch(struct client *client, bool has_progressed);
/* What podop keeps for it may have changed. */
void client_count(struct client *client);
void client_uncount(struct client *client); /* it leaves */

void client_world_begin_turn(struct client_world *world);
void client_world_relief_init(struct client_world *world);
void client_world_relief_stop(struct client_world *world);

#endif
