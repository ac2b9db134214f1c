/* notify.h - notifies the service manager that podop serves, reloads or stops, and that its event
 * loop runs (sd_notify(3)). */
#ifndef PODOP_SERVER_NOTIFY_H
#define PODOP_SERVER_NOTIFY_H

#include "podop/buf.h"

#include <ev.h>

struct notify {
    struct ev_loop *loop; /* NULL: not initialised */
    int fd;               /* -1: there is no service manager */
    ev_timer watchdog;
    ev_io writable;     /* runs while waiting is not empty */
    struct buf waiting; /* messages that the service manager had no room for, each with a NUL */
};

/* Reads the socket and the watchdog interval from the environment. Sends nothing yet. */
void notify_init(struct notify *notify, struct ev_loop *loop);
void notify_deinit(struct notify *notify);

/* Announces that podop serves, at its start or after notify_reloading(). status is a line for
 * people. From now on the watchdog message is sent regularly. */
void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
/* Sends one line for people, which "systemctl status" shows. It is cut after 200 bytes. */
void notify_status(struct notify *notify, const char *status);

#endif
