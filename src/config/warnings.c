#include "warnings.h"

#include "podop/mem.h"
#include "podop/shell_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES_MAX = 300, SECOND_MS = 1000 };

/* From where on a duration is doubted. */
static const struct doubt {
    const char *name;
    uint32_t longest_s; /* of a number without a unit, which may have been meant in milliseconds */
    bool is_clients;    /* with a unit, too: no client waits for longer */
} doubts[] = {
    {"timeout", 100, true},          {"connect_timeout", 100, true},
    {"request_timeout", 999, false}, {"shutdown_timeout", 999, false},
    {"write_behind", 999, false},    {"idle_timeout", 3600, false},
};

static bool has_unit(const struct node *value)
{
    return value->kind == NODE_STRING && value->text[strspn(value->text, "0123456789.")] != '\0';
}

static void warn_number(const struct setting *setting, const struct node *value, const char *where,
                        bool is_clients, struct faults *faults)
{
    char number[100];

    node_describe(value, number, sizeof(number));
    fault_warn(faults, value->origin,
               "'%s'%s is %s%s%s; is it meant in milliseconds, with \"ms\" after the number?",
               setting->name, where, number, has_unit(value) ? "" : ", a number of seconds",
               is_clients ? ", and longer than any client waits (Postfix 100s, Dovecot 30s)" : "");
}

void warn_duration(const struct setting *setting, const struct node *value, const char *where,
                   struct faults *faults)
{
    uint64_t ms;

    if (setting->kind != SETTING_DURATION || !setting_read_number(setting, value, &ms))
        return;
    for (size_t i = 0; i < ARRAY_LEN(doubts); i++) {
        if (strcmp(doubts[i].name, setting->name) != 0 ||
            ms <= (uint64_t)doubts[i].longest_s * SECOND_MS)
            continue;
        if (!has_unit(value))
            warn_number(setting, value, where, doubts[i].is_clients, faults);
        else if (doubts[i].is_clients)
            fault_warn(faults, value->origin,
                       "'%s'%s is \"%s\", longer than any client waits (Postfix 100s, Dovecot 30s)",
                       setting->name, where, value->text);
    }
}

static void warn_url(const struct node *param, const char *table,
                     const struct config_checks *checks, struct faults *faults)
{
    struct error err = {0};

    for (size_t i = 0; i < param->count; i++) /* of a list */
        warn_url(param->children[i], table, checks, faults);
    if (param->kind == NODE_STRING && checks->url(param->text, &err) == -1)
        fault_warn(faults, param->origin, "table '%s': %s", table, err.text);
}

static void warn_urls(const struct node *root, const struct config_checks *checks,
                      struct faults *faults)
{
    const struct node *tables = node_find(root, "tables");

    for (size_t i = 0; tables != NULL && i < tables->count; i++) {
        const struct node *table = tables->children[i];
        const char *name = node_find_text(table, "name"), *type = node_find_text(table, "type");
        const struct node *param = node_find(table, "param");

        if (name != NULL && type != NULL && strcmp(type, "url") == 0 && param != NULL)
            warn_url(param, name, checks, faults);
    }
}

/* Names and numbers of users or of groups. */
static void warn_account(const struct node *group, const char *name, const char *where,
                         int (*check)(const char *text, struct error *err), struct faults *faults)
{
    const struct node *value = node_find(group, name);
    struct error err = {0};

    if (value != NULL && value->text != NULL && value->text[0] != '\0' && check != NULL &&
        check(value->text, &err) == -1)
        fault_warn(faults, value->origin, "'%s'%s: %s", name, where, err.text);
}

static void warn_owner(const struct node *socket, const struct config_checks *checks,
                       struct faults *faults)
{
    const char *text = node_find_text(socket, "socket");
    char where[WHERE_BYTES_MAX];

    if (text == NULL)
        return;
    snprintf(where, sizeof(where), " in socket '%s'", text);
    warn_account(socket, "owner", where, checks->user, faults);
    warn_account(socket, "group", where, checks->group, faults);
}

void warn_beyond(const struct node *root, const struct config_checks *checks, struct faults *faults)
{
    const struct node *listen = node_find(root, "listen");

    warn_account(root, "user", "", checks->user, faults);
    warn_account(root, "group", "", checks->group, faults);
    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        warn_owner(listen->children[i], checks, faults);
    warn_owner(node_find(root, "control"), checks, faults);
    if (checks->url != NULL)
        warn_urls(root, checks, faults);
}

/* Paths --------------------------------------------------------------------------------------- */

static void add_path(struct config *config, const char *origin, const char *path,
                     enum path_need need)
{
    config->paths = xreallocarray(config->paths, config->path_count + 1, sizeof(config->paths[0]));
    config->paths[config->path_count++] =
        (struct config_path){xstrdup(origin), xstrdup(path), need};
}

static void add_text(struct config *config, const struct node *group, const char *name,
                     enum path_need need)
{
    const struct node *value = node_find(group, name);

    if (value != NULL && value->kind == NODE_STRING && value->text[0] != '\0')
        add_path(config, value->origin, value->text, need);
}

/* The directory that podop makes a unix socket in, and removes it from. */
static void add_socket(struct config *config, const struct node *group)
{
    const struct node *socket = node_find(group, "socket");
    const char *path = node_find_text(group, "socket");
    const char *slash;
    char *directory;

    if (path != NULL && strncmp(path, "unix:", 5) == 0)
        path += 5;
    if (path == NULL || path[0] != '/')
        return;
    slash = strrchr(path, '/');
    directory = xmemdup0(path, slash == path ? 1 : (size_t)(slash - path));
    add_path(config, socket->origin, directory, PATH_MAKE_SOCKETS);
    free(directory);
}

static void add_program(struct config *config, const struct node *param)
{
    struct error err = {0};
    struct shell_words words;

    if (param == NULL || param->kind != NODE_STRING ||
        shell_words_split(&words, param->text, &err) == -1)
        return;
    if (strchr(words.items[0], '/') != NULL)
        add_path(config, param->origin, words.items[0], PATH_RUN);
    shell_words_free(&words);
}

static void add_table(struct config *config, const struct node *table)
{
    static const char *const of_auth[] = {"password_file", "token_file"};
    static const char *const of_tls[] = {"ca_file", "cert_file", "key_file"};
    const char *type = node_find_text(table, "type");

    if (type != NULL && strcmp(type, "json") == 0)
        add_text(config, table, "param", PATH_READ);
    if (type != NULL && strcmp(type, "program") == 0)
        add_program(config, node_find(table, "param"));
    for (size_t i = 0; i < ARRAY_LEN(of_auth); i++)
        add_text(config, node_find(table, "auth"), of_auth[i], PATH_READ);
    for (size_t i = 0; i < ARRAY_LEN(of_tls); i++)
        add_text(config, node_find(table, "tls"), of_tls[i], PATH_READ);
    add_text(config, table, "unix_socket", PATH_CONNECT);
}

void paths_collect(struct config *config, const struct node *root)
{
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");

    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        add_socket(config, listen->children[i]);
    add_socket(config, node_find(root, "control"));
    add_table(config, node_find(root, "defaults"));
    for (size_t i = 0; tables != NULL && i < tables->count; i++)
        add_table(config, tables->children[i]);
}

void paths_add_files(struct config *config, const struct string_list *files)
{
    for (size_t i = 0; i < files->count; i++)
        add_path(config, files->items[i], files->items[i], PATH_READ);
}

void paths_free(struct config *config)
{
    for (size_t i = 0; i < config->path_count; i++) {
        free(config->paths[i].origin);
        free(config->paths[i].path);
    }
    free(config->paths);
}
