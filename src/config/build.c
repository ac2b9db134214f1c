#include "build.h"

#include "build_allow.h"
#include "build_table.h"
#include "podop/account.h"
#include "podop/mem.h"
#include "podop/socket_address.h"
#include "podop/suggestion.h"
#include "schema.h"
#include "walk.h"
#include "warnings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTROL_CLIENTS_MAX = 16, /* more of them wait in the backlog */
    CONTROL_REQUEST_TIMEOUT_MS = 10 * 1000,
    HTTP_CLIENTS_MAX = 16,
};

/* Returns the number of elements of a section, or 0 if it is missing or not a list. */
static size_t section_count(const struct node *root, const char *name)
{
    const struct node *section = node_find(root, name);

    return section == NULL || section->kind == NODE_GROUP ? 0 : section->count;
}

/* Reports settings that a socket of systemd cannot have, because podop does not make it. */
static void check_handed_over(const struct node *node, const char *where, struct faults *faults)
{
    static const char *const names[] = {"permissions", "owner", "group"};
    const char *socket = node_find_text(node, "socket"), *bare;

    if (socket == NULL || socket_address_kind(socket, &bare) != SOCKET_SYSTEMD)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct node *setting = node_find(node, names[i]);

        if (setting != NULL)
            fault_add(faults, setting->origin,
                      "'%s'%s cannot be set here: the socket unit of systemd sets it", names[i],
                      where);
    }
}

/* Looks for the accounts now, and not when the socket is opened, because a search may block. A
 * fault is reported when the socket is opened. */
static void find_accounts(struct listen_config *listener)
{
    struct socket_accounts *a = &listener->accounts;
    gid_t ignored;

    if (listener->socket == NULL)
        return;
    if (listener->owner != NULL)
        a->has_uid = account_find_user(listener->owner, &a->uid, &ignored, &a->failure) == 0;
    if (a->failure.text[0] != '\0') {
        error_prefix(&a->failure, "owner of %s", listener->socket);
        return;
    }
    if (listener->group != NULL)
        a->has_gid = account_find_group(listener->group, &a->gid, &a->failure) == 0;
    if (a->failure.text[0] != '\0')
        error_prefix(&a->failure, "group of %s", listener->socket);
}

static void build_control(const struct node *root, struct listen_config *control,
                          struct faults *faults)
{
    const struct node *group = node_find(root, "control");

    control->origin = xstrdup(group == NULL ? root->origin : group->origin);
    control->mode = MODE_CONTROL;
    control->max_clients = CONTROL_CLIENTS_MAX;
    control->request_timeout_ms = CONTROL_REQUEST_TIMEOUT_MS;
    find_accounts(control);
    build_allow(group, " in 'control'", control, faults);
}

static void build_http(const struct node *root, struct listen_config *http, struct faults *faults)
{
    const struct node *group = node_find(root, "http");

    http->origin = xstrdup(group == NULL ? root->origin : group->origin);
    http->mode = MODE_HTTP;
    http->max_clients = HTTP_CLIENTS_MAX;
    check_handed_over(group, " in 'http'", faults);
    find_accounts(http);
    build_allow(group, " in 'http'", http, faults);
}

static void build_listener(const struct node *node, size_t index, struct listen_config *listener,
                           struct faults *faults)
{
    char where[WHERE_BYTES_MAX];

    listener->origin = xstrdup(node->origin);
    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, "listen", "", "groups, ( { ... } )", faults);
        return;
    }
    format_where(where, node, "socket", "socket", "listen", index);
    schema_set_defaults(&schema_listen, listener);
    walk_group(&schema_listen, node, listener, where, faults);
    walk_mandatory(&schema_listen, node, NULL, where, faults);
    check_handed_over(node, where, faults);
    find_accounts(listener);
    build_allow(node, where, listener, faults);
}

/* Reports a section that is missing, empty or not a list. */
static void check_section(const struct node *root, const char *name, const char *if_empty,
                          struct faults *faults)
{
    const struct node *section = node_find(root, name);

    if (section == NULL)
        fault_add(faults, root->origin, "%s", if_empty);
    else if (section->kind != NODE_LIST && section->kind != NODE_ARRAY)
        fault_wrong_kind(section, name, "", "a list, ( { ... }, { ... } )", faults);
    else if (section->count == 0)
        fault_add(faults, section->origin, "%s", if_empty);
}

/* Compares by name, and tables of the same name by their order in the file. */
static int compare_names(const void *a, const void *b)
{
    const struct table_config *const *left = a, *const *right = b;
    int order = strcmp((*left)->name, (*right)->name);

    return order != 0 ? order : (*left > *right) - (*left < *right);
}

static void check_table_doubles(const struct config *config, struct faults *faults)
{
    const struct table_config **named =
        xreallocarray(NULL, config->table_count, sizeof(const struct table_config *));
    size_t first = 0, count = 0;

    for (size_t i = 0; i < config->table_count; i++) {
        if (config->tables[i].name != NULL)
            named[count++] = &config->tables[i];
    }
    qsort(named, count, sizeof(const struct table_config *), compare_names);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(named[first]->name, named[i]->name) == 0)
            fault_add(faults, named[i]->origin, "table '%s' is already defined (%s)",
                      named[i]->name, named[first]->origin);
        else
            first = i;
    }
    free(named);
}

static bool is_same_socket(const struct listen_config *a, const struct listen_config *b)
{
    const char *bare_a, *bare_b;

    return a->socket != NULL && b->socket != NULL &&
           socket_address_kind(a->socket, &bare_a) == socket_address_kind(b->socket, &bare_b) &&
           strcmp(bare_a, bare_b) == 0;
}

static void check_socket_doubles(const struct config *config, struct faults *faults)
{
    for (size_t i = 0; i < config->listen_count; i++) {
        const struct listen_config *listener = &config->listen[i];

        for (size_t j = 0; j < i && listener->socket != NULL; j++) {
            const struct listen_config *first = &config->listen[j];

            if (is_same_socket(first, listener)) {
                fault_add(faults, listener->origin, "socket '%s' is already listened on (%s)",
                          listener->socket, first->origin);
                break;
            }
        }
        if (is_same_socket(&config->control, listener))
            fault_add(faults, listener->origin,
                      "socket '%s' is already the socket of 'control' (%s)", listener->socket,
                      config->control.origin);
        if (is_same_socket(&config->http, listener))
            fault_add(faults, listener->origin, "socket '%s' is already the socket of 'http' (%s)",
                      listener->socket, config->http.origin);
    }
    if (listen_config_is_set(&config->http) && is_same_socket(&config->control, &config->http))
        fault_add(faults, config->http.origin,
                  "socket '%s' is already the socket of 'control' (%s)", config->http.socket,
                  config->control.origin);
}

/* Searches the tables as written, because a table with faults is not missing. */
static bool has_table(const struct node *tables, const char *name, struct suggestion *suggestion)
{
    for (size_t i = 0; tables != NULL && i < tables->count; i++) {
        const char *other = node_find_text(tables->children[i], "name");

        if (other != NULL && strcmp(other, name) == 0)
            return true;
        if (other != NULL)
            suggestion_offer(suggestion, other);
    }
    return false;
}

static void check_served(const struct node *listener, const struct node *tables, const char *where,
                         struct faults *faults)
{
    const struct node *names = node_find(listener, "tables");

    for (size_t i = 0; names != NULL && i < names->count; i++) {
        const struct node *name = names->children[i];
        struct suggestion suggestion = {.word = name->text};

        if (name->kind != NODE_STRING || has_table(tables, name->text, &suggestion))
            continue;
        fault_add(faults, name->origin, "no table '%s', named by 'tables'%s%s%s%s", name->text,
                  where, suggestion.best == NULL ? "" : " (did you mean '",
                  suggestion.best == NULL ? "" : suggestion.best,
                  suggestion.best == NULL ? "" : "'?)");
    }
}

static void check_socket(const struct listen_config *listen, const struct config_checks *checks,
                         const struct node *group, struct faults *faults)
{
    struct error err = {0};

    if (listen_config_is_set(listen) && checks->listen != NULL &&
        checks->listen(listen, &err) == -1)
        fault_add(faults, node_find(group, "socket")->origin, "%s", err.text);
}

/* Runs the checks of the caller and of the table types, and reports their faults with the line of
 * the setting. */
static void check_beyond(const struct config *config, const struct config_checks *checks,
                         const struct node *root, struct faults *faults)
{
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");

    for (size_t i = 0; i < config->listen_count; i++)
        check_socket(&config->listen[i], checks, listen->children[i], faults);
    check_socket(&config->http, checks, node_find(root, "http"), faults);
    for (size_t i = 0; i < config->table_count; i++)
        check_param(&config->tables[i], tables->children[i], faults);
}

struct config *config_build(const struct node *root, const struct config_types *types,
                            const struct config_checks *checks, struct faults *faults)
{
    static const struct config_checks none;
    struct config *config = xcalloc(1, sizeof(*config));
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");
    const struct node *defaults = node_find(root, "defaults");

    if (checks == NULL)
        checks = &none;
    config->refs = 1;
    schema_set_defaults(&schema_root, config);
    walk_group(&schema_root, root, config, "", faults);
    build_control(root, &config->control, faults);
    build_http(root, &config->http, faults);
    check_section(
        root, "listen",
        "no sockets to listen on: add listen = ( { socket = \"/run/podop/podop.sock\"; } );",
        faults);
    config->listen_count = section_count(root, "listen");
    config->listen = xcalloc(config->listen_count, sizeof(config->listen[0]));
    for (size_t i = 0; i < config->listen_count; i++) {
        char where[WHERE_BYTES_MAX];

        build_listener(listen->children[i], i, &config->listen[i], faults);
        format_where(where, listen->children[i], "socket", "socket", "listen", i);
        check_served(listen->children[i], tables, where, faults);
    }
    check_socket_doubles(config, faults);
    check_defaults(types, defaults, faults);
    check_section(root, "tables",
                  "no tables: add tables = ( { name = \"alias\"; type = \"url\"; "
                  "param = \"http://127.0.0.1:8080/alias/{}\"; } );",
                  faults);
    config->table_count = section_count(root, "tables");
    config->tables = xcalloc(config->table_count, sizeof(config->tables[0]));
    for (size_t i = 0; i < config->table_count; i++)
        build_table(types, tables->children[i], defaults, i, &config->tables[i], faults);
    check_table_doubles(config, faults);
    check_beyond(config, checks, root, faults);
    warn_beyond(root, types, checks, faults);
    paths_collect(config, types, root);
    return config;
}
