#include "build.h"

#include "cross_checks.h"
#include "podop/mem.h"
#include "podop/suggestion.h"
#include "schema.h"
#include "warnings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONTROL_CLIENTS_MAX = 16, /* more of them wait */
    CONTROL_REQUEST_TIMEOUT_MS = 10 * 1000,
    WHERE_BYTES_MAX = 400, /* " in 'cache' of table 'NAME'", names being at most 255 */
    NEGATIVE_TTL_MAX_MS = 60000,
    TYPES_BYTES_MAX = 100, /* the names of some types of tables */
};
#define TTL_UNSET UINT32_MAX /* above what the schema lets in */

/* What a group is part of. */
struct scope {
    const char *where;      /* " in table 'alias'", "" for the file itself */
    const char *table_type; /* NULL: no table, or of a type unknown */
    bool is_defaults;
};

static void walk(const struct setting_group *group, const struct node *node, void *base,
                 const struct scope *scope, struct faults *faults);

static void fault_wrong_kind(const struct node *node, const char *what, const char *where,
                             const char *expected, struct faults *faults)
{
    char got[100];

    node_describe(node, got, sizeof(got));
    fault_add(faults, node->origin, "'%s'%s expects %s, got %s", what, where, expected, got);
}

static void walk_subgroup(const struct setting *setting, const struct node *node, void *base,
                          const struct scope *scope, struct faults *faults)
{
    char where[WHERE_BYTES_MAX];
    struct scope inner = *scope;

    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, setting->name, scope->where, "a group, { ... }", faults);
        return;
    }
    if (scope->where[0] == '\0') /* " in table 'alias'" is 4 bytes longer than "table 'alias'" */
        snprintf(where, sizeof(where), " in '%s'", setting->name);
    else
        snprintf(where, sizeof(where), " in '%s' of %s", setting->name, scope->where + 4);
    inner.where = where;
    walk(setting->group, node, base, &inner, faults);
}

/* "url" or "program", in quotes each. */
static void format_types(char *out, size_t size, const struct setting *setting)
{
    size_t len = 0;

    for (size_t i = 0; setting->types[i] != NULL && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", i == 0 ? "" : " or ",
                                setting->types[i]);
}

/* Whether a known setting may stand where it does. */
static bool is_in_place(const struct setting *setting, const struct node *node,
                        const struct scope *scope, struct faults *faults)
{
    char types[TYPES_BYTES_MAX];

    if (scope->is_defaults && setting->is_own) {
        fault_add(faults, node->origin, "'%s' is a table's own, and cannot stand in 'defaults'",
                  node->name);
        return false;
    }
    if (!setting_belongs_to(setting, scope->table_type)) {
        format_types(types, sizeof(types), setting);
        fault_add(faults, node->origin, "'%s'%s is for type %s only, and this is \"%s\"",
                  node->name, scope->where, types, scope->table_type);
        return false;
    }
    if (setting->others != 0 && (node->kind == NODE_LIST || node->kind == NODE_ARRAY) &&
        !setting_may_be_list(setting, scope->table_type)) {
        fault_add(faults, node->origin,
                  "'%s'%s can be a list for type \"%s\" only, and this is \"%s\"", node->name,
                  scope->where, setting->list_types[0], scope->table_type);
        return false;
    }
    return true;
}

/* Stores every member of a group that the schema knows, and reports the others. */
static void walk(const struct setting_group *group, const struct node *node, void *base,
                 const struct scope *scope, struct faults *faults)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct node *member = node->children[i];
        const struct setting *setting = schema_find(group, member->name);
        char hint[128];

        if (setting == NULL) {
            schema_hint(group, member->name, hint, sizeof(hint));
            fault_add(faults, member->origin, "unknown setting '%s'%s%s", member->name,
                      scope->where, hint);
        } else if (!is_in_place(setting, member, scope, faults)) {
            continue;
        } else if (setting->kind == SETTING_GROUP) {
            walk_subgroup(setting, member, (char *)base + setting->offset, scope, faults);
        } else if (setting->kind != SETTING_SECTION) {
            setting_store(setting, member, base, scope->where, faults);
            warn_duration(setting, member, scope->where, faults);
        }
    }
}

static void check_mandatory(const struct setting_group *group, const struct node *node,
                            const struct scope *scope, struct faults *faults)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];

        if (setting->is_mandatory && node_find(node, setting->name) == NULL)
            fault_add(faults, node->origin, "'%s' is missing%s", setting->name, scope->where);
    }
}

/* " in table 'alias'", or " in tables.[2]" where it has no name. */
static void format_where(char *out, const struct node *node, const char *what, const char *name,
                         const char *section, size_t index)
{
    const char *text = node_find_text(node, name);

    if (text == NULL)
        snprintf(out, WHERE_BYTES_MAX, " in %s.[%zu]", section, index);
    else
        snprintf(out, WHERE_BYTES_MAX, " in %s '%s'", what, text);
}

/* The elements of a section that is a list, or none where it misses or is none. */
static size_t section_count(const struct node *root, const char *name)
{
    const struct node *section = node_find(root, name);

    return section == NULL || section->kind == NODE_GROUP ? 0 : section->count;
}

static const char *known_type(const struct node *table)
{
    const char *type = node_find_text(table, "type");

    for (const char *const *known = config_table_types; type != NULL && *known != NULL; known++) {
        if (strcmp(*known, type) == 0)
            return type;
    }
    return NULL;
}

/* The defaults that are for this type; what is wrong with them has been told. */
static void apply_defaults(const struct node *defaults, const char *type,
                           struct table_config *table)
{
    const struct scope scope = {"", type, true};
    struct faults unread = {0};

    if (defaults != NULL && defaults->kind == NODE_GROUP)
        walk(&schema_table, defaults, table, &scope, &unread);
}

static void check_defaults(const struct node *defaults, struct faults *faults)
{
    const struct scope scope = {" in 'defaults'", NULL, true};
    struct table_config unused = {0};

    if (defaults == NULL)
        return;
    if (defaults->kind == NODE_GROUP) {
        walk(&schema_table, defaults, &unused, &scope, faults);
        cross_check_defaults(defaults, &unused, faults);
    } else {
        fault_wrong_kind(defaults, "defaults", "", "a group, { ... }", faults);
    }
    schema_clear(&schema_table, &unused);
}

static void build_table(const struct node *node, const struct node *defaults, size_t index,
                        struct table_config *table, struct faults *faults)
{
    char where[WHERE_BYTES_MAX];
    const struct scope scope = {where, known_type(node), false};
    struct cache_config *cache = &table->cache;

    table->origin = xstrdup(node->origin);
    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, "tables", "", "groups, ( { ... } )", faults);
        return;
    }
    format_where(where, node, "table", "name", "tables", index);
    schema_set_defaults(&schema_table, table);
    cache->negative_ttl_ms = TTL_UNSET;
    apply_defaults(defaults, scope.table_type, table);
    walk(&schema_table, node, table, &scope, faults);
    check_mandatory(&schema_table, node, &scope, faults);
    if (setting_belongs_to(schema_find(&schema_table, "auth"), scope.table_type))
        cross_check_table(node, table, where, faults);
    if (cache->negative_ttl_ms == TTL_UNSET)
        cache->negative_ttl_ms =
            cache->ttl_ms < NEGATIVE_TTL_MAX_MS ? cache->ttl_ms : NEGATIVE_TTL_MAX_MS;
    if (node_find(node, "share") == NULL && node_find(defaults, "share") == NULL)
        table->share = cache->ttl_ms > 0 || cache->negative_ttl_ms > 0;
}

/* What only a socket has that podop makes itself. */
static void check_handed_over(const struct node *node, const char *where, struct faults *faults)
{
    static const char *const names[] = {"permissions", "owner", "group"};
    const char *socket = node_find_text(node, "socket");

    if (socket == NULL || strncmp(socket, "systemd:", 8) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct node *setting = node_find(node, names[i]);

        if (setting != NULL)
            fault_add(faults, setting->origin, "'%s'%s is what the socket unit of systemd says",
                      names[i], where);
    }
}

static void build_control(const struct node *root, struct listen_config *control)
{
    const struct node *group = node_find(root, "control");

    control->origin = xstrdup(group == NULL ? root->origin : group->origin);
    control->mode = MODE_CONTROL;
    control->max_clients = CONTROL_CLIENTS_MAX;
    control->request_timeout_ms = CONTROL_REQUEST_TIMEOUT_MS;
}

static void build_listener(const struct node *node, size_t index, struct listen_config *listener,
                           struct faults *faults)
{
    char where[WHERE_BYTES_MAX];
    const struct scope scope = {where, NULL, false};

    listener->origin = xstrdup(node->origin);
    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, "listen", "", "groups, ( { ... } )", faults);
        return;
    }
    format_where(where, node, "socket", "socket", "listen", index);
    schema_set_defaults(&schema_listen, listener);
    walk(&schema_listen, node, listener, &scope, faults);
    check_mandatory(&schema_listen, node, &scope, faults);
    check_handed_over(node, where, faults);
}

/* A section that is no list, or an empty one, leaves podop nothing to do. */
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

/* By name; those of one name as they stand in the file. */
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

/* What is left when the prefix that may be left away is. */
static const char *bare_socket(const char *socket)
{
    if (strncmp(socket, "unix:", 5) == 0 || strncmp(socket, "inet:", 5) == 0)
        return socket + 5;
    return socket;
}

static bool is_same_socket(const struct listen_config *a, const struct listen_config *b)
{
    return a->socket != NULL && b->socket != NULL &&
           strcmp(bare_socket(a->socket), bare_socket(b->socket)) == 0;
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
            fault_add(faults, listener->origin, "socket '%s' is that of 'control' (%s)",
                      listener->socket, config->control.origin);
    }
}

/* As written: a table with other faults is still one that a listener may name. */
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

/* Of a list each is judged for itself, so that its own line is told. */
static void check_table_beyond(const struct table_config *table, const struct config_checks *checks,
                               const struct node *param, struct faults *faults)
{
    struct table_config one = *table;
    struct error err = {0};

    one.fallbacks = (struct string_list){0};
    for (size_t i = 0; i <= table->fallbacks.count; i++) {
        bool is_list = param->kind == NODE_LIST || param->kind == NODE_ARRAY;

        if (i > 0) {
            one.param = table->fallbacks.items[i - 1];
            one.commit_url = NULL; /* has been judged with the first */
        }
        if (checks->table(&one, &err) == -1)
            fault_add(faults, (is_list ? param->children[i] : param)->origin, "table '%s': %s",
                      table->name, err.text);
    }
}

/* What only the layers above can judge, told with the line of the setting itself. */
static void check_beyond(const struct config *config, const struct config_checks *checks,
                         const struct node *listen, const struct node *tables,
                         struct faults *faults)
{
    struct error err = {0};

    for (size_t i = 0; i < config->listen_count; i++) {
        const struct listen_config *l = &config->listen[i];

        if (l->socket != NULL && checks->listen(l, &err) == -1)
            fault_add(faults, node_find(listen->children[i], "socket")->origin, "%s", err.text);
    }
    for (size_t i = 0; i < config->table_count; i++) {
        const struct table_config *t = &config->tables[i];

        if (t->name != NULL && t->type != NULL && t->param != NULL)
            check_table_beyond(t, checks, node_find(tables->children[i], "param"), faults);
    }
}

struct config *config_build(const struct node *root, const struct config_checks *checks,
                            struct faults *faults)
{
    struct config *config = xcalloc(1, sizeof(*config));
    const struct scope scope = {"", NULL, false};
    const struct node *listen = node_find(root, "listen"), *tables = node_find(root, "tables");
    const struct node *defaults = node_find(root, "defaults");

    config->refs = 1;
    schema_set_defaults(&schema_root, config);
    walk(&schema_root, root, config, &scope, faults);
    build_control(root, &config->control);
    check_section(root, "listen", "no sockets to listen on", faults);
    config->listen_count = section_count(root, "listen");
    config->listen = xcalloc(config->listen_count, sizeof(config->listen[0]));
    for (size_t i = 0; i < config->listen_count; i++) {
        char where[WHERE_BYTES_MAX];

        build_listener(listen->children[i], i, &config->listen[i], faults);
        format_where(where, listen->children[i], "socket", "socket", "listen", i);
        check_served(listen->children[i], tables, where, faults);
    }
    check_socket_doubles(config, faults);
    check_defaults(defaults, faults);
    check_section(root, "tables", "no tables", faults);
    config->table_count = section_count(root, "tables");
    config->tables = xcalloc(config->table_count, sizeof(config->tables[0]));
    for (size_t i = 0; i < config->table_count; i++)
        build_table(tables->children[i], defaults, i, &config->tables[i], faults);
    check_table_doubles(config, faults);
    if (checks != NULL)
        check_beyond(config, checks, listen, tables, faults);
    if (checks != NULL)
        warn_beyond(root, checks, faults);
    paths_collect(config, root);
    return config;
}
