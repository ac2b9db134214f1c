#include "url_outcome.h"

#include "url_places.h"
#include "url_route_private.h"

#include "podop/clock.h"

#include <stdio.h>

static void log_failure(const struct url_route *route, size_t at, const char *why)
{
    struct table *t = route->backends->table;
    char text[URL_PLACE_TEXT_BYTES];

    outage_failure(&state_of(route, at)->outage, t->env.log, t->name,
                   url_places_print(route->backends, at, text), span_of(why), clock_now_ms());
}

static void log_success(const struct url_route *route)
{
    struct table *t = route->backends->table;
    char text[URL_PLACE_TEXT_BYTES];

    outage_success(&state_of(route, route->at)->outage, t->env.log, t->name,
                   url_places_print(route->backends, route->at, text), clock_now_ms());
}

static void note_reason(struct url_state *state, const char *why)
{
    state->failed_at_ms = clock_now_ms();
    snprintf(state->reason, sizeof(state->reason), "%s", why);
}

static void count_failure(struct url_route *route, size_t at)
{
    struct url_state *state = state_of(route, at);

    state->failures++;
    state->failures_in_row++;
    log_failure(route, at, state->reason);
}

static void fail_breaker(struct url_route *route, size_t at, enum breaker_kind kind,
                         enum breaker_trial trial)
{
    breaker_failure(&state_of(route, at)->breaker, kind, url_route_hash(route), trial,
                    url_route_pause_max_ms(route), clock_now_ms());
}

static void settle_one(struct url_route *route, size_t at, bool is_served)
{
    const unsigned what = mark_of(route, at);
    const enum breaker_trial trial = marked_trial(what);

    if (what & MARK_COUNTS) {
        count_failure(route, at);
        fail_breaker(route, at, BREAKER_UNSENT, BREAKER_NO_TRIAL);
    } else if ((what & MARK_STATUS) && is_served) {
        fail_breaker(route, at, BREAKER_ANSWERED, trial);
    } else {
        breaker_drop_trial(&state_of(route, at)->breaker, trial);
    }
}

/* Returns whether the URL has refused connections for the table's timeout, less two waits: a
 * request is last refused up to two waits before its deadline. */
static bool has_refused_for_long(const struct url_route *route, size_t at)
{
    const struct url_state *state = state_of(route, at);
    const uint64_t refused_ms = state->refused_at_ms - state->refused_since_ms;

    return state->refused_at_ms != 0 &&
           refused_ms + 2 * (uint64_t)URL_REFUSED_WAIT_MAX_MS >= route->backends->table->timeout_ms;
}

/* Counts the failures at other URLs in this round, now that the end of the request is known. */
static void settle(struct url_route *route, bool is_served)
{
    if (route->marks == NULL)
        return;
    for (size_t i = route->begin; i < route->end; i++)
        settle_one(route, i, is_served);
    url_route_clear_marks(route);
}

static void answered(struct url_route *route, bool is_failure)
{
    struct url_state *state = state_of(route, route->at);

    state->answers++;
    state->refused_at_ms = 0;
    if (breaker_answered(&state->breaker, is_failure, route->trial))
        route->trial = BREAKER_NO_TRIAL;
}

void url_outcome_success(struct url_route *route)
{
    struct url_state *state = state_of(route, route->at);

    answered(route, false);
    url_route_drop_trial(route);
    state->failures_in_row = 0;
    if (route->marks != NULL)
        settle(route, true);
    if (outage_is_on(&state->outage))
        log_success(route);
}

void url_outcome_asked(struct url_route *route)
{
    struct url_state *state = state_of(route, route->at);

    state->requests++;
    state->under_way++;
    route->answers = state->answers;
}

void url_outcome_ended(struct url_route *route)
{
    state_of(route, route->at)->under_way--;
}

void url_outcome_failure(struct url_route *route, const char *why)
{
    unsigned what = MARK_FAILED | MARK_STATUS;

    answered(route, true);
    note_reason(state_of(route, route->at), why);
    count_failure(route, route->at);
    if (route->trial != BREAKER_NO_TRIAL)
        what |= MARK_TRIAL | (route->trial == BREAKER_TRIAL_AGAIN ? MARK_AGAIN : 0);
    route->trial = BREAKER_NO_TRIAL;
    url_route_mark(route, what);
}

void url_outcome_bad_response(struct url_route *route, const char *why)
{
    answered(route, false);
    url_route_drop_trial(route);
    note_reason(state_of(route, route->at), why);
    count_failure(route, route->at);
    settle(route, false);
}

/* Reports a failure before anything was sent. A trial ends at once. A request that has waited
 * before may wait again. */
static void fail_unsent(struct url_route *route, bool is_refused)
{
    const bool was_trial = route->trial != BREAKER_NO_TRIAL;
    unsigned what = MARK_FAILED | MARK_UNSENT;

    if (is_refused && (!was_trial || route->has_waited))
        what |= MARK_REFUSED;
    if (was_trial) {
        count_failure(route, route->at);
        fail_breaker(route, route->at, BREAKER_UNSENT, route->trial);
        route->trial = BREAKER_NO_TRIAL;
    } else if (route->answers == state_of(route, route->at)->answers) {
        what |= MARK_COUNTS;
    }
    url_route_mark(route, what);
}

/* When another request was answered after this one had been sent, the server is not at fault. */
static void fail_sent(struct url_route *route)
{
    count_failure(route, route->at);
    if (route->answers == state_of(route, route->at)->answers)
        fail_breaker(route, route->at, BREAKER_UNANSWERED, route->trial);
    else
        url_route_drop_trial(route);
    route->trial = BREAKER_NO_TRIAL;
    url_route_mark(route, MARK_FAILED);
}

/* Notes a refused connection. After a whole timeout without one, a new row begins, because the
 * backend may be restarting again. */
static void note_refusal(struct url_state *state, uint32_t timeout_ms)
{
    const uint64_t now_ms = clock_now_ms();

    if (state->refused_at_ms == 0 || now_ms - state->refused_at_ms > timeout_ms)
        state->refused_since_ms = now_ms;
    state->refused_at_ms = now_ms;
}

/* That the request was answered elsewhere is the evidence that the address is at fault. A place that
 * was added after the route had begun is not one of its places. */
void url_outcome_moved(struct url_route *route, const struct endpoint *to)
{
    note_reason(state_of(route, route->at), "no connection in time, but to another address");
    count_failure(route, route->at);
    fail_breaker(route, route->at, BREAKER_UNSENT, route->trial);
    route->trial = BREAKER_NO_TRIAL;
    url_route_mark(route, MARK_FAILED | MARK_UNSENT);
    route->at = url_places_find(route->backends, route->at, route->end, to);
    state_of(route, route->at)->requests++;
    route->answers = state_of(route, route->at)->answers;
}

static void no_response(struct url_route *route, const struct http_answer *answer, const char *why)
{
    struct url_state *state = state_of(route, route->at);

    note_reason(state, why);
    if (answer->is_refused)
        note_refusal(state, route->backends->table->timeout_ms);
    if (answer->is_local_failure) {
        count_failure(route, route->at);
        url_route_drop_trial(route);
        url_route_mark(route, MARK_FAILED);
    } else if (answer->is_refused || !answer->may_have_arrived) {
        fail_unsent(route, answer->is_refused);
    } else {
        fail_sent(route);
    }
}

/* Chooses the next place of the same URL that has not failed in this round. Returns false at the
 * end. */
static bool choose_sibling(struct url_route *route)
{
    const struct url_backends *b = route->backends;

    if (!b->is_spread || route->at == url_backends_commit(b))
        return false;
    for (size_t i = route->at % b->count; i < route->end; i += b->count) {
        if (mark_of(route, i) != 0 || state_of(route, i)->is_gone)
            continue;
        route->at = i;
        route->answers = state_of(route, i)->answers;
        return true;
    }
    return false;
}

/* When no address could be connected to, that is an outcome at all of them. */
void url_outcome_no_response(struct url_route *route, const struct http_answer *answer,
                             const char *why)
{
    no_response(route, answer, why);
    while (answer->is_unreachable && !answer->is_local_failure && choose_sibling(route))
        no_response(route, answer, why);
}

void url_outcome_skip(struct url_route *route)
{
    url_route_drop_trial(route);
    do {
        url_route_mark(route, MARK_FAILED | MARK_UNSENT);
    } while (choose_sibling(route));
}

const char *url_outcome_reason(const struct url_route *route)
{
    const struct url_state *last = state_of(route, route->begin);

    for (size_t i = route->begin; i < route->end; i++) {
        if (state_of(route, i)->failed_at_ms > last->failed_at_ms)
            last = state_of(route, i);
    }
    return last->reason;
}

const char *url_outcome_suspended(const struct url_route *route, char text[URL_SUSPENDED_BYTES])
{
    for (size_t i = route->begin; i < route->end; i++) {
        if (!state_of(route, i)->is_gone)
            log_failure(route, i, "suspended");
    }
    snprintf(text, URL_SUSPENDED_BYTES, "suspended after failures; the last one: %s",
             url_outcome_reason(route));
    return text;
}

void url_outcome_give_up(struct url_route *route)
{
    for (size_t i = route->begin; route->marks != NULL && i < route->end; i++) {
        if ((mark_of(route, i) & MARK_REFUSED) && !has_refused_for_long(route, i))
            count_failure(route, i);
        else
            settle_one(route, i, false);
    }
    url_route_clear_marks(route);
}
