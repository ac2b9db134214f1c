/* url_route_private.h - marks, which url_route.c and url_outcome.c share. */
#ifndef PODOP_TABLE_URL_URL_ROUTE_PRIVATE_H
#define PODOP_TABLE_URL_URL_ROUTE_PRIVATE_H

#include "table/table_type.h"
#include "url_route.h"

/* The outcome at a URL in this round. */
enum {
    MARK_FAILED = 1,
    MARK_UNSENT = 2,  /* nothing was sent */
    MARK_REFUSED = 4, /* the URL may be back in a moment */
    MARK_COUNTS = 8,  /* counts when the request has failed, or another URL answered it */
    MARK_STATUS = 16, /* counts when another URL answers the request well */
    MARK_TRIAL = 32,  /* the request was a trial, whose result is not reported yet */
    MARK_AGAIN = 64,  /* the trial was with a key that had failed before */
};

static inline struct url_state *state_of(const struct url_route *route, size_t at)
{
    return &route->backends->health->of[at];
}

static inline unsigned mark_of(const struct url_route *route, size_t at)
{
    return route->marks == NULL ? 0 : route->marks[at - route->begin];
}

static inline enum breaker_trial marked_trial(unsigned what)
{
    if ((what & MARK_TRIAL) == 0)
        return BREAKER_NO_TRIAL;
    return what & MARK_AGAIN ? BREAKER_TRIAL_AGAIN : BREAKER_TRIAL;
}

void url_route_mark(struct url_route *route, unsigned what); /* marks the chosen URL */
void url_route_clear_marks(struct url_route *route);
/* Returns the longest pause of a suspended URL. It is short while no other URL serves, so that
 * the URL is tried often. */
uint32_t url_route_pause_max_ms(const struct url_route *route);
void url_route_drop_trial(struct url_route *route);

#endif
