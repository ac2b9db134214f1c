/* program_slow.h - slow keys: keys that a program did not answer. If a slow key is asked again,
 * it may block or kill the next process, so podop sends it to one process only. Plain memory. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_SLOW_H
#define PODOP_TABLE_PROGRAM_PROGRAM_SLOW_H

#include <stdbool.h>
#include <stdint.h>

enum { PROGRAM_SLOW_KEYS_MAX = 16 }; /* the oldest is forgotten first */

/* Zeroed: no keys. Each key is a hash other than 0; 0 is never slow. */
struct program_slow {
    uint64_t keys[PROGRAM_SLOW_KEYS_MAX];
    unsigned count, next;
};

bool program_slow_has(const struct program_slow *slow, uint64_t key);
void program_slow_add(struct program_slow *slow, uint64_t key);
void program_slow_remove(struct program_slow *slow, uint64_t key);

#endif
