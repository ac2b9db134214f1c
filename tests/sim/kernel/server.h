/* server.h - the world's listening sockets, as podop's connect() meets them. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "stream.h"

enum server_answer {
    SERVER_NONE,    /* no socket listens there */
    SERVER_REFUSES, /* nobody listens any more */
    SERVER_SILENT,  /* no answer comes */
    SERVER_FULL,    /* the backlog is full */
    SERVER_TAKES,
};

enum server_answer server_ask(const char *address, struct sim_server **server);
const struct sim_route *server_route(const struct sim_server *server);
/* Puts a connection into the backlog of a server that takes it. */
void server_take(struct sim_server *server, struct stream_end *end);

#endif
