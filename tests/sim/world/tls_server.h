/* tls_server.h - the server's end of a TLS connection, between a peer of the modelled kernel and
 * what speaks HTTP over it. */
#ifndef SIM_TLS_SERVER_H
#define SIM_TLS_SERVER_H

#include "../kernel/kernel.h"

enum tls_fault {
    TLS_WELL,
    TLS_HANGS,   /* the hello is not answered until tls_server_thaw() */
    TLS_REFUSES, /* an alert */
    TLS_RESETS,
    TLS_EXPIRED,
    TLS_WRONG_NAME,
    TLS_UNKNOWN_AUTHORITY,
    TLS_FAULTS
};
extern const char *const tls_fault_names[TLS_FAULTS];

/* How it behaves now. None of this is a fault, but for the last member. */
struct tls_manner {
    double one_round;     /* the share of connections by TLS 1.3: tickets after the handshake */
    double tickets;       /* of answers with a session ticket before or after them */
    double renegotiates;  /* of requests and idle connections with another handshake, by TLS 1.2 */
    double empty;         /* of records with an empty one before them */
    size_t record;        /* the most bytes of a record; 0: 16 KiB */
    enum tls_fault fault; /* of handshakes */
};

struct tls_identity {
    const char *name;      /* of the certificate */
    const char *authority; /* that has signed it */
};

struct tls_server;

/* Takes the peer, and hands its data, end and room on to ops, which may not close it at once.
 * identity and manner are borrowed, and looked at whenever they matter. */
struct tls_server *tls_server_new(struct sim_peer *peer, const struct tls_identity *identity,
                                  const struct tls_manner *manner, const struct sim_peer_ops *ops,
                                  void *arg);

/* As sim_peer_send(): what it does not take is to be sent again, with room(). */
size_t tls_server_send(struct tls_server *server, const void *bytes, size_t len);
void tls_server_ticket(struct tls_server *server);
void tls_server_renegotiate(struct tls_server *server); /* if that is possible now */
void tls_server_thaw(struct tls_server *server);
void tls_server_hold(struct tls_server *server, bool is_held);
/* As sim_peer_route() and sim_peer_forget(). */
void tls_server_route(struct tls_server *server, struct sim_route route);
void tls_server_forget(struct tls_server **server, struct sim_route route, sim_event_fn *late,
                       void *arg);

enum tls_end {
    TLS_END_NOTIFY, /* close_notify, then FIN */
    TLS_END_FIN,    /* FIN alone, as by a proxy that dies */
    TLS_END_CUT,    /* FIN within a record */
    TLS_END_RESET,
};
/* What was sent is delivered before. */
void tls_server_close(struct tls_server **server, enum tls_end how);

#endif
