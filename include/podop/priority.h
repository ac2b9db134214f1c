/* priority.h - in which order the loop calls back what became pending in one wake-up: the highest
 * first, and what is not named here has libev's usual 0. */
#ifndef PODOP_PRIORITY_H
#define PODOP_PRIORITY_H

enum {
    PRIORITY_WATCHDOG = 2, /* before any work, for the service manager may be about to give up */
    PRIORITY_TICKS = -1,   /* timers of libraries, which judge by them: after what came is read */
    PRIORITY_HTTP = -1,    /* libcurl, once for all connections that those led to */
    PRIORITY_CLIENTS = -2, /* writing to a client, at once all that the others brought for it */
};

#endif
