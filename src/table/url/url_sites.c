#include "url_sites.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* Plans */

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : xstrdup(text);
}

static void copy_list(struct string_list *to, const struct string_list *from)
{
    to->items = xreallocarray(NULL, from->count, sizeof(*to->items));
    for (to->count = 0; to->count < from->count; to->count++)
        to->items[to->count] = xstrdup(from->items[to->count]);
}

struct url_site_plan *url_site_plan_new(const struct table_config *config)
{
    const struct url_settings *settings = url_settings_of(config);
    const struct auth_config *auth = &settings->auth;
    const struct tls_config *tls = &settings->tls;
    struct url_site_plan *plan = xmalloc(sizeof(*plan));

    *plan = (struct url_site_plan){
        .refs = 1,
        .table = xstrdup(config->name),
        .auth = {.type = auth->type,
                 .user = copy_text(auth->user),
                 .password_file = copy_text(auth->password_file),
                 .token_file = copy_text(auth->token_file)},
        .tls = {.ca_file = copy_text(tls->ca_file),
                .cert_file = copy_text(tls->cert_file),
                .key_file = copy_text(tls->key_file)},
        .unix_socket = copy_text(settings->unix_socket),
        .connect_timeout_ms = settings->connect_timeout_ms,
        .max_response = settings->max_response,
    };
    copy_list(&plan->headers, &settings->headers);
    return plan;
}

struct url_site_plan *url_site_plan_ref(struct url_site_plan *plan)
{
    plan->refs++;
    return plan;
}

void url_site_plan_unref(struct url_site_plan **pplan)
{
    struct url_site_plan *plan = *pplan;

    *pplan = NULL;
    if (plan == NULL || --plan->refs > 0)
        return;
    for (size_t i = 0; i < plan->headers.count; i++)
        free(plan->headers.items[i]);
    free(plan->headers.items);
    free(plan->unix_socket);
    free(plan->tls.ca_file);
    free(plan->tls.cert_file);
    free(plan->tls.key_file);
    free(plan->auth.user);
    free(plan->auth.password_file);
    free(plan->auth.token_file);
    free(plan->table);
    free(plan);
}

bool url_site_plan_has_files(const struct url_site_plan *plan)
{
    return plan->auth.type != AUTH_NONE || plan->tls.ca_file != NULL || plan->tls.cert_file != NULL;
}

/* Sites */

static struct http_site *site_open(const struct url_site_plan *plan, const char *base,
                                   const struct url_access *access, struct http *http,
                                   struct error *err)
{
    const char **headers = xreallocarray(NULL, plan->headers.count + 4, sizeof(*headers));
    struct http_site_config wanted = {
        .base = base,
        .unix_socket = plan->unix_socket,
        .headers = headers,
        .tls = url_access_tls(access),
        .connect_timeout_ms = plan->connect_timeout_ms,
        .max_response = plan->max_response,
    };
    struct http_site *site;
    char table[300]; /* a name has at most 255 bytes */

    snprintf(table, sizeof(table), "Podop-Table: %s", plan->table);
    headers[wanted.header_count++] = "Accept: application/json";
    headers[wanted.header_count++] = "Accept-Encoding: identity";
    headers[wanted.header_count++] = table;
    if (access->authorization != NULL)
        headers[wanted.header_count++] = secret_text(access->authorization);
    for (size_t i = 0; i < plan->headers.count; i++)
        headers[wanted.header_count++] = plan->headers.items[i];
    site = http_site_open(http, &wanted, err);
    free(headers);
    return site;
}

struct url_sites *url_sites_open(const struct url_site_plan *plan, const char *const *bases,
                                 size_t count, struct url_access *access, struct http *http,
                                 struct error *err)
{
    struct url_sites *sites = xcalloc(1, sizeof(*sites) + count * sizeof(struct http_site *));

    sites->refs = 1;
    sites->access = *access;
    sites->count = count;
    *access = (struct url_access){0};
    for (size_t i = 0; i < count; i++) {
        sites->items[i] = site_open(plan, bases[i], &sites->access, http, err);
        if (sites->items[i] == NULL) {
            url_sites_unref(&sites);
            break;
        }
    }
    return sites;
}

struct url_sites *url_sites_ref(struct url_sites *sites)
{
    sites->refs++;
    return sites;
}

static void sites_free(struct url_sites *sites)
{
    for (size_t i = 0; i < sites->count; i++)
        http_site_close(&sites->items[i]);
    url_access_close(&sites->access);
    free(sites);
}

void url_sites_unref(struct url_sites **psites)
{
    struct url_sites *sites = *psites;

    *psites = NULL;
    if (sites != NULL && --sites->refs == 0)
        sites_free(sites);
}
