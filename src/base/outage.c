#include "podop/outage.h"

enum { TELL_EVERY_MS = 60 * 1000, WELL_AFTER_MS = 1000 };

void outage_failure(struct outage *o, struct log *log, const char *table, const char *backend,
                    struct span reason, uint64_t now_ms)
{
    o->failures++;
    o->failed_at_ms = now_ms;
    if (o->since_ms == 0) {
        o->since_ms = now_ms;
        log_warning(log, "backend_failed", LOG_STR("table", table), LOG_STR("backend", backend),
                    LOG_SPAN("reason", reason));
    } else if (now_ms - o->told_at_ms >= TELL_EVERY_MS) {
        log_warning(log, "backend_still_fails", LOG_STR("table", table),
                    LOG_STR("backend", backend), LOG_SPAN("reason", reason),
                    LOG_UINT("seconds", (now_ms - o->since_ms) / 1000),
                    LOG_UINT("failed", o->failures));
    } else {
        return;
    }
    o->told_at_ms = now_ms;
}

void outage_success(struct outage *o, struct log *log, const char *table, const char *backend,
                    uint64_t now_ms)
{
    if (o->since_ms == 0 || now_ms - o->failed_at_ms < WELL_AFTER_MS)
        return;
    log_warning(log, "backend_recovered", LOG_STR("table", table), LOG_STR("backend", backend),
                LOG_UINT("seconds", (now_ms - o->since_ms) / 1000),
                LOG_UINT("failed", o->failures));
    *o = (struct outage){0};
}
