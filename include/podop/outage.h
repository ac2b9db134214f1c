/* outage.h - logs that a backend fails for a while: one warning at the beginning, one each minute
 * with a count, one at the end. */
#ifndef PODOP_OUTAGE_H
#define PODOP_OUTAGE_H

#include "podop/log.h"
#include "podop/rate_limit.h"

struct outage {
    uint64_t since_ms; /* 0: there is no outage */
    uint64_t failed_at_ms;
    uint64_t failures;
    struct rate_limit lines;
};

static inline bool outage_is_on(const struct outage *outage)
{
    return outage->since_ms != 0;
}

/* Returns how long the outage lasts; 0: there is none. */
static inline uint64_t outage_lasts_ms(const struct outage *outage, uint64_t now_ms)
{
    return outage_is_on(outage) ? now_ms - outage->since_ms : 0;
}

/* Records that a request of table failed at backend. The name of backend has no path, query or
 * secret. */
void outage_failure(struct outage *outage, struct log *log, const char *table, const char *backend,
                    struct span reason, uint64_t now_ms);
/* Records a success. The outage ends if the last failure is at least a second old. So a backend
 * that fails every second request does not cause two lines for each request. */
void outage_success(struct outage *outage, struct log *log, const char *table, const char *backend,
                    uint64_t now_ms);

#endif
