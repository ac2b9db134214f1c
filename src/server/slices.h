/* slices.h - does long work in short slices, one in each turn of the loop. A slice calls step for
 * two milliseconds, so that clients are served between two slices. */
#ifndef PODOP_SERVER_SLICES_H
#define PODOP_SERVER_SLICES_H

#include <ev.h>
#include <stdbool.h>

struct slices {
    struct ev_loop *loop;
    ev_timer next_turn;
    /* Does a small part of the work. Returns false after the last part, and may then have freed the
     * struct slices. */
    bool (*step)(void *arg);
    void *arg;
};

void slices_init(struct slices *slices, struct ev_loop *loop, bool (*step)(void *arg), void *arg);
void slices_start(struct slices *slices); /* from the next turn on; does nothing when it runs */
void slices_stop(struct slices *slices);  /* zeroed memory is fine */

#endif
