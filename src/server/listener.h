/* listener.h - a socket that clients connect to. */
#ifndef PODOP_SERVER_LISTENER_H
#define PODOP_SERVER_LISTENER_H

#include "listener_service.h"

#include "podop/socket_address.h"

#include <ev.h>

#include <sys/stat.h>

struct listener;
/* fd is the callee's. */
typedef void listener_accept_fn(void *arg, struct listener *listener, int fd);

struct listener {
    struct listener *next;
    struct ev_loop *loop;
    struct socket_address address;
    struct listener_service *service;    /* what its clients are served, and its settings */
    const struct listen_config *planned; /* what a reload that is being prepared makes of it */
    int fd;                              /* -1: closed, and only there for its clients */
    bool is_unix;
    bool is_borrowed; /* fd was handed over: it listens before us and after us */
    bool is_hidden;   /* bound under a name that nobody knows, until listener_publish() */
    struct socket_address hidden;
    int hidden_dir; /* that name's directory, or -1 */
    dev_t device;   /* of the socket file that is ours */
    ino_t inode;
    ev_io io;
    ev_timer pause; /* runs while descriptors are out */
    uint64_t pause_told_at_ms;
    uint64_t not_reading, unread_warned_at_ms; /* clients that were disconnected for that */
    uint32_t clients;
    int fd_max;
    listener_accept_fn *accept;
    void *accept_arg;
};

/* Binds and listens, and accepts nobody before listener_start(). A unix socket is bound under
 * another name and given its rights; listener_publish() renames it, so nobody ever meets it without
 * them. service is taken. replaced is one of ours that has this path now, or NULL; any other file
 * there may only be a socket on which nobody answers. An address with a descriptor is listened on
 * already, and taken as it is. -1 with ERR_BIND, and no listener. */
int listener_open(struct listener *l, struct ev_loop *loop, const struct socket_address *address,
                  struct listener_service *service, const struct listener *replaced,
                  struct error *err);
int listener_publish(struct listener *l, struct error *err); /* -1 with ERR_BIND */
/* Whether it is open as config wants it; a file of another at its path is not it. */
bool listener_fits(const struct listener *l, const struct listen_config *config);
/* Clients that come are handed to accept; at most max_clients at a time, and with descriptors below
 * fd_max; the others wait in the backlog. Again after each change of these limits. */
void listener_start(struct listener *l, int fd_max, listener_accept_fn *accept, void *arg);
/* Takes who waits in the backlog of a socket that is about to be closed, beyond max_clients, too.
 * Where the socket outlives us, they are left to who is started next. */
void listener_drain(struct listener *l);
void listener_client_gone(struct listener *l); /* one of them has left: there is room again */
/* No more clients; those there are stay, and l with them. The socket file is removed if it is still
 * ours; a socket that was handed over stays as it is. */
void listener_close(struct listener *l);
void listener_free(struct listener **listener); /* closed, and without clients */

#endif
