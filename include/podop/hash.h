/* hash.h - a keyed hash: who does not know the key cannot choose bytes that collide. */
#ifndef PODOP_HASH_H
#define PODOP_HASH_H

#include "podop/span.h"

#include <stdint.h>

/* The paper's k0 and k1. A secret from those who choose what is hashed. */
struct hash_key {
    uint64_t low, high;
};

/* From the kernel's random numbers, for which it may wait early at boot: for start and
 * reload. */
void hash_key_init_random(struct hash_key *key);

/* SipHash-1-3 of bytes; for tables in memory, not for what is stored or sent. */
uint64_t hash_span(const struct hash_key *key, struct span bytes);

#endif
