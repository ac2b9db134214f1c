/* fake_peer.h - a client of one session, without a socket. Its requests are fed to the session as
 * client.c would feed them; the session's replies are collected in out. */
#ifndef PODOP_TESTS_FAKE_PEER_H
#define PODOP_TESTS_FAKE_PEER_H

#include "fake_table.h"

#include "podop/protocol.h"
#include "protocol/protocols.h"

enum { FAKE_TABLES_MAX = 4 };

/* The tables that a fake peer's sessions find. */
struct fake_tables {
    struct fake_table *tables[FAKE_TABLES_MAX];
    size_t count;
};

struct fake_peer {
    const struct protocol_ops *protocol;
    struct service service;
    const struct fake_tables *tables;
    unsigned unknown_tables; /* requests for others */
    struct listen_config listen;
    struct log log;
    struct buf in, out;
    struct session *session;
    unsigned wakes;
    bool is_under_memory_pressure; /* see session_io */
    bool is_bad;                   /* feed() has returned FEED_BAD: nothing more is fed */
};

void fake_peer_open(struct fake_peer *peer, const struct protocol_ops *protocol,
                    const struct fake_tables *tables);
void fake_peer_close(struct fake_peer *peer);
/* Replaces the tables that sessions find, as a reload does. */
void fake_peer_reload(struct fake_peer *peer, const struct fake_tables *tables);

void fake_peer_send(struct fake_peer *peer, struct span bytes);
void fake_peer_feed(struct fake_peer *peer); /* feeds what the session has not taken yet */
void fake_peer_read(struct fake_peer *peer); /* empties out, then feeds */

#endif
