/* server_stop.h - ends a server's loop when requests and writes under way are finished. */
#ifndef PODOP_SERVER_SERVER_STOP_H
#define PODOP_SERVER_SERVER_STOP_H

#include "server_state.h"

void server_stop_init(struct server *server);
/* See server_stop(). */
void server_begin_stop(struct server *server);

#endif
