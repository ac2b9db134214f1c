/* fake_name_server.h - a name server on the loop of the test, over UDP on 127.0.0.1. */
#ifndef PODOP_TESTS_FAKE_NAME_SERVER_H
#define PODOP_TESTS_FAKE_NAME_SERVER_H

#include "podop/dns_answer.h"

#include <ev.h>

#include <stdbool.h>
#include <sys/socket.h>

enum { FAKE_QUERIES_MAX = 1024, FAKE_QUERY_BYTES = 512 };

struct fake_record {
    const char *name;
    enum dns_type type;
    struct span data;
    unsigned ttl_s;
};

struct fake_query {
    unsigned char packet[FAKE_QUERY_BYTES];
    size_t len;
    struct sockaddr_storage peer;
    socklen_t peer_len;
};

/* Answers with the records of a name. A name without records does not exist. Its socket has room
 * for about a hundred queries: a test that starts more runs the loop in between. */
struct fake_name_server {
    struct ev_loop *loop;
    int fd;
    ev_io io;
    char text[32]; /* "127.0.0.1:PORT" */
    const struct fake_record *records;
    size_t record_count;
    bool is_silent;    /* only fake_name_server_release() answers; exception: */
    char loud;         /* names that begin with this letter are answered at once; 0: none */
    unsigned flags;    /* of all answers, without records; 0: as described */
    size_t answer_len; /* all answers are cut to this length; 0: not cut */
    unsigned queries;
    struct fake_query held[FAKE_QUERIES_MAX];
    size_t held_count;
};

void fake_name_server_open(struct fake_name_server *server, struct ev_loop *loop);
/* The same on a UDP socket that the test has bound. */
void fake_name_server_open_at(struct fake_name_server *server, struct ev_loop *loop, int fd);
void fake_name_server_close(struct fake_name_server *server); /* fine when it is closed */
/* Answers all queries that wait because of is_silent. Runs the loop. */
void fake_name_server_release(struct fake_name_server *server);

#endif
