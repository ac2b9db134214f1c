/* fake_backend.h - an HTTP server on the loop of the test, so that the test controls each step. It
 * answers 200 with the request's target as the body, except for these targets:
 *
 *   /hold...      answers after backend_release()
 *   /drop...      closes without an answer
 *   /first-only   answers only the first request of a connection, and closes at the next one
 *   /early...     answers 413 and closes, as soon as it has the head of the request
 *   /eager        answers 200 as soon as it has the head, and then reads the rest
 *   /eager-page   the same, with a body of 100000 bytes
 *   /eager-drop   the same as /eager, but closes without reading the rest */
#ifndef PODOP_TESTS_FAKE_BACKEND_H
#define PODOP_TESTS_FAKE_BACKEND_H

#include "podop/buf.h"

#include <ev.h>

enum { BACKEND_CONNECTIONS_MAX = 64 };

struct backend_conn {
    struct backend *backend;
    ev_io io; /* fd -1: there is no connection in this place */
    struct buf in;
    unsigned requests;
    bool is_eager; /* it has answered already */
    bool is_held;
    char held[64]; /* the target that waits for backend_release() */
};

/* An answer that is sent unchanged, and whether the connection is closed after it. */
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
    struct buf targets; /* of all requests, each followed by a line feed */
    struct buf calls;   /* "METHOD TARGET BODY", the same way */
    struct buf last;    /* the last request with head and body */
};

void backend_open(struct backend *b, struct ev_loop *loop, bool is_unix);
void backend_close(struct backend *b);

bool backend_holds(const struct backend *b, const char *target);
void backend_release(struct backend *b, const char *target); /* answers a request for /hold... */
/* Returns the connection whose request for target waits, or NULL. The next two functions send bytes
 * on that connection, and close it. */
struct backend_conn *backend_held(struct backend *b, const char *target);
void backend_say(struct backend_conn *c, struct span bytes);
void backend_end(struct backend_conn *c);
void backend_drop_connections(struct backend *b); /* closes all */

#endif
