/* hash.h - a keyed hash. An attacker that does not know the key cannot choose colliding input. */
#ifndef PODOP_HASH_H
#define PODOP_HASH_H

#include "podop/span.h"

#include <stdint.h>

/* k0 and k1 of the SipHash paper. Must stay secret from the clients whose keys are hashed. */
struct hash_key {
    uint64_t low, high;
};

/* Fills key with random bytes of the kernel. May block early at boot, so it is called at start and
 * reload only. */
void hash_key_init_random(struct hash_key *key);

/* Computes SipHash-1-3. For hash tables in memory only; the value must not be stored or sent. */
uint64_t hash_span(const struct hash_key *key, struct span bytes);

#endif
