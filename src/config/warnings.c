#include "warnings.h"

#include "podop/mem.h"
#include "podop/socket_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHERE_BYTES_MAX = 300, SECOND_MS = 1000 };

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

    if (setting->kind != SETTING_DURATION || setting->doubted_s == 0 ||
        !setting_read_number(setting, value, &ms) || ms <= (uint64_t)setting->doubted_s * SECOND_MS)
        return;
    if (!has_unit(value))
        warn_number(setting, value, where, setting->is_awaited, faults);
    else if (setting->is_awaited)
        fault_warn(faults, value->origin,
                   "'%s'%s is \"%s\", longer than any client waits (Postfix 100s, Dovecot 30s)",
                   setting->name, where, value->text);
}

static void warn_param(const struct config_type *type, const struct node *param, const char *table,
                       struct faults *faults)
{
    struct error err = {0};

    for (size_t i = 0; i < param->count; i++) /* only a list has elements */
        warn_param(type, param->children[i], table, faults);
    if (param->kind == NODE_STRING && type->doubt_param(param->text, &err) == -1)
        fault_warn(faults, param->origin, "table '%s': %s", table, err.text);
}

static const struct config_type *type_of(const struct config_types *types, const struct node *table)
{
    return config_type_find(types, node_find_text(table, "type"));
}

static void warn_params(const struct node *root, const struct config_types *types,
                        struct faults *faults)
{
    const struct node *tables = node_find(root, "tables");

    for (size_t i = 0; tables != NULL && i < tables->count; i++) {
        const struct node *table = tables->children[i];
        const struct config_type *type = type_of(types, table);
        const char *name = node_find_text(table, "name");
        const struct node *param = node_find(table, "param");

        if (name != NULL && param != NULL && type != NULL && type->doubt_param != NULL)
            warn_param(type, param, name, faults);
    }
}

/* Warns if a user or group does not exist. */
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

void warn_beyond(const struct node *root, const struct config_types *types,
                 const struct config_checks *checks, struct faults *faults)
{
    const struct node *listen = node_find(root, "listen");

    warn_account(root, "user", "", checks->user, faults);
    warn_account(root, "group", "", checks->group, faults);
    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        warn_owner(listen->children[i], checks, faults);
    warn_owner(node_find(root, "control"), checks, faults);
    warn_owner(node_find(root, "http"), checks, faults);
    warn_sockets(root, faults);
    warn_params(root, types, faults);
}

/* Paths --------------------------------------------------------------------------------------- */

static void add_path(struct config *config, const char *origin, const char *path,
                     enum path_need need)
{
    config->paths = xreallocarray(config->paths, config->path_count + 1, sizeof(config->paths[0]));
    config->paths[config->path_count++] =
        (struct config_path){xstrdup(origin), xstrdup(path), need};
}

/* Adds the directory in which podop makes and removes a unix socket. */
static void add_socket(struct config *config, const struct node *group)
{
    const struct node *socket = node_find(group, "socket");
    const char *text = node_find_text(group, "socket"), *path, *slash;
    char *directory;

    if (text == NULL || socket_address_kind(text, &path) != SOCKET_PATH || path[0] != '/')
        return;
    slash = strrchr(path, '/');
    directory = xmemdup0(path, slash == path ? 1 : (size_t)(slash - path));
    add_path(config, socket->origin, directory, PATH_MAKE_SOCKETS);
    free(directory);
}

/* Adds the files that the settings of a group name. */
static void add_group(struct config *config, const struct setting_group *schema,
                      const struct node *group)
{
    for (size_t i = 0; schema != NULL && i < schema->count; i++) {
        const struct setting *setting = &schema->settings[i];
        const struct node *value = node_find(group, setting->name);

        if (setting->kind == SETTING_GROUP)
            add_group(config, setting->group, value);
        else if (setting->need != PATH_NONE && value != NULL && value->kind == NODE_STRING &&
                 value->text[0] != '\0')
            add_path(config, value->origin, value->text, setting->need);
    }
}

static void add_param(struct config *config, const struct config_type *type,
                      const struct node *param)
{
    enum path_need need = PATH_NONE;
    char *file;

    if (type->param_file == NULL || param == NULL || param->kind != NODE_STRING ||
        param->text[0] == '\0')
        return;
    file = type->param_file(param->text, &need);
    if (file != NULL)
        add_path(config, param->origin, file, need);
    free(file);
}

static void add_table(struct config *config, const struct config_type *type,
                      const struct node *table)
{
    if (type == NULL)
        return;
    add_param(config, type, node_find(table, "param"));
    add_group(config, type->settings, table);
}

void paths_collect(struct config *config, const struct config_types *types, const struct node *root)
{
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");

    for (size_t i = 0; listen != NULL && i < listen->count; i++)
        add_socket(config, listen->children[i]);
    add_socket(config, node_find(root, "control"));
    add_socket(config, node_find(root, "http"));
    for (size_t i = 0; i < types->count; i++)
        add_group(config, types->items[i]->settings, node_find(root, "defaults"));
    for (size_t i = 0; tables != NULL && i < tables->count; i++)
        add_table(config, type_of(types, tables->children[i]), tables->children[i]);
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
