/* rate_limit.h - says when a repeated event may be logged: at once, then at most once in an
 * interval. Plain memory: the caller gives the time. */
#ifndef PODOP_RATE_LIMIT_H
#define PODOP_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

enum { LOG_INTERVAL_MS = 60 * 1000 }; /* the usual interval between two lines about one thing */

/* Zero-initialised: nothing was logged yet. */
struct rate_limit {
    uint64_t logged_at_ms;
    bool was_logged;
};

/* Returns after how many milliseconds the event may be logged again; 0: now. */
static inline uint64_t rate_limit_left_ms(const struct rate_limit *limit, uint64_t now_ms,
                                          uint64_t interval_ms)
{
    const uint64_t passed_ms = now_ms - limit->logged_at_ms;

    return limit->was_logged && passed_ms < interval_ms ? interval_ms - passed_ms : 0;
}

/* Returns whether the event may be logged now, and records that it is. now_ms never decreases. */
static inline bool rate_limit_allows(struct rate_limit *limit, uint64_t now_ms,
                                     uint64_t interval_ms)
{
    if (rate_limit_left_ms(limit, now_ms, interval_ms) > 0)
        return false;
    limit->was_logged = true;
    limit->logged_at_ms = now_ms;
    return true;
}

#endif
