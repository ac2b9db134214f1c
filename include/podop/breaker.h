/* breaker.h - when to leave something alone that keeps failing: after so many failures in a row for
 * a while, then one single request tries it. Plain memory: no loop, no clock. */
#ifndef PODOP_BREAKER_H
#define PODOP_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES_MAX = 5, /* in a row */
    BREAKER_PAUSE_MIN_MS = 1000,
    BREAKER_PAUSE_MAX_MS = 30 * 1000, /* doubled up to this with each trial that fails */
};

/* All zero: it is asked. */
struct breaker {
    unsigned failures; /* in a row, while it is asked */
    uint32_t pause_ms; /* 0: it is asked */
    uint64_t until_ms; /* of the pause */
    bool is_tried;     /* by a request under way */
};

/* Nobody may ask it, but for the one who took the trial. */
static inline bool breaker_is_open(const struct breaker *b)
{
    return b->pause_ms != 0;
}

/* Whether it may be tried: the pause is over, and nobody tries it. Whoever is told so owes one of
 * the three below, with was_trial. */
bool breaker_take_trial(struct breaker *b, uint64_t now_ms);

/* What became of a request. While it is left alone only the trial counts, not those that were under
 * way before. */
void breaker_worked(struct breaker *b, bool was_trial);
void breaker_failed(struct breaker *b, bool was_trial, uint64_t now_ms);
void breaker_drop_trial(struct breaker *b); /* it was given up, or says nothing: another may try */

#endif
