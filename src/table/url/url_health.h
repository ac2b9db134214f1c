/* url_health.h - how each place of a table has been doing; a place is a URL, or one address of a
 * URL (url_places.h). The counters outlive a reload: two tables share them while requests of the
 * previous table end. */
#ifndef PODOP_TABLE_URL_URL_HEALTH_H
#define PODOP_TABLE_URL_URL_HEALTH_H

#include "backend/breaker.h"
#include "url_draw.h"

#include "podop/endpoint.h"
#include "podop/hash.h"
#include "podop/outage.h"

#include <stddef.h>

enum { URL_REASON_BYTES = 200 };

/* Times are on the monotonic clock of clock.h. */
struct url_state {
    struct breaker breaker;
    struct outage outage;
    uint64_t requests, failures;
    uint32_t under_way; /* requests */
    uint32_t marks;     /* requests that have not ended and have failed here */
    uint64_t answers;   /* whole ones */
    unsigned failures_in_row;
    uint64_t failed_at_ms;     /* the last failure; 0: none so far */
    uint64_t refused_at_ms;    /* the last refused connection; 0: none since the last answer */
    uint64_t refused_since_ms; /* the first refused connection of those in a row */
    char reason[URL_REASON_BYTES];
    bool is_gone;     /* no URL has this place at the moment */
    bool has_address; /* requests go to address, and otherwise to any of the URL */
    struct endpoint address;
};

/* Returns whether it is a place that is not suspended. */
static inline bool url_state_may_serve(const struct url_state *state)
{
    return !state->is_gone && !breaker_is_open(&state->breaker);
}

/* Reference-counted. The states are in the order of the places. */
struct url_health {
    unsigned refs;
    struct hash_key hash_key; /* for the hashes of keys */
    struct url_draw draw;
    uint64_t waits; /* before another round, of all requests: each is of another length */
    size_t used;    /* no URL has more places than this */
    struct url_state of[];
};

struct url_health *url_health_new(size_t count);
struct url_health *url_health_ref(struct url_health *health);
void url_health_unref(
    struct url_health **health); /* *health becomes NULL; a NULL *health is fine */

#endif
