/* server_serve.h - what a server does when it begins to serve, and after each reload. */
#ifndef PODOP_SERVER_SERVER_SERVE_H
#define PODOP_SERVER_SERVER_SERVE_H

#include "server_state.h"

/* Accepts clients, within the limits of the current configuration. */
void server_accept(struct server *server);
/* Prepares for the connections of 'http' if config has this setting. Returns 0, or -1 with the
 * reason in err. */
int server_start_monitor(struct server *server, const struct config *config, struct error *err);
/* Notifies the service manager that podop serves. note is added to the status line for people. */
void server_notify_ready(struct server *server, const char *note);
/* Logs the warnings of the current configuration. */
void server_log_warnings(struct server *server);

#endif
