/* suggestion.h - finds the known name that is most similar to a misspelt one. */
#ifndef PODOP_SUGGESTION_H
#define PODOP_SUGGESTION_H

#include <stddef.h>

/* Returns how many letters must be changed, added, removed or swapped with their neighbour to turn
 * a into b, ignoring case. Returns limit + 1 for any number above limit. */
size_t edit_distance(const char *a, const char *b, size_t limit);

/* Begin with {.word = w}, offer every known name, then read best (borrowed; NULL: no name is
 * similar). Names are offered one by one because they live in structs of different kinds. */
struct suggestion {
    const char *word;
    const char *best;
    size_t distance; /* of best */
};
void suggestion_offer(struct suggestion *suggestion, const char *name);

#endif
