#include "podop/outage.h"

enum { OUTAGE_ENDS_AFTER_MS = 1000 }; /* without a failure */

void outage_failure(struct outage *o, struct log *log, const char *table, const char *backend,
                    struct span reason, uint64_t now_ms)
{
    const bool is_logged = rate_limit_allows(&o->lines, now_ms, LOG_INTERVAL_MS);

    o->failures++;
    o->failed_at_ms = now_ms;
    if (o->since_ms == 0) {
        o->since_ms = now_ms;
        log_warning(log, "backend_failed", LOG_STR("table", table), LOG_STR("backend", backend),
                    LOG_SPAN("reason", reason));
    } else if (is_logged) {
        log_warning(log, "backend_still_fails", LOG_STR("table", table),
                    LOG_STR("backend", backend), LOG_SPAN("reason", reason),
                    LOG_UINT("seconds", (now_ms - o->since_ms) / 1000),
                    LOG_UINT("failed", o->failures));
    }
}

void outage_success(struct outage *o, struct log *log, const char *table, const char *backend,
                    uint64_t now_ms)
{
    if (o->since_ms == 0 || now_ms - o->failed_at_ms < OUTAGE_ENDS_AFTER_MS)
        return;
    log_warning(log, "backend_recovered", LOG_STR("table", table), LOG_STR("backend", backend),
                LOG_UINT("seconds", (now_ms - o->since_ms) / 1000),
                LOG_UINT("failed", o->failures));
    *o = (struct outage){0};
}
