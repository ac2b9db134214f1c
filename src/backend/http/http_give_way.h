/* http_give_way.h - closes idle connections so that the server can serve a new one.
 *
 * A server that serves one connection at a time, or as many as it has threads, lets a new one wait
 * until an old one ends, and podop keeps idle connections for a minute. For podop that looks like a
 * slow server. So a new connection counts as starved when it gets nothing for longer than
 * connections to this host usually wait. Then the idle connections are closed, unless the host has
 * been seen to serve a new connection while as many were idle. If none is idle, those that become
 * idle next are closed.
 *
 * If that does not help in time, the silence had another cause. Then no connections are closed at
 * this host for a while, each time for twice as long. If it helps, then for a while idle
 * connections are closed as soon as a new one is made.
 *
 * Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_GIVE_WAY_H
#define PODOP_BACKEND_HTTP_HTTP_GIVE_WAY_H

#include "http_connection.h"

/* Report that the connection begins to wait, that the wait has ended with success, and that it
 * has ended otherwise. */
void http_give_way_begin(struct http_connection *c, enum http_wait_kind kind);
void http_give_way_served(struct http_connection *c);
void http_give_way_end(struct http_connection *c); /* does nothing when it does not wait */

/* Returns whether the connection, whose exchange has ended, must be closed instead of becoming
 * idle. */
bool http_give_way_must_close(struct http_connection *c);
/* Closes the idle connections, if that has helped recently, before a new one is made at at_ms. */
void http_give_way_make_room(struct http_host *host, uint64_t at_ms);

#endif
