/* word.h - tests whether any of eight bytes has a property, in a few instructions. Independent of
 * the byte order of the machine. */
#ifndef PODOP_WORD_H
#define PODOP_WORD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { WORD_BYTES = sizeof(uint64_t) };

#define WORD_ONES UINT64_C(0x0101010101010101)

static inline uint64_t word_load(const char *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Returns whether one of the bytes is below limit, which is at most 0x80. The subtraction can
 * borrow from the next byte only if the byte before it is below limit, so the result stays right.
 */
static inline bool word_has_below(uint64_t word, unsigned char limit)
{
    return ((word - WORD_ONES * limit) & ~word & WORD_ONES * 0x80) != 0;
}

static inline bool word_is_ascii(uint64_t word)
{
    return (word & WORD_ONES * 0x80) == 0;
}

static inline bool word_has(uint64_t word, char byte)
{
    return word_has_below(word ^ WORD_ONES * (unsigned char)byte, 1);
}

#endif
