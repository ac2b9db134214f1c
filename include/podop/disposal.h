/* disposal.h - frees large structures piece by piece, so that no single turn of the loop takes
 * long. Plain memory: the owner of the loop calls disposal_run() in each turn. */
#ifndef PODOP_DISPOSAL_H
#define PODOP_DISPOSAL_H

#include <stdbool.h>
#include <stddef.h>

/* A struct that is freed this way begins with this one. disposal_add() takes its ownership. */
struct disposable {
    struct disposable *next;
    /* Frees a part, for about 0.1 ms. Returns false when everything is freed, self included. */
    bool (*give_back_some)(struct disposable *self);
};

struct disposal {
    struct disposable *first, **last; /* oldest first */
    unsigned pieces;                  /* freed so far: every few, free memory goes to the system */
    void (*wake)(void *arg);          /* called when the empty list gets an entry; may be NULL */
    void *wake_arg;
};

void disposal_init(struct disposal *disposal, void (*wake)(void *arg), void *wake_arg);
/* Queues a structure for disposal_run(). With a NULL disposal, frees all of it at once. */
void disposal_add(struct disposal *disposal, struct disposable *what);
bool disposal_run(struct disposal *disposal);    /* frees one piece; false: nothing is left */
void disposal_deinit(struct disposal *disposal); /* frees everything that is left */

/* Helps give_back_some() with one large allocation whose contents are no longer needed: returns its
 * last pages to the kernel and shortens *bytes. Returns false when the rest is small enough for
 * free(). */
bool disposal_shrink(void *memory, size_t *bytes);

#endif
