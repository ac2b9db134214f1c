/* slices.h - long work in short slices, one in each turn of the loop. */
#ifndef PODOP_SERVER_SLICES_H
#define PODOP_SERVER_SLICES_H

#include <ev.h>
#include <stdbool.h>

struct slices {
    struct ev_loop *loop;
    ev_timer next_turn;
    bool (*step)(
        void *arg); /* a small part of the work; false: it was the last, and slices may be gone */
    void *arg;
};

void slices_init(struct slices *slices, struct ev_loop *loop, bool (*step)(void *arg), void *arg);
void slices_start(struct slices *slices); /* from the next turn on; no matter if it runs */
void slices_stop(struct slices *slices);

#endif
