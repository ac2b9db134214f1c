/* url_route_private.h - what url_route.c and url_outcome.c share. */
#ifndef PODOP_TABLE_URL_URL_ROUTE_PRIVATE_H
#define PODOP_TABLE_URL_URL_ROUTE_PRIVATE_H

#include "table/table_type.h"
#include "url_route.h"

/* What became of a URL in a round. */
enum {
    MARK_FAILED = 1,
    MARK_UNSENT = 2,  /* nothing was sent to it */
    MARK_REFUSED = 4, /* and it may be back in a moment */
    MARK_COUNTS = 8,  /* it counts when the request has failed, or another URL served it */
    MARK_STATUS = 16, /* it counts when another URL serves the request */
    MARK_TRIAL = 32,  /* as does this, which its breaker waits to hear of */
    MARK_AGAIN = 64,  /* with a key that failed already */
};

static inline struct url_state *state_of(const struct url_route *route, size_t at)
{
    return &route->backends->health->of[at];
}

static inline unsigned mark_of(const struct url_route *route, size_t at)
{
    return route->marks == NULL ? 0 : route->marks[at - route->begin];
}

void url_route_mark(struct url_route *route, unsigned what); /* the URL that it has come to */
void url_route_clear_marks(struct url_route *route);
/* How long a pause may be: while no other URL serves, a suspended one is tried often. */
uint32_t url_route_pause_max_ms(const struct url_route *route);
void url_route_drop_trial(struct url_route *route);

#endif
