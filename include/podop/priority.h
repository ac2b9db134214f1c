/* priority.h - the order in which the loop calls the watchers that are pending at a time: the
 * highest priority first. Watchers that are not named here have libev's default of 0. */
#ifndef PODOP_PRIORITY_H
#define PODOP_PRIORITY_H

enum {
    PRIORITY_WATCHDOG = 2, /* first, because the service manager may be about to give up */
    /* timers of libraries: after reading, so that no answer that has arrived times out */
    PRIORITY_TICKS = -1,
    PRIORITY_HTTP = -1, /* TLS and new connections: one pass for all that the above have started */
    /* writing to clients: one write for all replies that the above have made */
    PRIORITY_CLIENTS = -2,
};

#endif
