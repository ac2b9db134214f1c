/* server.h - a whole podop on one loop: owns the configuration, the tables, the sockets and the
 * clients. Two of them can live in one process. */
#ifndef PODOP_SERVER_H
#define PODOP_SERVER_H

#include "podop/config.h"
#include "podop/error.h"

struct ev_loop;
struct server;

/* Reads the configuration, opens tables and sockets and drops privileges; clients wait until
 * server_run(). NULL with the failure in err; each fault of the configuration goes to report, and
 * err has no text then. source is borrowed for the server's life. */
struct server *server_new(struct ev_loop *loop, const struct config_source *source,
                          config_report_fn *report, void *arg, struct error *err);
void server_free(struct server **server);

/* Serves until server_stop() has come to its end. */
void server_run(struct server *server);

/* Begins to read everything anew, in a thread; when all of it is good, podop goes on with that: new
 * requests meet the new tables, those under way finish on the old ones, and clients stay connected.
 * Else each fault goes to the log and nothing at all has changed. While one is under way another
 * may be asked for, and follows it. */
void server_reload_logged(struct server *server);
void server_log_counters(struct server *server);

/* No new clients; requests under way finish, within shutdown_timeout. A second call ends at once.
 */
void server_stop(struct server *server);

/* Reads and checks the configuration as server_new() would, but opens no socket: 0 when it is
 * good, else -1, each fault told. What is allowed and hardly meant goes to warn; so does what will
 * fail once podop is the configured user, as root becomes that user here, for good. */
int server_check(struct ev_loop *loop, const struct config_source *source, config_report_fn *report,
                 config_report_fn *warn, void *arg, struct error *err);

#endif
