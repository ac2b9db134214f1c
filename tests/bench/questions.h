/* questions.h - what the load generator asks: each key's request and the one reply to it that is
 * right, as bytes, and the order of the keys. All are made before the first lookup. */
#ifndef PODOP_BENCH_QUESTIONS_H
#define PODOP_BENCH_QUESTIONS_H

#include "podop/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_protocol { BENCH_SOCKETMAP, BENCH_DICT };

struct question {
    struct span request, reply; /* framing included */
};

struct questions {
    enum bench_protocol protocol;
    struct question *items;
    size_t count;
    uint32_t *order; /* indexes of items; repeated from the start */
    size_t order_count;
};

struct questions_config {
    enum bench_protocol protocol;
    const char *table;
    const char *prefix; /* the value is this and the key */
    size_t keys;        /* at least 1 */
    bool in_turn;       /* ask for each key once before any is repeated */
    double zipf;        /* exponent: the n-th key has a weight of 1/n^zipf; 0: all equal */
};

/* Appends the start of a connection: nothing, or the hello of Dovecot 2.3.17 and later. */
void questions_hello(const struct questions_config *config, struct buf *out);

struct questions *questions_new(const struct questions_config *config);
void questions_free(struct questions **questions);

#endif
