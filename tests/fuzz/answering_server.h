/* answering_server.h - an HTTP server in the same thread as its client, for fuzzers: it does
 * nothing by itself, and the fuzzer decides when and where each byte of an answer is cut. */
#ifndef PODOP_TESTS_FUZZ_ANSWERING_SERVER_H
#define PODOP_TESTS_FUZZ_ANSWERING_SERVER_H

#include "podop/span.h"

enum { SERVER_CONNECTIONS_MAX = 4 };

struct answering_server {
    char path[64]; /* of its unix socket */
    int fd;
    int connections[SERVER_CONNECTIONS_MAX]; /* oldest first */
    size_t count;
    int asked;         /* the connection whose last request is not answered yet; -1: none */
    unsigned accepted; /* connections so far */
};

void server_open(struct answering_server *server); /* its socket is removed at exit */
/* Accepts connections, reads up to max bytes of the request on each, and forgets the connections
 * that the client has closed. A body begins with a NUL, or is read together with its head. */
void server_look(struct answering_server *server, size_t max);
/* Sends bytes on a connection. A client that has closed it does not get them. */
void server_say(int connection, struct span bytes);
/* Takes the request that waits for an answer as answered, and returns its connection or -1. */
int server_take(struct answering_server *server);
void server_close(struct answering_server *server, int connection);
void server_close_all(struct answering_server *server);

#endif
