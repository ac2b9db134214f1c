#include "podop/breaker.h"

bool breaker_take_trial(struct breaker *b, uint64_t now_ms)
{
    if (b->pause_ms == 0 || b->is_tried || now_ms < b->until_ms)
        return false;
    b->is_tried = true;
    return true;
}

void breaker_worked(struct breaker *b, bool was_trial)
{
    if (b->pause_ms == 0 || was_trial)
        *b = (struct breaker){0};
}

static uint32_t next_pause_ms(const struct breaker *b)
{
    if (b->pause_ms == 0)
        return BREAKER_PAUSE_MIN_MS;
    return b->pause_ms < BREAKER_PAUSE_MAX_MS / 2 ? b->pause_ms * 2 : BREAKER_PAUSE_MAX_MS;
}

void breaker_failed(struct breaker *b, bool was_trial, uint64_t now_ms)
{
    if (b->pause_ms == 0 ? ++b->failures < BREAKER_FAILURES_MAX : !was_trial)
        return;
    *b = (struct breaker){.pause_ms = next_pause_ms(b)};
    b->until_ms = now_ms + b->pause_ms;
}

void breaker_drop_trial(struct breaker *b)
{
    b->is_tried = false;
}
