/* listeners.h - all sockets of one server. A change of the configuration is planned first, which
 * touches nothing that runs, and then done or given up as a whole. */
#ifndef PODOP_SERVER_LISTENERS_H
#define PODOP_SERVER_LISTENERS_H

#include "activation.h"
#include "listener.h"

struct listeners {
    struct ev_loop *loop;
    struct log *log;
    struct activation *activation; /* borrowed: the sockets that were handed over */
    const struct admin *admin;     /* borrowed: what the control socket leads to */
    struct listener *first;
};

/* Finds the open socket that fits for each of config's, and opens those that miss. Of the latter a
 * unix socket has no name yet. -1 with ERR_BIND: nothing has changed. */
int listeners_plan(struct listeners *all, struct config *config, struct error *err);
/* The planned sockets are there, with config; those it does not name are closed, once who waits in
 * their backlog is taken. -1 with ERR_BIND when a file could not be put into its place: nothing has
 * changed. */
int listeners_switch(struct listeners *all, struct config *config, struct error *err);

void listeners_serve(struct listeners *all, const struct router *router);
/* See listener_start(). */
void listeners_start(struct listeners *all, int fd_max, listener_accept_fn *accept, void *arg);
void listeners_forget_closed(struct listeners *all); /* those without clients */
void listeners_drain(struct listeners *all);         /* see listener_drain() */
void listeners_close(struct listeners *all);
void listeners_free(struct listeners *all); /* no client is there any longer */

#endif
