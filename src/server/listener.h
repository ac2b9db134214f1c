/* listener.h - sockets that clients connect to. */
#ifndef PODOP_SERVER_LISTENER_H
#define PODOP_SERVER_LISTENER_H

#include "podop/address.h"
#include "podop/protocol.h"

#include <ev.h>

#include <sys/stat.h>

struct listener;
/* fd is the callee's. */
typedef void listener_accept_fn(void *arg, struct listener *listener, int fd);

struct listener {
    struct listener *next;
    struct ev_loop *loop;
    struct address address;
    struct service service; /* what its clients are served; service.listen is its configuration */
    int fd;
    bool is_unix;
    dev_t device; /* of the socket file that is ours */
    ino_t inode;
    ev_io io;
    ev_timer pause; /* runs while descriptors are out */
    uint64_t pause_told_at_ms;
    uint32_t clients;
    int fd_max;
    listener_accept_fn *accept;
    void *accept_arg;
};

/* Binds and listens, and accepts nobody before listener_start(). A unix socket is bound under
 * another name, given its rights and renamed, so nobody ever meets it without them. A file that is
 * there already is replaced when nobody answers on it. -1 with ERR_BIND. */
int listener_open(struct listener *l, struct ev_loop *loop, const struct address *address,
                  const struct listen_config *config, struct error *err);
/* Clients that come are handed to accept; at most max_clients at a time, and with descriptors below
 * fd_max; the others wait in the backlog. */
void listener_start(struct listener *l, int fd_max, listener_accept_fn *accept, void *arg);
void listener_drain(
    struct listener *l); /* takes who waits in the backlog, as far as there is room */
void listener_client_gone(struct listener *l); /* one of them has left: there is room again */
/* No more clients; those there are stay. The socket file is removed if it is still ours. */
void listener_close(struct listener *l);

#endif
