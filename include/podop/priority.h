/* priority.h - the order in which the loop calls the watchers that are pending at a time: the
 * highest priority first. Watchers that are not named here have libev's default of 0. */
#ifndef PODOP_PRIORITY_H
#define PODOP_PRIORITY_H

enum {
    PRIORITY_WATCHDOG = 2, /* first, because the service manager may be about to give up */
    PRIORITY_TICKS = -1, /* timers of libraries: after reading, so that no answer counts as late */
    PRIORITY_HTTP = -1,  /* libcurl and new connections: once for all that the above have started */
    PRIORITY_CLIENTS = -2, /* writing to a client: once, all that the above have brought for it */
};

#endif
