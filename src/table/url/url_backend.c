#include "url_backend.h"

#include "table/table_type.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

int url_backends_check(const char *url, const char *table, struct error *err)
{
    struct url_template *template = url_template_new(url, err);
    bool climbs;

    if (template == NULL)
        return -1;
    climbs = url_template_climbs(template, span_of(table));
    url_template_free(&template);
    return climbs ? error_set(err, ERR_CONFIG,
                              "with '%s' for {table}, '%s' has a path segment . or ..", table, url)
                  : 0;
}

static const char *url_of(const struct url_backends *b, const struct table_config *config, size_t i)
{
    if (i == 0)
        return config->param;
    return i < b->count ? config->fallbacks.items[i - 1] : url_settings_of(config)->commit_url;
}

static int open_templates(struct url_backends *b, const struct table_config *config,
                          struct error *err)
{
    for (size_t i = 0; i < url_backends_count(b); i++) {
        b->items[i].template = url_template_new(url_of(b, config, i), err);
        if (b->items[i].template == NULL)
            return -1;
    }
    return 0;
}

int url_backends_renew(struct url_backends *b, struct url_access *access, struct error *err)
{
    const size_t count = url_backends_count(b);
    const char **bases = xreallocarray(NULL, count, sizeof(*bases));
    struct url_sites *sites;

    for (size_t i = 0; i < count; i++)
        bases[i] = url_template_base(b->items[i].template);
    sites = url_sites_open(b->plan, bases, count, access, b->table->env.http, err);
    free(bases);
    if (sites == NULL)
        return -1;
    url_sites_unref(&b->sites);
    b->sites = sites;
    return 0;
}

static int open_sites(struct url_backends *b, struct error *err)
{
    const struct url_site_plan *plan = b->plan;
    const struct table_env *env = &b->table->env;
    const struct url_access_known known = {.http = env->http};
    struct url_access access;
    int status = url_access_open(&access, &plan->auth, &plan->tls, &known, err);

    url_access_log_exposed(&access, &plan->auth, &plan->tls, plan->table, env->log);
    if (status == 0)
        status = url_backends_renew(b, &access, err);
    url_access_close(&access);
    return status;
}

/* Each URL has one place at first. */
static struct url_health *health_new(const struct url_backends *b)
{
    struct url_health *health = url_health_new(url_backends_commit(b) + 1);

    for (size_t at = b->count; at < url_backends_commit(b); at++)
        health->of[at].is_gone = true;
    return health;
}

int url_backends_open(struct url_backends *b, struct table *table,
                      const struct table_config *config, struct error *err)
{
    const bool has_commit = url_settings_of(config)->commit_url != NULL;
    const bool is_spread = url_settings_of(config)->balance == BALANCE_SPREAD;
    const size_t all = 1 + config->fallbacks.count + (has_commit ? 1 : 0);

    *b = (struct url_backends){
        .table = table,
        .items = xcalloc(all, sizeof(*b->items)),
        .count = 1 + config->fallbacks.count,
        .has_commit = has_commit,
        .is_spread = is_spread,
        .places = is_spread ? HTTP_ADDRESSES_MAX : 1,
        .plan = url_site_plan_new(config),
    };
    b->health = health_new(b);
    return open_templates(b, config, err) == -1 ? -1 : open_sites(b, err);
}

size_t url_backends_count(const struct url_backends *b)
{
    return b->count + (b->has_commit ? 1 : 0);
}

/* Returns whether no place of the same list serves, so that the pause of this one is short. */
static bool are_all_suspended(const struct url_backends *b, size_t at)
{
    const size_t commit = url_backends_commit(b);
    const size_t end = at < commit ? commit : commit + 1;

    for (size_t i = at < commit ? 0 : commit; i < end; i++) {
        if (url_state_may_serve(&b->health->of[i]))
            return false;
    }
    return true;
}

struct url_report url_backends_report(const struct url_backends *b, size_t at)
{
    static const char *const causes[] = {[BREAKER_UNSENT] = "unsent",
                                         [BREAKER_UNANSWERED] = "unanswered",
                                         [BREAKER_ANSWERED] = "answered"};
    const struct url_state *state = &b->health->of[at];
    const struct breaker *breaker = &state->breaker;
    const bool is_open = breaker_is_open(breaker);
    const uint32_t pause_max_ms =
        are_all_suspended(b, at) ? BREAKER_PAUSE_MIN_MS : BREAKER_PAUSE_MAX_MS;
    const uint64_t now_ms = clock_now_ms();

    return (struct url_report){
        .base = url_template_base(url_backends_at(b, at)->template),
        .address = state->has_address ? &state->address : NULL,
        .is_gone = state->is_gone,
        .under_way = state->under_way,
        .requests = state->requests,
        .failures = state->failures,
        .failures_in_row = state->failures_in_row,
        .counted = breaker_failures(breaker),
        .is_suspended = is_open,
        .cause = is_open ? causes[breaker->cause] : NULL,
        .suspended_ms = is_open ? now_ms - breaker->opened_at_ms : 0,
        .left_ms = is_open ? breaker_left_ms(breaker, pause_max_ms, now_ms) : 0,
        .is_failing = outage_is_on(&state->outage),
        .failing_ms = outage_lasts_ms(&state->outage, now_ms),
        .has_failed = state->failed_at_ms != 0,
        .failed_ms = now_ms - state->failed_at_ms,
        .reason = state->reason,
    };
}

/* Adds what a place says about its URL. */
static void add_place(const struct url_state *state, uint64_t now_ms, struct table_backend *to)
{
    const uint64_t failing_ms = outage_lasts_ms(&state->outage, now_ms);
    const uint64_t suspended_ms =
        breaker_is_open(&state->breaker) ? now_ms - state->breaker.opened_at_ms : 0;
    const uint64_t since_ms = failing_ms > suspended_ms ? failing_ms : suspended_ms;

    if (state->is_gone)
        return;
    to->is_used = to->is_used || state->requests > 0;
    to->is_failing = to->is_failing || outage_is_on(&state->outage);
    if (since_ms > to->since_ms)
        to->since_ms = since_ms;
}

/* Returns whether the URL has places, and all of them are suspended. */
static bool is_suspended(const struct url_backends *b, size_t index)
{
    const size_t step = b->count;
    bool is_suspended = false;

    if (index == b->count)
        return breaker_is_open(&b->health->of[url_backends_commit(b)].breaker);
    for (size_t at = index; at < url_backends_commit(b); at += step) {
        if (url_state_may_serve(&b->health->of[at]))
            return false;
        is_suspended = is_suspended || !b->health->of[at].is_gone;
    }
    return is_suspended;
}

bool url_backends_describe(const struct url_backends *b, size_t index, struct table_backend *to)
{
    const struct http_backend *backend;
    const uint64_t now_ms = clock_now_ms();

    if (index >= url_backends_count(b))
        return false;
    backend = http_site_backend(b->sites->items[index]);
    *to = (struct table_backend){
        .backend = backend,
        .name = span_of(backend->name),
        .is_for_writes = index == b->count,
        .is_suspended = is_suspended(b, index),
    };
    if (index == b->count)
        add_place(&b->health->of[url_backends_commit(b)], now_ms, to);
    for (size_t at = index; index < b->count && at < url_backends_commit(b); at += b->count)
        add_place(&b->health->of[at], now_ms, to);
    return true;
}

void url_backends_close(struct url_backends *b)
{
    url_sites_unref(&b->sites);
    for (size_t i = 0; i < url_backends_count(b); i++)
        url_template_free(&b->items[i].template);
    free(b->items);
    url_site_plan_unref(&b->plan);
    url_health_unref(&b->health);
}

void url_backends_take_over(struct url_backends *next, const struct url_backends *previous)
{
    url_health_unref(&next->health);
    next->health = url_health_ref(previous->health);
}
