/* outage.h - a backend that others depend on fails, for a while: one warning at the start, one a
 * minute with a count while it lasts, one at the end. */
#ifndef PODOP_OUTAGE_H
#define PODOP_OUTAGE_H

#include "podop/log.h"

struct outage {
    uint64_t since_ms; /* 0: all is well */
    uint64_t failed_at_ms, told_at_ms;
    uint64_t failures;
};

static inline bool outage_is_on(const struct outage *outage)
{
    return outage->since_ms != 0;
}

/* One more request of table failed for backend, which is named without path, query or secret. */
void outage_failure(struct outage *outage, struct log *log, const char *table, const char *backend,
                    struct span reason, uint64_t now_ms);
/* It works. That is the end of the outage when the last failure is a second ago, so that what fails
 * every other time does not write two lines a time. */
void outage_success(struct outage *outage, struct log *log, const char *table, const char *backend,
                    uint64_t now_ms);

#endif
