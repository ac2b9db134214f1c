#include "breaker.h"

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool is_suspect(const struct breaker *b, uint64_t key)
{
    for (unsigned i = 0; i < b->suspect_count; i++) {
        if (b->suspects[i] == key)
            return true;
    }
    return false;
}

static void add_suspect(struct breaker *b, uint64_t key)
{
    if (is_suspect(b, key))
        return;
    if (b->suspect_count < BREAKER_SUSPECTS_MAX) {
        b->suspects[b->suspect_count++] = key;
    } else {
        b->suspects[b->suspect_next] = key;
        b->suspect_next = (b->suspect_next + 1) % BREAKER_SUSPECTS_MAX;
    }
}

static void remove_suspect(struct breaker *b, uint64_t key)
{
    for (unsigned i = 0; i < b->suspect_count; i++) {
        if (b->suspects[i] != key)
            continue;
        b->suspects[i] = b->suspects[--b->suspect_count];
        b->suspect_next = 0;
        return;
    }
}

unsigned breaker_failures(const struct breaker *b)
{
    unsigned most = b->unsent > b->answered ? b->unsent : b->answered;

    return most > b->suspect_count ? most : b->suspect_count;
}

static uint64_t left_ms(uint64_t since_ms, uint32_t pause_ms, uint64_t now_ms)
{
    return since_ms + pause_ms > now_ms ? since_ms + pause_ms - now_ms : 0;
}

uint64_t breaker_left_ms(const struct breaker *b, uint32_t pause_max_ms, uint64_t now_ms)
{
    return left_ms(b->tried_at_ms, least(b->pause_ms, pause_max_ms), now_ms);
}

static void begin_trial(struct breaker *b, uint32_t pause_ms, uint64_t now_ms)
{
    if (left_ms(b->active_at_ms, BREAKER_OLD_PAUSES * pause_ms, now_ms) == 0)
        b->is_in_doubt = true;
    b->active_at_ms = now_ms;
}

static enum breaker_trial take_again(struct breaker *b, uint32_t pause_ms, uint64_t now_ms)
{
    if (b->is_tried_again || left_ms(b->tried_again_at_ms, pause_ms, now_ms) > 0)
        return BREAKER_NO_TRIAL;
    b->is_tried_again = true;
    b->tried_again_at_ms = now_ms;
    begin_trial(b, pause_ms, now_ms);
    return BREAKER_TRIAL_AGAIN;
}

enum breaker_trial breaker_take_trial(struct breaker *b, uint64_t key, uint32_t pause_max_ms,
                                      uint64_t now_ms)
{
    const uint32_t pause_ms = least(b->pause_ms, pause_max_ms);

    if (!breaker_is_open(b))
        return BREAKER_NO_TRIAL;
    if (is_suspect(b, key))
        return take_again(b, pause_ms, now_ms);
    if (left_ms(b->tried_at_ms, pause_ms, now_ms) > 0)
        return BREAKER_NO_TRIAL;
    b->tried_at_ms = now_ms;
    begin_trial(b, pause_ms, now_ms);
    add_suspect(b, key); /* while this trial hangs, the next one is for another key */
    return BREAKER_TRIAL;
}

bool breaker_answered(struct breaker *b, bool is_failure, enum breaker_trial trial)
{
    if (!breaker_is_open(b)) {
        b->unsent = b->suspect_count = 0;
        b->answered = is_failure ? b->answered : 0;
        return true;
    }
    if (b->cause == BREAKER_UNSENT && trial == BREAKER_NO_TRIAL)
        return false; /* it came over an older connection */
    if (b->cause == BREAKER_ANSWERED && is_failure)
        return false;
    *b = (struct breaker){.pause_ms = 0};
    return true;
}

/* Counts a failure and returns whether the circuit must open. */
static bool count(struct breaker *b, enum breaker_kind kind, uint64_t key)
{
    switch (kind) {
    case BREAKER_UNSENT: return ++b->unsent >= BREAKER_FAILURES_MAX;
    case BREAKER_ANSWERED: return ++b->answered >= BREAKER_FAILURES_MAX;
    case BREAKER_UNANSWERED: add_suspect(b, key); return b->suspect_count >= BREAKER_FAILURES_MAX;
    }
    return false;
}

static void open_circuit(struct breaker *b, enum breaker_kind kind, uint64_t key, uint64_t now_ms)
{
    if (kind == BREAKER_ANSWERED)
        add_suspect(b, key);
    b->cause = kind;
    b->pause_ms = BREAKER_PAUSE_MIN_MS;
    b->opened_at_ms = b->tried_at_ms = b->tried_again_at_ms = b->active_at_ms = now_ms;
    b->is_tried_again = b->is_in_doubt = false;
}

static uint32_t longer_pause_ms(const struct breaker *b, uint32_t pause_max_ms)
{
    return b->pause_ms < pause_max_ms / 2 ? b->pause_ms * 2 : pause_max_ms;
}

/* Closes the circuit, which was open because no connection could be made, and now one was. */
static void close_for_suspect(struct breaker *b, uint64_t key)
{
    *b = (struct breaker){.suspect_count = 1, .suspects = {key}};
}

static void end_doubt(struct breaker *b, uint64_t now_ms)
{
    b->is_in_doubt = false;
    b->active_at_ms = now_ms;
}

/* Ends the trial of a key that failed already. The key may be the cause, so the pause stays. */
static void fail_again(struct breaker *b, enum breaker_kind kind, uint64_t key)
{
    b->is_tried_again = false;
    if (kind == BREAKER_UNSENT)
        remove_suspect(b, key);
}

static void fail_trial(struct breaker *b, enum breaker_kind kind, uint64_t key,
                       uint32_t pause_max_ms)
{
    b->cause = kind;
    if (kind == BREAKER_UNSENT)
        remove_suspect(b, key);
    if (kind == BREAKER_UNANSWERED)
        b->pause_ms = BREAKER_PAUSE_MIN_MS;
    else
        b->pause_ms = longer_pause_ms(b, pause_max_ms);
}

void breaker_failure(struct breaker *b, enum breaker_kind kind, uint64_t key,
                     enum breaker_trial trial, uint32_t pause_max_ms, uint64_t now_ms)
{
    if (!breaker_is_open(b)) {
        if (count(b, kind, key))
            open_circuit(b, kind, key, now_ms);
    } else if (trial != BREAKER_NO_TRIAL && kind == BREAKER_UNANSWERED &&
               b->cause == BREAKER_UNSENT) {
        close_for_suspect(b, key);
    } else if (trial == BREAKER_TRIAL_AGAIN) {
        end_doubt(b, now_ms);
        fail_again(b, kind, key);
    } else if (trial == BREAKER_TRIAL) {
        end_doubt(b, now_ms);
        fail_trial(b, kind, key, pause_max_ms);
    }
}

void breaker_drop_trial(struct breaker *b, enum breaker_trial trial)
{
    if (trial == BREAKER_TRIAL)
        b->tried_at_ms = 0;
    if (trial == BREAKER_TRIAL_AGAIN) {
        b->tried_again_at_ms = 0;
        b->is_tried_again = false;
    }
}
