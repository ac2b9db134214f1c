/* url_health.h - how each URL of a table has been doing. The counters outlive a reload: two
 * tables share them while requests of the previous table end. */
#ifndef PODOP_TABLE_URL_URL_HEALTH_H
#define PODOP_TABLE_URL_URL_HEALTH_H

#include "backend/breaker.h"

#include "podop/hash.h"
#include "podop/outage.h"

#include <stddef.h>

enum { URL_REASON_BYTES = 200 };

/* Times are on the monotonic clock of clock.h. */
struct url_state {
    struct breaker breaker;
    struct outage outage;
    uint64_t requests, failures;
    uint64_t answers; /* whole ones */
    unsigned failures_in_row;
    uint64_t failed_at_ms;     /* the last failure; 0: none so far */
    uint64_t refused_at_ms;    /* the last refused connection; 0: none since the last answer */
    uint64_t refused_since_ms; /* the first refused connection of those in a row */
    char reason[URL_REASON_BYTES];
};

/* Reference-counted. The states are in the order of the URLs. */
struct url_health {
    unsigned refs;
    struct hash_key hash_key; /* for the hashes of keys */
    struct url_state of[];
};

struct url_health *url_health_new(size_t count);
struct url_health *url_health_ref(struct url_health *health);
void url_health_unref(
    struct url_health **health); /* *health becomes NULL; a NULL *health is fine */

#endif
