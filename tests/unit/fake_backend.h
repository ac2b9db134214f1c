/* fake_backend.h - an HTTP server on the test's own loop, so that the test knows its every step. It
 * answers 200 with the request's target as body, but for targets that are listed otherwise:
 * /hold...: when the test says so. /drop...: closes without a byte. /first-only: closes on every
 * request but the first of a connection. /early...: answers 413 and closes as soon as the head of
 * the request is there. /eager: answers 200 as soon as it is, and reads the rest then; /eager-page:
 * with 100000 bytes; /eager-drop: does not read it. */
#ifndef PODOP_TESTS_FAKE_BACKEND_H
#define PODOP_TESTS_FAKE_BACKEND_H

#include "podop/buf.h"

#include <ev.h>

enum { BACKEND_CONNECTIONS_MAX = 64 };

struct backend_conn {
    struct backend *backend;
    ev_io io; /* its fd is -1 when there is no such connection */
    struct buf in;
    unsigned requests;
    bool is_eager; /* it has answered already */
    bool is_held;
    char held[64]; /* the target that waits for backend_release() */
};

/* An answer that is sent as it is, and the end of the connection behind it. */
struct backend_script {
    const char *target;
    struct span bytes;
    bool closes;
};

struct backend {
    struct ev_loop *loop;
    ev_io io;
    char base[64]; /* "http://127.0.0.1:PORT" */
    char path[64]; /* of the unix socket, or empty */
    struct backend_conn conns[BACKEND_CONNECTIONS_MAX];
    const struct backend_script *script;
    size_t script_count;
    unsigned accepted, closed_by_client, open, open_max;
    unsigned requests;
    struct buf targets; /* of all requests, each with a line feed behind it */
    struct buf calls;   /* "METHOD TARGET BODY", the same way */
    struct buf last;    /* the last request, head, body and all */
};

void backend_open(struct backend *b, struct ev_loop *loop, bool is_unix);
void backend_close(struct backend *b);

bool backend_holds(const struct backend *b, const char *target);
void backend_release(struct backend *b, const char *target); /* answers it */
/* The connection whose request for target waits, or NULL; what it is told piece by piece; its end.
 */
struct backend_conn *backend_held(struct backend *b, const char *target);
void backend_say(struct backend_conn *c, struct span bytes);
void backend_end(struct backend_conn *c);
void backend_drop_connections(struct backend *b); /* closes all, whatever they wait for */

#endif
