/* server.h - a complete podop on one event loop: owns the configuration, tables, sockets and
 * clients. Two servers can run in one process, each on its own loop. */
#ifndef PODOP_SERVER_H
#define PODOP_SERVER_H

#include "podop/config.h"
#include "podop/error.h"

struct ev_loop;
struct server;

/* Reads the configuration, opens tables and sockets, and drops privileges. Clients wait until
 * server_run(). Returns NULL with the failure in err; each fault of the configuration goes to
 * report, and err has no text then. source is borrowed for the server's life. */
struct server *server_new(struct ev_loop *loop, const struct config_source *source,
                          config_report_fn *report, void *arg, struct error *err);
void server_free(struct server **server);

/* Gives up what podop does not need after its start, for the whole process, so this is for a
 * process that has nothing but this server. Called before server_run(), which starts the first
 * thread. Does nothing if the configuration has sandbox = false. */
void server_enter_sandbox(struct server *server);

/* Serves until a stop is complete. */
void server_run(struct server *server);

/* Begins a reload: a thread reads configuration and files again. If all of that is good, new
 * requests use the new tables, requests under way finish on the old ones, and clients stay
 * connected. If not, each fault is logged and nothing has changed. A reload that is wanted while
 * another one is under way begins after it. */
void server_reload_logged(struct server *server);
void server_log_counters(struct server *server);

/* Returns the version of libmicrohttpd, or "none" when podop is built without it. */
const char *server_microhttpd_version(void);

/* Begins to stop: no client is accepted any more, and requests under way have shutdown_timeout to
 * finish. A second call stops at once. */
void server_stop(struct server *server);

/* Reads and checks the configuration as server_new() does, but opens no socket. Returns 0, or -1
 * after it has reported each fault. warn gets settings that are probably wrong, and failures to
 * expect when podop runs as the configured user. To find those, a process of root changes to that
 * user, and cannot change back. */
int server_check(struct ev_loop *loop, const struct config_source *source, config_report_fn *report,
                 config_report_fn *warn, void *arg, struct error *err);

#endif
