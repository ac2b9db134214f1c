/* keys.h - the keys of a command: arguments of the command line, or lines of standard input.
 * Private to podopctl. */
#ifndef PODOP_CTL_KEYS_H
#define PODOP_CTL_KEYS_H

#include "podop/buf.h"
#include "podop/error.h"

enum { KEY_BYTES_MAX = 1024 * 1024 }; /* podop's default limit for a request */

enum keys_state {
    KEYS_READY, /* a key was returned */
    KEYS_WAIT,  /* keys_fill() must be called first */
    KEYS_END,
    KEYS_BAD, /* a line cannot be a key */
};

struct keys {
    const char **words;
    size_t count, next;
    bool is_input; /* the keys are lines of standard input */
    bool has_ended;
    struct buf in;
    size_t taken; /* bytes of in that belong to returned keys */
    uint64_t line;
};

/* words are borrowed. With may_be_input, a single "-" stands for standard input. */
void keys_init(struct keys *keys, const char **words, size_t count, bool may_be_input);
void keys_deinit(struct keys *keys);

/* Returns the next key, borrowed until the next call on keys. KEYS_BAD fills err. */
enum keys_state keys_next(struct keys *keys, struct span *key, struct error *err);
int keys_fill(struct keys *keys, struct error *err); /* reads once; may block */

/* Reads all of standard input as one value, without a line feed at its end. Returns 0, or -1. */
int keys_read_value(struct buf *value, struct error *err);

#endif
