/* fake_peer.h - a client of one session, without a socket: what it sends is fed as client.c would,
 * what it is sent piles up in out. */
#ifndef PODOP_TESTS_FAKE_PEER_H
#define PODOP_TESTS_FAKE_PEER_H

#include "podop/protocol.h"

struct fake_peer {
    const struct protocol_ops *protocol;
    struct service service;
    struct listen_config listen;
    struct log log;
    struct buf in, out;
    struct session *session;
    unsigned wakes;
    bool is_under_memory_pressure; /* as all clients together may be */
    bool is_bad;                   /* the session will hear no more */
};

void fake_peer_open(struct fake_peer *peer, const struct protocol_ops *protocol,
                    const struct router *router);
void fake_peer_close(struct fake_peer *peer);

void fake_peer_send(struct fake_peer *peer, struct span bytes);
void fake_peer_feed(struct fake_peer *peer); /* what is left of what was sent */
void fake_peer_read(struct fake_peer *peer); /* all that it was sent */

#endif
