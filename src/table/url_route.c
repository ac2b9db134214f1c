#include "url_route.h"

#include "table_type.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

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

void url_route_init(struct url_route *route, struct url_backends *b, const struct table_key *key,
                    bool is_lookup)
{
    route->backends = b;
    route->key = key;
    route->at = route->end = b->count;
    route->is_lookup = is_lookup;
}

void url_route_init_commit(struct url_route *route, struct url_backends *b,
                           const struct table_key *key)
{
    route->backends = b;
    route->key = key;
    route->begin = b->count;
    route->at = route->end = b->count + 1;
}

void url_route_set_key(struct url_route *route, const struct table_key *key)
{
    route->key = key;
    route->key_hash = 0;
}

static struct url_state *state_of(const struct url_route *route, size_t at)
{
    return &route->backends->health->of[at];
}

/* Only few need it: after failures, and when many requests are under way. */
uint64_t url_route_hash(struct url_route *route)
{
    const struct hash_key *by = &route->backends->health->hash_key;

    if (route->key_hash == 0)
        route->key_hash = (hash_span(by, route->key->key) ^
                           (route->key->is_private ? ~hash_span(by, route->key->user) : 0)) |
                          1;
    return route->key_hash;
}

static unsigned mark_of(const struct url_route *route, size_t at)
{
    return route->marks == NULL ? 0 : route->marks[at - route->begin];
}

static void mark(struct url_route *route, unsigned what)
{
    if (route->marks == NULL)
        route->marks = xcalloc(route->end - route->begin, 1);
    route->marks[route->at - route->begin] = (unsigned char)what;
}

static void clear_marks(struct url_route *route)
{
    free(route->marks);
    route->marks = NULL;
}

/* While no other URL serves, a suspended one is tried often. */
static uint32_t pause_max_ms(const struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        if (!breaker_is_open(&state_of(route, i)->breaker))
            return BREAKER_PAUSE_MAX_MS;
    }
    return BREAKER_PAUSE_MIN_MS;
}

/* The choice of a URL */

static bool take_trial(struct url_route *route, size_t at)
{
    route->trial = breaker_take_trial(&state_of(route, at)->breaker, url_route_hash(route),
                                      pause_max_ms(route), clock_now_ms());
    route->at = at;
    return route->trial != BREAKER_NO_TRIAL;
}

static bool find_trial(struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        const bool is_closed = !breaker_is_open(&state_of(route, i)->breaker);

        if (mark_of(route, i) != 0)
            continue;
        if (is_closed && route->is_lookup)
            return false;
        if (!is_closed && take_trial(route, i))
            return true;
    }
    return false;
}

/* Somebody else was refused just now: many that wait need not all find out for themselves. */
static bool is_known_to_refuse(const struct url_route *route, size_t at)
{
    const uint64_t refused_at_ms = state_of(route, at)->refused_at_ms;

    return route->has_waited && refused_at_ms != 0 &&
           clock_now_ms() - refused_at_ms < URL_REFUSED_WAIT_MIN_MS;
}

static bool find_closed(struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        if (mark_of(route, i) != 0 || breaker_is_open(&state_of(route, i)->breaker))
            continue;
        route->at = i;
        if (!is_known_to_refuse(route, i))
            return true;
        mark(route, MARK_FAILED | MARK_UNSENT | MARK_REFUSED | MARK_COUNTS);
    }
    return false;
}

static bool find_last_resort(struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        const struct breaker *b = &state_of(route, i)->breaker;

        if (mark_of(route, i) != 0 || !breaker_is_open(b) || b->cause != BREAKER_ANSWERED)
            continue;
        route->at = i;
        route->is_last_resort = true;
        return true;
    }
    return false;
}

static bool find(struct url_route *route)
{
    if (route->is_lookup)
        return find_trial(route) || find_closed(route) || find_last_resort(route);
    return find_closed(route) || find_trial(route) || find_last_resort(route);
}

static void drop_trial(struct url_route *route)
{
    if (route->trial != BREAKER_NO_TRIAL)
        breaker_drop_trial(&state_of(route, route->at)->breaker, route->trial);
    route->trial = BREAKER_NO_TRIAL;
}

/* Nearly always: nothing has failed yet, and the first may be asked. */
static bool is_simple(const struct url_route *route)
{
    return route->marks == NULL && !route->has_waited && route->trial == BREAKER_NO_TRIAL &&
           !breaker_is_open(&state_of(route, route->begin)->breaker);
}

bool url_route_take(struct url_route *route)
{
    if (is_simple(route)) {
        route->at = route->begin;
        route->is_last_resort = false;
        return true;
    }
    drop_trial(route);
    route->is_last_resort = false;
    if (find(route))
        return true;
    route->at = route->end;
    return false;
}

const struct url_backend *url_route_backend(const struct url_route *route)
{
    return &route->backends->items[route->at];
}

bool url_route_is_open(const struct url_route *route)
{
    return route->at < route->end && (route->trial != BREAKER_NO_TRIAL || route->is_last_resort ||
                                      !breaker_is_open(&state_of(route, route->at)->breaker));
}

uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms)
{
    uint64_t sharers = 1;
    uint64_t now_ms;

    for (size_t i = route->begin; i < route->end; i++)
        sharers += i != route->at && mark_of(route, i) == 0 &&
                   !breaker_is_open(&state_of(route, i)->breaker);
    if (sharers == 1)
        return deadline_at_ms;
    now_ms = clock_now_ms();
    return now_ms >= deadline_at_ms ? deadline_at_ms : now_ms + (deadline_at_ms - now_ms) / sharers;
}

/* Waiting for who refuses */

/* All that failed was before anything was sent, and at least one may be back in a moment. Who waits
 * already goes on while all are suspended. */
static bool is_refused(const struct url_route *route)
{
    bool has_refused = false, has_failed = false;

    for (size_t i = route->begin; i < route->end; i++) {
        const unsigned what = mark_of(route, i);

        if (what != 0 && (what & MARK_UNSENT) == 0)
            return false;
        has_failed |= what != 0;
        has_refused |= (what & MARK_REFUSED) != 0;
    }
    return has_refused || (!has_failed && route->has_waited);
}

static uint64_t wait_ms(struct url_route *route)
{
    enum { SPREAD = URL_REFUSED_WAIT_MAX_MS - URL_REFUSED_WAIT_MIN_MS + 1 };
    const uint64_t seed[] = {clock_now_us(), (uintptr_t)route};
    const struct span bytes = {(const char *)seed, sizeof(seed)};

    return URL_REFUSED_WAIT_MIN_MS + hash_span(&route->backends->health->hash_key, bytes) % SPREAD;
}

static void on_waited(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct url_route *route = w->data;

    (void)loop;
    (void)revents;
    clear_marks(route);
    route->resume(route->arg);
}

bool url_route_wait(struct url_route *route, uint64_t deadline_at_ms, url_route_resume_fn *resume,
                    void *arg)
{
    const uint64_t ms = wait_ms(route);

    if (!is_refused(route) || clock_now_ms() + ms >= deadline_at_ms)
        return false;
    route->has_waited = true;
    route->resume = resume;
    route->arg = arg;
    ev_timer_init(&route->wait, on_waited, (double)ms / 1000.0, 0.0);
    route->wait.data = route;
    ev_timer_start(route->backends->table->env.loop, &route->wait);
    return true;
}

/* What became of it */

static void tell_failure(const struct url_route *route, size_t at, const char *why)
{
    struct table *t = route->backends->table;

    outage_failed(&state_of(route, at)->outage, t->env.log, t->name,
                  url_template_base(route->backends->items[at].template), span_of(why),
                  clock_now_ms());
}

static void note_failure(struct url_state *state, const char *why)
{
    state->failed_at_ms = clock_now_ms();
    snprintf(state->reason, sizeof(state->reason), "%s", why);
}

static void count_failure(struct url_route *route, size_t at)
{
    struct url_state *state = state_of(route, at);

    state->failures++;
    state->failures_in_row++;
    tell_failure(route, at, state->reason);
}

static void fail_breaker(struct url_route *route, size_t at, enum breaker_kind kind,
                         enum breaker_trial trial)
{
    breaker_failed(&state_of(route, at)->breaker, kind, url_route_hash(route), trial,
                   pause_max_ms(route), clock_now_ms());
}

static enum breaker_trial marked_trial(unsigned what)
{
    if ((what & MARK_TRIAL) == 0)
        return BREAKER_NO_TRIAL;
    return what & MARK_AGAIN ? BREAKER_TRIAL_AGAIN : BREAKER_TRIAL;
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

/* Other URLs failed before: now it is known what that means. */
static void settle(struct url_route *route, bool is_served)
{
    if (route->marks == NULL)
        return;
    for (size_t i = route->begin; i < route->end; i++)
        settle_one(route, i, is_served);
    clear_marks(route);
}

static void answered(struct url_route *route, bool is_failure)
{
    struct url_state *state = state_of(route, route->at);

    state->answers++;
    state->refused_at_ms = 0;
    if (breaker_answered(&state->breaker, is_failure, route->trial))
        route->trial = BREAKER_NO_TRIAL;
}

void url_route_worked(struct url_route *route)
{
    struct url_state *state = state_of(route, route->at);
    struct table *t = route->backends->table;

    answered(route, false);
    drop_trial(route);
    state->failures_in_row = 0;
    if (route->marks != NULL)
        settle(route, true);
    if (outage_is_on(&state->outage))
        outage_worked(&state->outage, t->env.log, t->name,
                      url_template_base(url_route_backend(route)->template), clock_now_ms());
}

void url_route_asked(struct url_route *route)
{
    struct url_state *state = state_of(route, route->at);

    state->requests++;
    route->answers = state->answers;
}

void url_route_failed(struct url_route *route, const char *why)
{
    unsigned what = MARK_FAILED | MARK_STATUS;

    answered(route, true);
    note_failure(state_of(route, route->at), why);
    count_failure(route, route->at);
    if (route->trial != BREAKER_NO_TRIAL)
        what |= MARK_TRIAL | (route->trial == BREAKER_TRIAL_AGAIN ? MARK_AGAIN : 0);
    route->trial = BREAKER_NO_TRIAL;
    mark(route, what);
}

void url_route_erred(struct url_route *route, const char *why)
{
    answered(route, false);
    drop_trial(route);
    note_failure(state_of(route, route->at), why);
    count_failure(route, route->at);
    settle(route, false);
}

/* Its turn to be tried is over at once, and who waits already goes on waiting. */
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
    mark(route, what);
}

/* Somebody else was answered after this request had been sent, so it is not the server. */
static void fail_sent(struct url_route *route)
{
    count_failure(route, route->at);
    if (route->answers == state_of(route, route->at)->answers)
        fail_breaker(route, route->at, BREAKER_UNANSWERED, route->trial);
    else
        drop_trial(route);
    route->trial = BREAKER_NO_TRIAL;
    mark(route, MARK_FAILED);
}

void url_route_unanswered(struct url_route *route, const struct http_answer *answer,
                          const char *why)
{
    struct url_state *state = state_of(route, route->at);

    note_failure(state, why);
    if (answer->is_refused)
        state->refused_at_ms = clock_now_ms();
    if (answer->is_own_fault) {
        count_failure(route, route->at);
        drop_trial(route);
        mark(route, MARK_FAILED);
    } else if (answer->is_refused || !answer->may_have_arrived) {
        fail_unsent(route, answer->is_refused);
    } else {
        fail_sent(route);
    }
}

void url_route_skip(struct url_route *route)
{
    drop_trial(route);
    mark(route, MARK_FAILED | MARK_UNSENT);
}

const char *url_route_reason(const struct url_route *route)
{
    const struct url_state *last = state_of(route, route->begin);

    for (size_t i = route->begin; i < route->end; i++) {
        if (state_of(route, i)->failed_at_ms > last->failed_at_ms)
            last = state_of(route, i);
    }
    return last->reason;
}

const char *url_route_suspended(const struct url_route *route, char text[URL_SUSPENDED_BYTES])
{
    for (size_t i = route->begin; i < route->end; i++)
        tell_failure(route, i, "suspended");
    snprintf(text, URL_SUSPENDED_BYTES, "suspended for a while after failures, the last: %s",
             url_route_reason(route));
    return text;
}

void url_route_give_up(struct url_route *route)
{
    settle(route, false);
}

void url_route_close(struct url_route *route)
{
    drop_trial(route);
    for (size_t i = route->begin; route->marks != NULL && i < route->end; i++)
        breaker_drop_trial(&state_of(route, i)->breaker, marked_trial(mark_of(route, i)));
    clear_marks(route);
    if (route->has_waited)
        ev_timer_stop(route->backends->table->env.loop, &route->wait);
}
