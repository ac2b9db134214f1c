/* questions.h - what the load generator asks: each key's request and the one reply to it that is
 * right, as bytes, and the order of the keys. All of it is made before the first lookup. */
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
    uint32_t *order; /* of items; as long as it is varied, then from the start */
    size_t order_count;
};

struct questions_config {
    enum bench_protocol protocol;
    const char *table;
    const char *prefix; /* the value is this and the key */
    size_t keys;        /* at least 1 */
    bool in_turn;       /* each key once, before any comes again */
    double zipf;        /* exponent: the n-th key is asked for 1/n^zipf as often; 0: all alike */
};

/* Appends what a connection begins with: nothing, or the hello of Dovecot 2.3.17 and later. */
void questions_hello(const struct questions_config *config, struct buf *out);

struct questions *questions_new(const struct questions_config *config);
void questions_free(struct questions **questions);

#endif
