/* slices.h - does long work in short slices, one in each turn of the loop. A slice calls step until
 * its time is over, so that clients are served between two slices. */
#ifndef PODOP_SLICES_H
#define PODOP_SLICES_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

struct slices {
    struct ev_loop *loop;
    ev_timer next_turn;
    uint32_t slice_us;
    /* Does a small part of the work. Returns false after the last part, and may then have freed the
     * struct slices. */
    bool (*step)(void *arg);
    void *arg;
};

/* A slice ends with the first step that is over after slice_us microseconds. */
void slices_init(struct slices *slices, struct ev_loop *loop, uint32_t slice_us,
                 bool (*step)(void *arg), void *arg);
void slices_start(struct slices *slices); /* from the next turn on; does nothing when it runs */
void slices_stop(struct slices *slices);  /* zeroed memory is fine */

#endif
