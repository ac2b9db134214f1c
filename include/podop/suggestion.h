/* suggestion.h - the known name that somebody probably meant. */
#ifndef PODOP_SUGGESTION_H
#define PODOP_SUGGESTION_H

#include <stddef.h>

/* How many letters have to be changed, added, dropped or swapped with their neighbour to get from a
 * to b; case does not count. Anything above limit is limit + 1. */
size_t edit_distance(const char *a, const char *b, size_t limit);

/* The search goes name by name, as the names live in structs of all kinds: begin with {.word = w},
 * offer every name, then read best (borrowed; NULL: nothing is near). */
struct suggestion {
    const char *word;
    const char *best;
    size_t distance; /* of best */
};
void suggestion_offer(struct suggestion *suggestion, const char *name);

#endif
