#include "podop/hash.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { SIP_WORD_BYTES = 8 };

/* The names, constants and rotations are those of Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", INDOCRYPT 2012, section 2. */
struct sip {
    uint64_t v0, v1, v2, v3;
};

void hash_key_init_random(struct hash_key *key)
{
    ssize_t got;

    do { /* getrandom(2) returns up to 256 bytes whole or not at all */
        got = getrandom(key, sizeof(*key), 0);
    } while (got == -1 && errno == EINTR);
    if (got != (ssize_t)sizeof(*key)) { /* cannot fail since Linux 3.17; never use a weak key */
        perror("podop: getrandom");
        abort();
    }
}

static inline uint64_t rotate_left(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

/* One compression round and three finalization rounds, as in the hash tables of Rust and Python. A
 * message authentication code needs two and four, but no attacker sees these hashes. The rounds are
 * written out because loops cost an eighth more with gcc -O2. */
static inline void sip_add(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* Returns the last bytes, fewer than eight, as a little-endian word. is_long says that at least
 * eight bytes precede the end of rest, so that one load is enough. */
static inline uint64_t word_of_rest(struct span rest, bool is_long)
{
    uint64_t word = 0;

    if (rest.len == 0)
        return 0;
    if (is_long) {
        memcpy(&word, rest.ptr + rest.len - SIP_WORD_BYTES, sizeof(word));
        return le64toh(word) >> 8 * (SIP_WORD_BYTES - rest.len);
    }
    for (size_t i = 0; i < rest.len; i++)
        word |= (uint64_t)(unsigned char)rest.ptr[i] << (8 * i);
    return word;
}

uint64_t hash_span(const struct hash_key *key, struct span bytes)
{
    const uint64_t k0 = key->low, k1 = key->high;
    const uint64_t last = (uint64_t)bytes.len << 56; /* the length modulo 256 */
    const bool is_long = bytes.len >= SIP_WORD_BYTES;
    struct sip s = {
        .v0 = k0 ^ UINT64_C(0x736f6d6570736575),
        .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
        .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
        .v3 = k1 ^ UINT64_C(0x7465646279746573),
    };

    for (; bytes.len >= SIP_WORD_BYTES; bytes = span_skip(bytes, SIP_WORD_BYTES)) {
        uint64_t word;

        memcpy(&word, bytes.ptr, sizeof(word));
        sip_add(&s, le64toh(word));
    }
    sip_add(&s, last | word_of_rest(bytes, is_long));
    s.v2 ^= 0xff;
    sip_round(&s);
    sip_round(&s);
    sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
