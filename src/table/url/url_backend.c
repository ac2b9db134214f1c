#include "url_backend.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

int url_backends_check(const char *url, struct error *err)
{
    struct url_template *template = url_template_new(url, err);

    if (template == NULL)
        return -1;
    url_template_free(&template);
    return 0;
}

static struct http_site *site_open(const struct url_access *access,
                                   const struct table_config *config, const char *base,
                                   struct http *http, struct error *err)
{
    const struct url_settings *settings = url_settings_of(config);
    const char **headers = xreallocarray(NULL, settings->headers.count + 4, sizeof(*headers));
    struct http_site_config wanted = {
        .base = base,
        .unix_socket = settings->unix_socket,
        .headers = headers,
        .tls = url_access_tls(access),
        .connect_timeout_ms = settings->connect_timeout_ms,
        .max_response = settings->max_response,
    };
    struct http_site *site;
    char table[300]; /* a name has at most 255 bytes */

    snprintf(table, sizeof(table), "Podop-Table: %s", config->name);
    headers[wanted.header_count++] = "Accept: application/json";
    headers[wanted.header_count++] = "Accept-Encoding: identity";
    headers[wanted.header_count++] = table;
    if (access->authorization != NULL)
        headers[wanted.header_count++] = secret_text(access->authorization);
    for (size_t i = 0; i < settings->headers.count; i++)
        headers[wanted.header_count++] = settings->headers.items[i];
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
    const char *commit_url = url_settings_of(config)->commit_url;
    const size_t all = 1 + config->fallbacks.count + (commit_url == NULL ? 0 : 1);

    *b = (struct url_backends){
        .table = table,
        .items = xcalloc(all, sizeof(*b->items)),
        .count = 1 + config->fallbacks.count,
        .has_commit = commit_url != NULL,
        .health = url_health_new(all),
    };
    for (size_t i = 0; i < all; i++) {
        const char *url = i == 0         ? config->param
                          : i < b->count ? config->fallbacks.items[i - 1]
                                         : commit_url;

        if (backend_open(&b->items[i], url, access, config, http, err) == -1)
            return -1;
    }
    return 0;
}

size_t url_backends_count(const struct url_backends *b)
{
    return b->count + (b->has_commit ? 1 : 0);
}

/* Returns whether no URL of the same list serves, so that the pause of this one is short. */
static bool are_all_suspended(const struct url_backends *b, size_t i)
{
    const size_t begin = i < b->count ? 0 : b->count;
    const size_t end = i < b->count ? b->count : b->count + 1;

    for (size_t at = begin; at < end; at++) {
        if (!breaker_is_open(&b->health->of[at].breaker))
            return false;
    }
    return true;
}

struct url_report url_backends_report(const struct url_backends *b, size_t i)
{
    static const char *const causes[] = {[BREAKER_UNSENT] = "unsent",
                                         [BREAKER_UNANSWERED] = "unanswered",
                                         [BREAKER_ANSWERED] = "answered"};
    const struct url_state *state = &b->health->of[i];
    const struct breaker *breaker = &state->breaker;
    const bool is_open = breaker_is_open(breaker);
    const uint32_t pause_max_ms =
        are_all_suspended(b, i) ? BREAKER_PAUSE_MIN_MS : BREAKER_PAUSE_MAX_MS;
    const uint64_t now_ms = clock_now_ms();

    return (struct url_report){
        .base = url_template_base(b->items[i].template),
        .requests = state->requests,
        .failures = state->failures,
        .failures_in_row = state->failures_in_row,
        .counted = breaker_failures(breaker),
        .is_suspended = is_open,
        .cause = is_open ? causes[breaker->cause] : NULL,
        .suspended_ms = is_open ? now_ms - breaker->opened_at_ms : 0,
        .left_ms = is_open ? breaker_left_ms(breaker, pause_max_ms, now_ms) : 0,
        .has_failed = state->failed_at_ms != 0,
        .failed_ms = now_ms - state->failed_at_ms,
        .reason = state->reason,
    };
}

void url_backends_close(struct url_backends *b)
{
    for (size_t i = 0; i < url_backends_count(b); i++) {
        http_site_close(&b->items[i].site);
        url_template_free(&b->items[i].template);
    }
    free(b->items);
    url_health_unref(&b->health);
}

void url_backends_take_over(struct url_backends *next, const struct url_backends *previous)
{
    url_health_unref(&next->health);
    next->health = url_health_ref(previous->health);
}
