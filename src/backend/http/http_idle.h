/* http_idle.h - the idle connections of each host, at most max_connections. The one that was
 * used last is used again first, so that connections that only a burst needed grow old and are
 * closed. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_IDLE_H
#define PODOP_BACKEND_HTTP_HTTP_IDLE_H

#include "http_connection.h"

void http_idle_init(struct http *http);
void http_idle_deinit(struct http *http); /* no connection may be idle */

/* Returns whether the connection, which is in use, may become idle. */
bool http_idle_may_add(struct http_connection *c);
void http_idle_add(struct http_connection *c);
void http_idle_close(struct http_connection *c); /* c must be idle */
/* Takes the newest one, of those to address unless that is NULL. Returns NULL if there is none. */
struct http_connection *http_idle_take(struct http_host *host, const struct endpoint *address);
struct http_connection *http_idle_newest(struct http_host *host); /* does not take it */

/* Closes the oldest ones while the host has more connections than its pool allows. One that is
 * about to be made counts. */
void http_idle_make_room(struct http_host *host);
void http_idle_close_all(struct http_host *host);
/* Closes all that have been idle for longer than the pool's idle timeout. */
void http_idle_close_old(struct http *http);
/* Starts the timer that does so after the next idle timeout, and that gives free memory back to
 * the system when no idle connection and no call is left. */
void http_idle_start_timer(struct http *http);

#endif
