/* suggestion.h - finds the known name that a mistyped word most likely stands for. */
#ifndef PODOP_SUGGESTION_H
#define PODOP_SUGGESTION_H

#include <stddef.h>

/* Counts the letters that have to be changed, added, dropped or swapped with their neighbour to get
 * from a to b, ignoring case. Anything above limit is limit + 1. */
size_t edit_distance(const char *a, const char *b, size_t limit);

/* To search, begin with {.word = w}, offer every known name, then read best, which is borrowed;
 * NULL: no name is near. */
struct suggestion {
    const char *word;
    const char *best;
    size_t distance; /* of best */
};
void suggestion_offer(struct suggestion *suggestion, const char *name);

#endif
