#include "url_backend.h"

#include "table_type.h"

#include "podop/breaker.h"
#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/outage.h"

#include <stdio.h>
#include <stdlib.h>

/* In the order of the backends. Counted: at a reload the next table goes on with it while requests
 * of the previous one still report to it. */
struct url_health {
    unsigned refs;
    struct url_state {
        struct breaker breaker;
        struct outage outage;
        uint64_t requests, failures;
    } of[];
};

/* Opening and closing */

static struct url_health *health_new(size_t count)
{
    struct url_health *health =
        xcalloc(1, sizeof(struct url_health) + count * sizeof(struct url_state));

    health->refs = 1;
    return health;
}

static void health_unref(struct url_health **phealth)
{
    struct url_health *health = *phealth;

    *phealth = NULL;
    if (health != NULL && --health->refs == 0)
        free(health);
}

static int check_url(const char *url, struct error *err)
{
    struct url_template *template = url_template_new(url, err);

    if (template == NULL)
        return -1;
    url_template_free(&template);
    return 0;
}

int url_backends_check(const struct table_config *config, struct error *err)
{
    if (check_url(config->param, err) == -1)
        return -1;
    for (size_t i = 0; i < config->fallbacks.count; i++) {
        if (check_url(config->fallbacks.items[i], err) == -1)
            return -1;
    }
    return config->commit_url == NULL ? 0 : check_url(config->commit_url, err);
}

static struct http_site *site_open(const struct url_access *access,
                                   const struct table_config *config, const char *base,
                                   struct http *http, struct error *err)
{
    const char **headers = xreallocarray(NULL, config->headers.count + 3, sizeof(*headers));
    struct http_site_config wanted = {
        .base = base,
        .unix_socket = config->unix_socket,
        .headers = headers,
        .tls = url_access_tls(access),
        .connect_timeout_ms = config->connect_timeout_ms,
        .max_response = config->max_response,
    };
    struct http_site *site;
    char table[300]; /* a name has at most 255 bytes */

    snprintf(table, sizeof(table), "Podop-Table: %s", config->name);
    headers[wanted.header_count++] = "Accept: application/json";
    headers[wanted.header_count++] = table;
    if (access->authorization != NULL)
        headers[wanted.header_count++] = secret_text(access->authorization);
    for (size_t i = 0; i < config->headers.count; i++)
        headers[wanted.header_count++] = config->headers.items[i];
    site = http_site_open(http, &wanted, err);
    free(headers);
    return site;
}

static int backend_open(struct url_backend *backend, const char *url,
                        const struct url_access *access, const struct table_config *config,
                        struct http *http, struct error *err)
{
    backend->template = url_template_new(url, err);
    if (backend->template == NULL)
        return -1;
    backend->site = site_open(access, config, url_template_base(backend->template), http, err);
    return backend->site == NULL ? -1 : 0;
}

int url_backends_open(struct url_backends *b, struct table *table, const struct url_access *access,
                      const struct table_config *config, struct http *http, struct error *err)
{
    size_t all = 1 + config->fallbacks.count + (config->commit_url == NULL ? 0 : 1);

    *b = (struct url_backends){
        .table = table,
        .items = xcalloc(all, sizeof(*b->items)),
        .count = 1 + config->fallbacks.count,
        .has_commit = config->commit_url != NULL,
        .health = health_new(all),
    };
    for (size_t i = 0; i < all; i++) {
        const char *url = i == 0         ? config->param
                          : i < b->count ? config->fallbacks.items[i - 1]
                                         : config->commit_url;

        if (backend_open(&b->items[i], url, access, config, http, err) == -1)
            return -1;
    }
    return 0;
}

size_t url_backends_count(const struct url_backends *b)
{
    return b->count + (b->has_commit ? 1 : 0);
}

struct url_report url_backends_report(const struct url_backends *b, size_t i)
{
    const struct url_state *state = &b->health->of[i];
    uint64_t now_ms = clock_now_ms();

    return (struct url_report){
        .base = url_template_base(b->items[i].template),
        .requests = state->requests,
        .failures = state->failures,
        .failures_in_row = state->breaker.failures,
        .is_left_alone = breaker_is_open(&state->breaker),
        .left_alone_ms = breaker_is_open(&state->breaker) && now_ms < state->breaker.until_ms
                             ? state->breaker.until_ms - now_ms
                             : 0,
    };
}

void url_backends_close(struct url_backends *b)
{
    for (size_t i = 0; i < url_backends_count(b); i++) {
        http_site_close(&b->items[i].site);
        url_template_free(&b->items[i].template);
    }
    free(b->items);
    health_unref(&b->health);
}

void url_backends_inherit(struct url_backends *next, const struct url_backends *previous)
{
    previous->health->refs++;
    health_unref(&next->health);
    next->health = previous->health;
}

/* Routes */

void url_route_init(struct url_route *route, struct url_backends *b, bool is_lookup)
{
    *route =
        (struct url_route){.backends = b, .at = b->count, .end = b->count, .is_lookup = is_lookup};
}

void url_route_init_commit(struct url_route *route, struct url_backends *b)
{
    *route = (struct url_route){
        .backends = b, .at = b->count + 1, .begin = b->count, .end = b->count + 1};
}

static struct url_state *state_of(const struct url_route *route, size_t at)
{
    return &route->backends->health->of[at];
}

/* Lookups try a URL in the order of the list. Any other request risks more by trying than a lookup,
 * so it tries only when it would fail otherwise: without that, a table that is only written to
 * would never come back. */
static bool find_trial(struct url_route *route, size_t from)
{
    uint64_t now_ms = clock_now_ms();

    for (size_t i = from; i < route->end; i++) {
        struct breaker *b = &state_of(route, i)->breaker;

        if (!breaker_is_open(b) && route->is_lookup)
            return false;
        if (!breaker_take_trial(b, now_ms))
            continue;
        route->at = i;
        route->is_trial = true;
        return true;
    }
    return false;
}

static bool find_closed(struct url_route *route, size_t from)
{
    for (size_t i = from; i < route->end; i++) {
        if (breaker_is_open(&state_of(route, i)->breaker))
            continue;
        route->at = i;
        return true;
    }
    return false;
}

bool url_route_take(struct url_route *route, size_t from)
{
    url_route_drop(route);
    route->at = route->end;
    if (route->is_lookup)
        return find_trial(route, from) || find_closed(route, from);
    if (find_closed(route, from) || find_trial(route, from))
        return true;
    if (!route->ignores_suspension || from >= route->end)
        return false;
    route->at = from;
    return true;
}

const struct url_backend *url_route_backend(const struct url_route *route)
{
    return &route->backends->items[route->at];
}

bool url_route_is_open(const struct url_route *route)
{
    return route->at < route->end && (route->is_trial || route->ignores_suspension ||
                                      !breaker_is_open(&state_of(route, route->at)->breaker));
}

uint64_t url_route_share(const struct url_route *route, uint64_t deadline_at_ms)
{
    uint64_t now_ms = table_now_ms(route->backends->table);
    uint64_t sharers = 1;

    for (size_t i = route->at + 1; i < route->end; i++)
        sharers += !breaker_is_open(&state_of(route, i)->breaker);
    return sharers == 1 || now_ms >= deadline_at_ms ? deadline_at_ms
                                                    : now_ms + (deadline_at_ms - now_ms) / sharers;
}

static void tell_failure(const struct url_route *route, size_t at, const char *why)
{
    struct table *t = route->backends->table;

    outage_failed(&state_of(route, at)->outage, t->env.log, t->name,
                  url_template_base(route->backends->items[at].template), span_of(why),
                  clock_now_ms());
}

void url_route_worked(struct url_route *route)
{
    struct url_state *state = state_of(route, route->at);
    struct table *t = route->backends->table;

    breaker_worked(&state->breaker, route->is_trial);
    route->is_trial = false;
    outage_worked(&state->outage, t->env.log, t->name,
                  url_template_base(url_route_backend(route)->template), clock_now_ms());
}

void url_route_asked(const struct url_route *route)
{
    state_of(route, route->at)->requests++;
}

void url_route_failed(struct url_route *route, const char *why)
{
    state_of(route, route->at)->failures++;
    breaker_failed(&state_of(route, route->at)->breaker, route->is_trial, clock_now_ms());
    route->is_trial = false;
    tell_failure(route, route->at, why);
}

void url_route_erred(struct url_route *route, const char *why)
{
    state_of(route, route->at)->failures++;
    breaker_worked(&state_of(route, route->at)->breaker, route->is_trial);
    route->is_trial = false;
    tell_failure(route, route->at, why);
}

void url_route_unanswered(struct url_route *route, bool is_own_fault, const char *why)
{
    if (!is_own_fault) {
        url_route_failed(route, why);
        return;
    }
    url_route_drop(route);
    state_of(route, route->at)->failures++;
    tell_failure(route, route->at, why);
}

void url_route_drop(struct url_route *route)
{
    if (route->is_trial)
        breaker_drop_trial(&state_of(route, route->at)->breaker);
    route->is_trial = false;
}

void url_route_found_none(const struct url_route *route)
{
    for (size_t i = route->begin; i < route->end; i++)
        tell_failure(route, i, URL_LEFT_ALONE);
}
