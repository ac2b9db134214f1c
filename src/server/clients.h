/* clients.h - all clients of one server. */
#ifndef PODOP_SERVER_CLIENTS_H
#define PODOP_SERVER_CLIENTS_H

#include "client_state.h"

#include "monitor/monitor_view.h"

void clients_init(struct clients *clients, struct ev_loop *loop, struct log *log);
void clients_deinit(struct clients *clients); /* hangs up on all of them */

void clients_add(struct clients *clients, struct listener *listener, int fd); /* fd is taken */

struct client_counts clients_count(const struct clients *clients);

/* Answers what has arrived by now, then hangs up on each client. */
void clients_stop(struct clients *clients);

#endif
