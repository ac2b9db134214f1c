#include "url_route_private.h"

#include "url_places.h"

#include "table/identity.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

/* Begins with the places of this moment. */
static void follow(struct url_route *route)
{
    struct url_backends *b = route->backends;

    if (!b->is_spread || route->begin > 0)
        return;
    url_places_follow(b);
    route->at = route->end = url_places_end(b);
}

void url_route_init(struct url_route *route, struct url_backends *b, bool is_lookup)
{
    route->backends = b;
    route->at = route->end = b->count;
    route->is_lookup = is_lookup;
    follow(route);
}

void url_route_init_commit(struct url_route *route, struct url_backends *b)
{
    route->backends = b;
    route->begin = url_backends_commit(b);
    route->at = route->end = route->begin + 1;
}

void url_route_set_key(struct url_route *route, const struct table_key *key)
{
    route->key = key;
    route->key_hash = 0;
}

/* Computes the hash on first use: after a failure, or when many requests are under way. Keys with
 * the same URL are one key. */
uint64_t url_route_hash(struct url_route *route)
{
    struct identity identity;

    if (route->key_hash == 0) {
        identity_of_normal(&identity, route->backends->table, route->key);
        route->key_hash = hash_span(&route->backends->health->hash_key, identity.bytes) | 1;
        identity_free(&identity);
    }
    return route->key_hash;
}

void url_route_mark(struct url_route *route, unsigned what)
{
    if (route->marks == NULL)
        route->marks = xcalloc(route->end - route->begin, 1);
    state_of(route, route->at)->marks += mark_of(route, route->at) == 0;
    route->marks[route->at - route->begin] = (unsigned char)what;
}

void url_route_clear_marks(struct url_route *route)
{
    if (route->marks == NULL)
        return;
    for (size_t i = route->begin; i < route->end; i++)
        state_of(route, i)->marks -= mark_of(route, i) != 0;
    free(route->marks);
    route->marks = NULL;
}

uint32_t url_route_pause_max_ms(const struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        if (url_state_may_serve(state_of(route, i)))
            return BREAKER_PAUSE_MAX_MS;
    }
    return BREAKER_PAUSE_MIN_MS;
}

/* The choice of a URL */

static bool take_trial(struct url_route *route, size_t at)
{
    route->trial = breaker_take_trial(&state_of(route, at)->breaker, url_route_hash(route),
                                      url_route_pause_max_ms(route), clock_now_ms());
    route->at = at;
    return route->trial != BREAKER_NO_TRIAL;
}

static bool find_trial(struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        const bool is_closed = !breaker_is_open(&state_of(route, i)->breaker);

        if (mark_of(route, i) != 0 || state_of(route, i)->is_gone)
            continue;
        if (is_closed && route->is_lookup && !route->is_shared)
            return false;
        if (!is_closed && take_trial(route, i))
            return true;
    }
    return false;
}

/* Returns whether another request was refused by this URL a moment ago. Of many requests that wait,
 * only some have to connect. */
static bool is_known_to_refuse(const struct url_route *route, size_t at)
{
    const uint64_t refused_at_ms = state_of(route, at)->refused_at_ms;

    return route->has_waited && refused_at_ms != 0 &&
           clock_now_ms() - refused_at_ms < URL_REFUSED_WAIT_MIN_MS;
}

/* Returns whether the URL is not suspended and has not failed in this round. */
static bool is_left(const struct url_route *route, size_t at)
{
    return mark_of(route, at) == 0 && url_state_may_serve(state_of(route, at));
}

static uint32_t load(const void *arg, size_t at)
{
    const struct url_route *route = arg;

    return is_left(route, at) ? state_of(route, at)->under_way : URL_DRAW_NEVER;
}

/* Returns one of the URLs that are left, or the end. */
static size_t next_closed(const struct url_route *route)
{
    size_t i = route->begin;

    if (route->is_shared)
        return url_draw_take(&route->backends->health->draw, i, route->end, load, route);
    while (i < route->end && !is_left(route, i))
        i++;
    return i;
}

static bool find_closed(struct url_route *route)
{
    size_t i;

    while ((i = next_closed(route)) < route->end) {
        route->at = i;
        if (!is_known_to_refuse(route, i))
            return true;
        url_route_mark(route, MARK_FAILED | MARK_UNSENT | MARK_REFUSED | MARK_COUNTS);
    }
    return false;
}

static bool find_last_resort(struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++) {
        const struct breaker *b = &state_of(route, i)->breaker;

        if (mark_of(route, i) != 0 || state_of(route, i)->is_gone || !breaker_is_open(b) ||
            (b->cause != BREAKER_ANSWERED && !breaker_is_in_doubt(b) && !route->ignores_suspension))
            continue;
        route->at = i;
        route->is_last_resort = true;
        return true;
    }
    return false;
}

/* Returns whether a trial comes before the URLs that serve. A shared lookup may try any of them, so
 * one that has failed already leaves that to others. */
static bool may_try_first(const struct url_route *route)
{
    return route->is_lookup && (!route->is_shared || route->marks == NULL);
}

static bool find(struct url_route *route)
{
    if (may_try_first(route))
        return find_trial(route) || find_closed(route) || find_last_resort(route);
    return find_closed(route) || find_trial(route) || find_last_resort(route);
}

void url_route_drop_trial(struct url_route *route)
{
    if (route->trial != BREAKER_NO_TRIAL)
        breaker_drop_trial(&state_of(route, route->at)->breaker, route->trial);
    route->trial = BREAKER_NO_TRIAL;
}

/* Returns whether the first URL is asked, because nothing has failed yet. Without balance, that is
 * nearly always so. */
static bool is_simple(const struct url_route *route)
{
    return !route->backends->is_spread && route->marks == NULL && !route->has_waited &&
           route->trial == BREAKER_NO_TRIAL &&
           !breaker_is_open(&state_of(route, route->begin)->breaker);
}

bool url_route_take(struct url_route *route)
{
    if (is_simple(route)) {
        route->at = route->begin;
        route->is_last_resort = false;
        return true;
    }
    url_route_drop_trial(route);
    route->is_last_resort = false;
    if (route->begins_round) {
        url_route_clear_marks(route);
        follow(route);
    }
    route->begins_round = false;
    if (find(route))
        return true;
    route->at = route->end;
    return false;
}

const struct url_backend *url_route_backend(const struct url_route *route)
{
    return url_backends_at(route->backends, route->at);
}

const struct endpoint *url_route_address(const struct url_route *route)
{
    const struct url_state *state = state_of(route, route->at);

    return state->has_address ? &state->address : NULL;
}

bool url_route_may_ask(const struct url_route *route)
{
    return route->at < route->end && (route->trial != BREAKER_NO_TRIAL || route->is_last_resort ||
                                      url_state_may_serve(state_of(route, route->at)));
}

/* Returns whether URL i has a place that may be asked after the chosen one. */
static bool has_another(const struct url_route *route, size_t i)
{
    for (size_t at = route->begin + i; at < route->end; at += route->backends->count) {
        if (at != route->at && is_left(route, at))
            return true;
    }
    return false;
}

uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms)
{
    uint64_t sharers = 1;
    uint64_t now_ms;

    if (route->end - route->begin == 1) /* most tables have one URL */
        return deadline_at_ms;
    for (size_t i = 0; i < route->backends->count; i++)
        sharers += has_another(route, i);
    if (sharers == 1)
        return deadline_at_ms;
    now_ms = table_now_ms(route->backends->table);
    return now_ms >= deadline_at_ms ? deadline_at_ms : now_ms + (deadline_at_ms - now_ms) / sharers;
}

/* Waiting for URLs that refuse connections */

/* Returns whether all URLs failed before anything was sent, and at least one may be back in a
 * moment. A request that has waited before also waits while all URLs are suspended. */
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

static uint64_t wait_ms(const struct url_route *route)
{
    enum { SPREAD = URL_REFUSED_WAIT_MAX_MS - URL_REFUSED_WAIT_MIN_MS + 1 };
    struct url_health *health = route->backends->health;
    const uint64_t seed[] = {clock_now_us(), ++health->waits};
    const struct span bytes = {(const char *)seed, sizeof(seed)};

    return URL_REFUSED_WAIT_MIN_MS + hash_span(&health->hash_key, bytes) % SPREAD;
}

static void on_waited(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct url_route *route = w->data;

    (void)loop;
    (void)revents;
    route->begins_round = true;
    route->resume(route->arg);
}

bool url_route_wait(struct url_route *route, uint64_t deadline_at_ms, url_route_resume_fn *resume,
                    void *arg)
{
    const uint64_t ms = wait_ms(route);

    if (!is_refused(route) || table_now_ms(route->backends->table) + ms >= deadline_at_ms)
        return false;
    route->has_waited = true;
    route->resume = resume;
    route->arg = arg;
    ev_timer_init(&route->wait, on_waited, (double)ms / 1000.0, 0.0);
    route->wait.data = route;
    ev_timer_start(route->backends->table->env.loop, &route->wait);
    return true;
}

void url_route_close(struct url_route *route)
{
    url_route_drop_trial(route);
    for (size_t i = route->begin; route->marks != NULL && i < route->end; i++)
        breaker_drop_trial(&state_of(route, i)->breaker, marked_trial(mark_of(route, i)));
    url_route_clear_marks(route);
    if (route->has_waited)
        ev_timer_stop(route->backends->table->env.loop, &route->wait);
}
