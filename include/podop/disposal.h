/* disposal.h - large things that nobody needs any more, given back piece by piece, so that no turn
 * of the loop pays for all of them. Plain memory: who has the loop runs it. */
#ifndef PODOP_DISPOSAL_H
#define PODOP_DISPOSAL_H

#include <stdbool.h>
#include <stddef.h>

/* What is to go begins with this one, and is owned by the disposal from disposal_add() on. */
struct disposable {
    struct disposable *next;
    /* Gives back as much as takes about 0.1 ms; false: all of it has gone, itself included. */
    bool (*give_back_some)(struct disposable *self);
};

struct disposal {
    struct disposable *first, **last; /* oldest first */
    unsigned pieces;                  /* so many went: now and then the C library gives them back */
    void (*wake)(void *arg);          /* there is something again; NULL: nobody wants to know */
    void *wake_arg;
};

void disposal_init(struct disposal *disposal, void (*wake)(void *arg), void *wake_arg);
/* A NULL disposal gives all of it back at once. */
void disposal_add(struct disposal *disposal, struct disposable *what);
bool disposal_run(struct disposal *disposal);    /* one piece; false: nothing is left */
void disposal_deinit(struct disposal *disposal); /* all that is left */

/* For give_back_some() of one piece of memory, bytes long, whose contents nobody reads: the kernel
 * gets back a part of it from the end on. false: none of it is worth a piece of its own any more,
 * and free() is due. */
bool disposal_shrink(void *memory, size_t *bytes);

#endif
