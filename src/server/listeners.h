/* listeners.h - all listening sockets of one server. A change of the configuration has two steps: a
 * plan, which does not affect the open sockets, and the switch to it, which succeeds or fails as a
 * whole. */
#ifndef PODOP_SERVER_LISTENERS_H
#define PODOP_SERVER_LISTENERS_H

#include "activation.h"
#include "listener.h"

#include "monitor/monitor_view.h"

struct listeners {
    struct ev_loop *loop;
    struct log *log;
    struct activation *activation; /* borrowed: the sockets that systemd passed */
    const struct admin *admin;     /* borrowed: for the sessions of the control socket */
    struct listener *first;
    struct request_counts past_requests; /* of listeners that are gone */
};

/* Finds the open socket for each listener of config, and opens those that are missing. A new unix
 * socket is not visible under its path yet. Returns 0, or -1 with ERR_BIND and without a plan. */
int listeners_plan(struct listeners *all, struct config *config, struct error *err);
/* Puts the plan into effect: new sockets become visible, all have the settings of config, and those
 * that config does not name are closed after the clients in their backlog are accepted. Returns 0,
 * or -1 with ERR_BIND and without any change when a socket file could not be renamed. */
int listeners_switch(struct listeners *all, struct config *config, struct error *err);

void listeners_serve(struct listeners *all, const struct router *router); /* borrowed */
/* See listener_start(). */
void listeners_start(struct listeners *all, int fd_max, listener_accept_fn *accept, void *arg);
void listeners_forget_closed(struct listeners *all); /* frees those that have no clients */
void listeners_drain(struct listeners *all);         /* see listener_drain() */
void listeners_close(struct listeners *all);
void listeners_close_clients(struct listeners *all); /* all but that of 'http' */
/* Fills *to for the i-th open socket. Returns false: i is too large. */
bool listeners_count(const struct listeners *all, size_t i, struct listener_counts *to);
struct request_counts listeners_count_requests(const struct listeners *all);
void listeners_free(struct listeners *all); /* after the last client */

#endif
