/* http_give_way.h - closes idle connections for the sake of a new one that gets no byte.
 *
 * A server that serves one connection at a time, or as many as it has threads, lets a new one wait
 * until an old one ends, and podop keeps idle connections for a minute. podop sees no more than
 * silence, as of a slow server. So a new connection counts as starved when it gets nothing for
 * longer than connections to this host usually wait. Then the idle connections are closed, unless
 * the host has been seen to serve a new connection beside as many. If none is idle, those that fall
 * idle next are closed.
 *
 * If that does not help in time, the silence had another cause. Then nothing gives way at this host
 * for a while, each time for twice as long. If it helps, new connections have room made for them at
 * once for a while.
 *
 * Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_GIVE_WAY_H
#define PODOP_BACKEND_HTTP_HTTP_GIVE_WAY_H

#include "http_connection.h"

/* The connection begins to wait; the wait has ended with success; it has ended otherwise. */
void http_give_way_begin(struct http_connection *c, enum http_wait_kind kind);
void http_give_way_served(struct http_connection *c);
void http_give_way_end(struct http_connection *c); /* does nothing when it does not wait */

/* Whether the connection, whose exchange has ended, has to be closed instead of becoming idle. */
bool http_give_way_must_close(struct http_connection *c);
/* Makes room for a connection that is about to be made at at_ms, if that has helped recently. */
void http_give_way_make_room(struct http_host *host, uint64_t at_ms);

#endif
