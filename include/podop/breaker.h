/* breaker.h - a circuit breaker: when to suspend something that keeps failing, for how long, and
 * which requests try it meanwhile. Plain memory: no loop, no clock.
 *
 * What a failure says depends on how far the request came. One that was never sent says that the
 * other side cannot be reached. One that was sent and not answered may be the fault of its key
 * alone, so only different keys in a row count. One that was answered shows that the other side
 * lives: it counts only when the caller has evidence, such as another server that answers well. */
#ifndef PODOP_BREAKER_H
#define PODOP_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES_MAX = 5, /* of one kind, in a row: then the circuit opens */
    BREAKER_SUSPECTS_MAX = 8, /* keys that are remembered */
    BREAKER_PAUSE_MIN_MS = 1000,
    BREAKER_PAUSE_MAX_MS = 30 * 1000, /* doubled up to this with each trial that fails */
};

enum breaker_kind {
    BREAKER_UNSENT,     /* refused, no such name, TLS: nothing of the request was sent */
    BREAKER_UNANSWERED, /* reset, closed or timed out after some of it was sent */
    BREAKER_ANSWERED,   /* answered with a failure, and another server answered it well */
};

/* All zero: closed. A key is any hash of it but 0. */
struct breaker {
    unsigned unsent, answered; /* failures in a row, while it is closed */
    unsigned suspect_count;    /* while it is closed, the unanswered keys in a row */
    unsigned suspect_next;     /* in suspects, to be overwritten when all are taken */
    uint64_t suspects[BREAKER_SUSPECTS_MAX];
    enum breaker_kind cause; /* of the last failure that counted, while it is open */
    uint32_t pause_ms;       /* 0: closed */
    uint64_t opened_at_ms;
    uint64_t tried_at_ms;       /* the pause runs from here */
    uint64_t tried_again_at_ms; /* the same for keys that failed already */
    bool is_tried_again;        /* with such a key, which is under way */
};

static inline bool breaker_is_open(const struct breaker *b)
{
    return b->pause_ms != 0;
}

/* How many failures of one kind there are in a row. */
unsigned breaker_failures(const struct breaker *b);
/* How long nothing tries it but a key that failed already; 0: the next request does. Here and below
 * the pause is at most pause_max_ms, which is BREAKER_PAUSE_MIN_MS when nothing else serves. */
uint64_t breaker_left_ms(const struct breaker *b, uint32_t pause_max_ms, uint64_t now_ms);

/* A trial of one that is suspended. */
enum breaker_trial {
    BREAKER_NO_TRIAL,
    BREAKER_TRIAL,
    BREAKER_TRIAL_AGAIN, /* with a key that failed already */
};

/* Whether a request for key may be a trial while the circuit is open. A trial begins once in a
 * pause, whether the one before has ended or not: one that hangs stops no other. A key that failed
 * already gets trials of its own, one at a time, which cost other keys none of theirs. The caller
 * must report what became of a trial with one of the three functions below. */
enum breaker_trial breaker_take_trial(struct breaker *b, uint64_t key, uint32_t pause_max_ms,
                                      uint64_t now_ms);

/* A whole answer came. true: it closed the circuit, or did not have to. false: the circuit is open
 * still; of a trial, breaker_failure() or breaker_drop_trial() must follow. */
bool breaker_answered(struct breaker *b, bool is_failure, enum breaker_trial trial);
/* While the circuit is open only trials count, not what was under way before. */
void breaker_failure(struct breaker *b, enum breaker_kind kind, uint64_t key,
                     enum breaker_trial trial, uint32_t pause_max_ms, uint64_t now_ms);
/* It says nothing: another may try at once. */
void breaker_drop_trial(struct breaker *b, enum breaker_trial trial);

#endif
