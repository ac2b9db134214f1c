/* breaker.h - a circuit breaker: it says when to suspend a server that keeps failing, for how long,
 * and which requests may try the server meanwhile. Plain memory: no loop, no clock.
 *
 * What a failure means depends on how far the request came. A request that was never sent says that
 * the server cannot be reached. A request that was sent and not answered may have failed because of
 * its key, so only different keys in a row count. A request that was answered shows that the server
 * is alive: its failure counts only with evidence, such as another server that answers well. */
#ifndef PODOP_BACKEND_BREAKER_H
#define PODOP_BACKEND_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    BREAKER_FAILURES_MAX = 5, /* failures of one kind in a row open the circuit */
    BREAKER_SUSPECTS_MAX = 8, /* how many keys are remembered */
    BREAKER_PAUSE_MIN_MS = 1000,
    BREAKER_PAUSE_MAX_MS = 30 * 1000, /* each failed trial doubles the pause up to this */
    BREAKER_OLD_PAUSES = 2,           /* without a request, after which a suspension is in doubt */
};

enum breaker_kind {
    BREAKER_UNSENT,     /* refused, no such name, TLS: nothing of the request was sent */
    BREAKER_UNANSWERED, /* reset, closed or timed out after some of it was sent */
    BREAKER_ANSWERED,   /* answered with a failure, while another server answered it well */
};

/* Zeroed: closed. Keys are given as a hash, which must not be 0. */
struct breaker {
    unsigned unsent, answered; /* failures in a row, while it is closed */
    unsigned suspect_count;    /* while it is closed: keys in a row that were not answered */
    unsigned suspect_next;     /* the suspect that is overwritten when there is no room */
    uint64_t suspects[BREAKER_SUSPECTS_MAX];
    enum breaker_kind cause; /* while it is open: the kind of the last failure that counted */
    uint32_t pause_ms;       /* 0: closed */
    uint64_t opened_at_ms;
    uint64_t tried_at_ms;       /* the pause begins here */
    uint64_t tried_again_at_ms; /* likewise, for keys that failed already */
    bool is_tried_again;        /* a trial with such a key is under way */
    uint64_t active_at_ms;      /* the last trial or failure; while the circuit is open */
    bool is_in_doubt;           /* see breaker_is_in_doubt() */
};

static inline bool breaker_is_open(const struct breaker *b)
{
    return b->pause_ms != 0;
}

/* Returns whether the circuit is open because of failures that were old when the trial under way
 * began: nothing was known of the server for two pauses. Then there is no reason to refuse the
 * requests that come together with the trial. The next failed trial ends the doubt. */
static inline bool breaker_is_in_doubt(const struct breaker *b)
{
    return breaker_is_open(b) && b->is_in_doubt;
}

/* Returns the number of failures in a row, of the kind that has most. */
unsigned breaker_failures(const struct breaker *b);
/* Returns the time until a trial may begin with a key that has not failed yet; 0: the next
 * request is one. Here and below the pause is at most pause_max_ms, which should be
 * BREAKER_PAUSE_MIN_MS when no other server serves. */
uint64_t breaker_left_ms(const struct breaker *b, uint32_t pause_max_ms, uint64_t now_ms);

/* A request to a suspended server that finds out whether it serves again. */
enum breaker_trial {
    BREAKER_NO_TRIAL,
    BREAKER_TRIAL,
    BREAKER_TRIAL_AGAIN, /* with a key that failed already */
};

/* Says whether a request for key may be a trial while the circuit is open. One trial begins in each
 * pause, even if the one before has not ended: a trial that hangs does not block the next. A key
 * that failed already has trials of its own, one at a time, so that other keys keep theirs. The
 * caller must report the result of a trial with one of the three functions below. */
enum breaker_trial breaker_take_trial(struct breaker *b, uint64_t key, uint32_t pause_max_ms,
                                      uint64_t now_ms);

/* Reports a whole answer. Returns true when the circuit is closed now. Returns false when it is
 * still open; after a trial, breaker_failure() or breaker_drop_trial() must follow. */
bool breaker_answered(struct breaker *b, bool is_failure, enum breaker_trial trial);
/* Reports a failure. While the circuit is open only trials count, not requests from before. */
void breaker_failure(struct breaker *b, enum breaker_kind kind, uint64_t key,
                     enum breaker_trial trial, uint32_t pause_max_ms, uint64_t now_ms);
/* Ends a trial without a result: another request may be a trial at once. */
void breaker_drop_trial(struct breaker *b, enum breaker_trial trial);

#endif
