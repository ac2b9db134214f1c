/* notify.h - what the service manager is told of a server: that it serves, reloads, stops, and that
 * its loop still turns. */
#ifndef PODOP_SERVER_NOTIFY_H
#define PODOP_SERVER_NOTIFY_H

#include "podop/buf.h"

#include <ev.h>

struct notify {
    struct ev_loop *loop; /* NULL: nothing was begun */
    int fd;               /* -1: nobody wants to be told */
    ev_timer watchdog;
    ev_io writable;     /* runs while there is something in waiting */
    struct buf waiting; /* messages that the service manager had no room for, each with its NUL */
};

/* Reads how often the service manager wants to hear of us; tells nothing yet. */
void notify_init(struct notify *notify, struct ev_loop *loop);
void notify_deinit(struct notify *notify);

/* Serving, with a line for people; from now on the loop says regularly that it turns. Also the end
 * of what notify_reloading() began. */
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
/* One line for people, as "systemctl status" shows it; longer than 200 bytes is cut. */
void notify_status(struct notify *notify, const char *status);

#endif
