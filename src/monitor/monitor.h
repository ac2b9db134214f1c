/* monitor.h - what podop shows over HTTP: metrics and health. The listener is the server's; here
 * its connections are served. */
#ifndef PODOP_MONITOR_MONITOR_H
#define PODOP_MONITOR_MONITOR_H

#include "document.h"

struct monitor;

/* view is called for each part of a document. */
struct monitor *monitor_new(struct ev_loop *loop, monitor_view_fn *view, void *arg);
/* Closes all connections. *monitor becomes NULL; a NULL *monitor is fine. */
void monitor_free(struct monitor **monitor);

/* Remembers the past for the status page, or forgets it. view must have tables. */
void monitor_remember(struct monitor *monitor, bool is_wanted);
/* Prepares for connections, if that was not done. Returns 0, or -1 with the reason in err. */
int monitor_start(struct monitor *monitor, struct error *err);
/* Serves a connection; see web_server_add(). The monitor must be started. */
void monitor_add(struct monitor *monitor, int fd, web_gone_fn *gone, void *arg);
/* Must be called when view has another router than before. */
void monitor_restart(struct monitor *monitor);

#endif
