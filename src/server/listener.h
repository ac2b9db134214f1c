/* listener.h - a listening socket: opens it, accepts clients, and removes its file at the end. */
#ifndef PODOP_SERVER_LISTENER_H
#define PODOP_SERVER_LISTENER_H

#include "admission.h"
#include "listener_service.h"

#include "podop/rate_limit.h"
#include "podop/socket_address.h"

#include <ev.h>

#include <sys/stat.h>

struct listener;
/* Takes fd, the socket of a new client. */
typedef void listener_accept_fn(void *arg, struct listener *listener, int fd);

struct listener {
    struct listener *next;
    struct ev_loop *loop;
    struct socket_address address;
    struct listener_service *service; /* its settings and tables, for its clients */
    const struct listen_config
        *planned; /* during a reload: its next settings; NULL: to be closed */
    int fd;       /* -1: closed, and kept only until its clients are gone */
    bool is_unix;
    bool is_borrowed; /* systemd passed fd, which listens before podop starts and after it stops */
    bool is_hidden;   /* bound under a temporary name, until listener_publish() */
    bool
        is_swapped; /* the temporary name has the file that was replaced, until listener_settle() */
    struct socket_address hidden;
    int hidden_dir; /* descriptor of the directory in hidden, or -1 */
    dev_t device;   /* device and inode identify podop's own socket file */
    ino_t inode;
    ev_io io;
    ev_timer pause;                 /* runs while no descriptors are free */
    struct rate_limit pause_limit;  /* of the event accept_paused */
    struct rate_limit unread_limit; /* of the event client_not_reading */
    struct admission admission;     /* who was refused */
    uint64_t not_reading;           /* clients that were disconnected because they did not read */
    uint64_t accepted;              /* clients, since the listener was opened */
    uint32_t clients;               /* connected now */
    int fd_max;                     /* clients get descriptors below this */
    listener_accept_fn *accept;
    void *accept_arg;
};

/* Binds and listens; clients are accepted from listener_start() on. A unix socket is bound under a
 * temporary name, gets its owner, group and permissions, and is renamed by listener_publish(), so
 * no client ever sees it with other permissions. service is taken. replaced is the listener of this
 * server that has the path now, or NULL. Any other file at the path is an error, unless it is a
 * socket on which nothing answers. An address that has a descriptor is listening already, and is
 * used as it is. Returns -1 with ERR_BIND, ERR_NO_ADDRESS or ERR_CONFIG, and then *l needs no
 * listener_close(). */
int listener_open(struct listener *l, struct ev_loop *loop, const struct socket_address *address,
                  struct listener_service *service, const struct listener *replaced,
                  struct error *err);
/* Renames the socket file to its path. -1 with ERR_BIND. listener_close() undoes it and puts a file
 * that was replaced back, where the file system can exchange two names. */
int listener_publish(struct listener *l, struct error *err);
void listener_settle(struct listener *l); /* removes the file that was replaced */
/* Returns whether the open socket has the owner, group and permissions of config, and its file is
 * still at its path. */
bool listener_fits(const struct listener *l, const struct listen_config *config);
/* Accepts clients, calls accept for each, and keeps to the limits: max_clients at a time, and
 * descriptors below fd_max. Further clients wait in the backlog. Called again when a limit has
 * changed. */
void listener_start(struct listener *l, int fd_max, listener_accept_fn *accept, void *arg);
/* Accepts all clients in the backlog of a socket that is about to be closed, even beyond
 * max_clients, but not those of 'http', which ask again. A borrowed socket keeps its backlog for
 * the next process. */
void listener_drain(struct listener *l);
void listener_client_gone(struct listener *l); /* must be called for each freed client */
/* Closes the socket; connected clients stay. The socket file is removed if it is still podop's own.
 * A borrowed descriptor stays open. */
void listener_close(struct listener *l);
void listener_free(struct listener **listener); /* closed, and without clients */

#endif
