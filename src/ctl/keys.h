/* keys.h - the keys to ask for: words of the command line, or lines of standard input. Private to
 * podopctl. */
#ifndef PODOP_CTL_KEYS_H
#define PODOP_CTL_KEYS_H

#include "podop/buf.h"
#include "podop/error.h"

enum { KEY_BYTES_MAX = 1024 * 1024 }; /* as long as a line that podop takes by default */

enum keys_state {
    KEYS_READY, /* there is a key */
    KEYS_WAIT,  /* not before keys_fill() */
    KEYS_END,
    KEYS_BAD,
};

struct keys {
    const char **words;
    size_t count, next;
    bool is_input; /* lines, not words */
    bool has_ended;
    struct buf in;
    size_t taken; /* bytes of in that are done with */
    uint64_t line;
};

/* words are borrowed. With may_be_input, a single "-" stands for standard input. */
void keys_init(struct keys *keys, const char **words, size_t count, bool may_be_input);
void keys_deinit(struct keys *keys);

/* *key stays until the next call on keys. KEYS_BAD comes with ERR_INPUT: a line that can be no key.
 */
enum keys_state keys_next(struct keys *keys, struct span *key, struct error *err);
int keys_fill(struct keys *keys, struct error *err); /* reads once, and blocks if it must */

/* All of standard input as one value, without the line feed at its end. 0, or -1. */
int keys_read_value(struct buf *value, struct error *err);

#endif
