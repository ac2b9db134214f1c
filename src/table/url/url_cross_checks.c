/* url_cross_checks.c - settings of a url table that require or exclude each other. where is " in
 * table 'NAME'" or " in 'defaults'"; where + 4 leaves out the " in ". */
#include "url_settings.h"
#include "url_template.h"

#include "podop/mem.h"

#include <string.h>
#include <strings.h>

/* In the order of enum auth_type. */
static const char *const type_names[] = {"none", "basic", "bearer"};

struct credential {
    const char *name;
    enum auth_type type; /* that uses it */
    size_t offset;       /* of a char * in struct auth_config */
};
static const struct credential credentials[] = {
    {"user", AUTH_BASIC, offsetof(struct auth_config, user)},
    {"password_file", AUTH_BASIC, offsetof(struct auth_config, password_file)},
    {"token_file", AUTH_BEARER, offsetof(struct auth_config, token_file)},
};

/* Returns a member of group, or NULL if it is missing or empty. With an empty string, a table
 * cancels a value of the defaults. */
static const struct node *find_given(const struct node *group, const char *name)
{
    const struct node *member = node_find(group, name);

    return member == NULL || (member->text != NULL && member->text[0] == '\0') ? NULL : member;
}

static bool has_credential(const struct auth_config *auth, const struct credential *c)
{
    return *(char *const *)(const void *)((const char *)auth + c->offset) != NULL;
}

/* Returns whether the type is valid or missing. An invalid type was reported already, and the
 * checks below need a valid one. */
static bool is_type_known(const struct node *group, const struct auth_config *auth)
{
    const char *text = node_find_text(group, "type");

    return node_find(group, "type") == NULL ||
           (text != NULL && strcmp(text, type_names[auth->type]) == 0);
}

/* Reports members of group that are for another type than that of auth, which includes the
 * defaults. */
static void check_foreign_members(const struct node *group, const struct auth_config *auth,
                                  const char *where, struct faults *faults)
{
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        const struct credential *c = &credentials[i];
        const struct node *member = find_given(group, c->name);

        if (member == NULL || auth->type == c->type)
            continue;
        if (auth->type == AUTH_NONE && node_find(group, "type") == NULL) {
            fault_add(faults, group->origin, "'type' is missing in 'auth' of %s", where + 4);
            return;
        }
        fault_add(faults, member->origin,
                  "'%s' in 'auth' of %s is for type \"%s\" only, and this is \"%s\"", c->name,
                  where + 4, type_names[c->type], type_names[auth->type]);
    }
}

static void check_auth(const struct node *table, const struct auth_config *auth, const char *where,
                       struct faults *faults)
{
    const struct node *group = node_find(table, "auth");

    if (!is_type_known(group, auth))
        return;
    check_foreign_members(group, auth, where, faults);
    for (size_t i = 0; i < ARRAY_LEN(credentials); i++) {
        const struct credential *c = &credentials[i];

        if (c->type == auth->type && !has_credential(auth, c) && find_given(group, c->name) == NULL)
            fault_add(faults, group == NULL ? table->origin : group->origin,
                      "'%s' is missing in 'auth' of %s", c->name, where + 4);
    }
}

static void check_tls(const struct node *table, const struct tls_config *tls, const char *where,
                      struct faults *faults)
{
    const struct node *group = node_find(table, "tls");
    const char *missing = tls->cert_file == NULL ? "cert_file" : "key_file";

    if ((tls->cert_file == NULL) != (tls->key_file == NULL) && find_given(group, missing) == NULL)
        fault_add(faults, group == NULL ? table->origin : group->origin,
                  "'%s' is missing in 'tls' of %s: certificate and key belong together", missing,
                  where + 4);
}

/* Rejects an Authorization header without showing it, because it is a secret. The headers are
 * those of the defaults if the table's list has a fault. */
static void check_headers(const struct node *table, const struct string_list *headers,
                          const char *where, struct faults *faults)
{
    static const char name[] = "Authorization:";
    const struct node *list = node_find(table, "headers");

    for (size_t i = 0; i < headers->count; i++) {
        if (strncasecmp(headers->items[i], name, sizeof(name) - 1) == 0)
            fault_add(faults,
                      list == NULL || i >= list->count ? table->origin : list->children[i]->origin,
                      "'headers'%s must not contain Authorization, which 'auth' sets", where);
    }
}

/* The URLs of param are checked one by one, by check_param(). */
static void check_commit_url(const struct node *table, const char *url, const char *where,
                             struct faults *faults)
{
    const struct node *node = node_find(table, "commit_url");
    struct error err = {0};
    struct url_template *template = url == NULL ? NULL : url_template_new(url, &err);

    if (url != NULL && template == NULL)
        fault_add(faults, node == NULL ? table->origin : node->origin, "%s: %s", where + 4,
                  err.text);
    url_template_free(&template);
}

/* Warns about the places of each URL of param. */
static void check_places(const struct node *param, const struct table_config *config,
                         const char *where, struct faults *faults)
{
    const bool is_post = url_settings_of(config)->lookup == LOOKUP_POST;
    struct error err = {0};

    for (size_t i = 0; param != NULL && i < param->count; i++) /* only a list has elements */
        check_places(param->children[i], config, where, faults);
    if (param != NULL && param->kind == NODE_STRING &&
        url_template_doubt_places(param->text, is_post, config->key.extension != NULL, &err) == -1)
        fault_warn(faults, param->origin, "%s: %s", where + 4, err.text);
}

/* A write_behind of the defaults has no effect in a table that cannot be written to. */
static void check_post(const struct node *table, const struct table_config *config,
                       const char *where, struct faults *faults)
{
    const struct node *node = node_find(table, "write_behind");

    if (node != NULL && config->write_behind_ms > 0 && url_settings_of(config)->commit_url == NULL)
        fault_add(faults, node->origin,
                  "'write_behind'%s needs 'commit_url', because 'lookup' is \"post\"", where);
}

enum { CLIENT_WAITS_MS = 100 * 1000 }; /* a longer time has a warning of its own */

/* Warns about a connect_timeout of the table that timeout ends first. */
static void check_timeouts(const struct node *table, const struct table_config *config,
                           const char *where, struct faults *faults)
{
    const struct node *node = node_find(table, "connect_timeout");
    const uint32_t connect_ms = url_settings_of(config)->connect_timeout_ms;

    if (node != NULL && connect_ms > config->timeout_ms && connect_ms <= CLIENT_WAITS_MS)
        fault_warn(faults, node->origin,
                   "'connect_timeout'%s is longer than 'timeout', which ends the lookup before",
                   where);
}

static bool is_loopback(struct span host)
{
    return (host.len == 9 && strncasecmp(host.ptr, "localhost", 9) == 0) ||
           (span_starts_with(host, SPAN("127.")) && strspn(host.ptr, "0123456789.") >= host.len) ||
           span_starts_with(host, SPAN("[::1]"));
}

/* Warns about a URL to another host that takes the secret over a connection without TLS. */
static void check_unencrypted(const struct node *param, const char *where, struct faults *faults)
{
    static const char scheme[] = "http://";
    const size_t scheme_len = sizeof(scheme) - 1;
    struct span host;

    for (size_t i = 0; param != NULL && i < param->count; i++) /* only a list has elements */
        check_unencrypted(param->children[i], where, faults);
    if (param == NULL || param->kind != NODE_STRING ||
        strncasecmp(param->text, scheme, scheme_len) != 0)
        return;
    host.ptr = param->text + scheme_len;
    host.len = strcspn(host.ptr, "/?#");
    if (host.len > 0 && host.ptr[0] != '[') /* an IPv6 address is compared with its port */
        host.len = strcspn(host.ptr, ":/?#");
    if (!is_loopback(host))
        fault_warn(faults, param->origin,
                   "%s: the secret of 'auth' is sent to '%.*s' without encryption: use https",
                   where + 4, (int)host.len, host.ptr);
}

void url_cross_check(const struct node *table, const struct table_config *config, const char *where,
                     struct faults *faults)
{
    const struct url_settings *settings = url_settings_of(config);

    check_auth(table, &settings->auth, where, faults);
    check_tls(table, &settings->tls, where, faults);
    check_commit_url(table, settings->commit_url, where, faults);
    check_places(node_find(table, "param"), config, where, faults);
    check_timeouts(table, config, where, faults);
    if (settings->lookup == LOOKUP_POST)
        check_post(table, config, where, faults);
    if (settings->auth.type != AUTH_NONE)
        check_headers(table, &settings->headers, where, faults);
    if (settings->auth.type != AUTH_NONE && settings->unix_socket == NULL) {
        check_unencrypted(node_find(table, "param"), where, faults);
        check_unencrypted(node_find(table, "commit_url"), where, faults);
    }
}

void url_cross_check_defaults(const struct node *defaults, const struct table_config *config,
                              struct faults *faults)
{
    const struct auth_config *auth = &url_settings_of(config)->auth;
    const struct node *group = node_find(defaults, "auth");

    if (node_find(group, "type") != NULL && is_type_known(group, auth))
        check_foreign_members(group, auth, " in 'defaults'", faults);
}
