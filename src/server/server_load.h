/* server_load.h - the parts of a server that need no socket: configuration, backends and tables. */
#ifndef PODOP_SERVER_SERVER_LOAD_H
#define PODOP_SERVER_SERVER_LOAD_H

#include "server_state.h"

/* Reads the configuration, opens the tables, and initialises everything that needs no socket.
 * Returns NULL as server_new() does. */
struct server *server_load(struct ev_loop *loop, const struct config_source *source,
                           config_report_fn *report, void *arg, struct error *err);
void server_unload(struct server **server); /* ends and frees everything; *server becomes NULL */

/* Returns the environment of this server's tables. */
struct table_env server_table_env(struct server *server);
void server_configure_log(struct server *server);
/* Returns what the server shows of itself; arg is the server. */
struct monitor_view server_view(void *arg);

#endif
