#include "build_table.h"

#include "key_warnings.h"
#include "podop/mem.h"
#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEGATIVE_TTL_MAX_MS = 60000,
    TYPES_BYTES_MAX = 100, /* the names of some types of tables */
};
#define TTL_UNSET UINT32_MAX /* above the range of the schema */

/* A table, or the defaults, while their settings are stored into structs. A table of a known type
 * may have the settings of that type. The defaults, and a table of an unknown type, may have the
 * settings of all types, and each of them is checked. */
struct target {
    const struct config_types *types;
    const struct config_type *type; /* NULL: an unknown type, or the defaults */
    struct table_config *table;
    void **settings; /* a struct for each of types; NULL: it has no settings, or is another type */
    const char *where;
    bool is_defaults;
    struct faults *faults;
};

static bool is_list(const struct node *node)
{
    return node->kind == NODE_LIST || node->kind == NODE_ARRAY;
}

/* Settings of the types ------------------------------------------------------------------------ */

static void settings_init(struct target *t)
{
    t->settings = xcalloc(t->types->count, sizeof(t->settings[0]));
    for (size_t i = 0; i < t->types->count; i++) {
        const struct config_type *type = t->types->items[i];

        if (type->settings == NULL || (t->type != NULL && t->type != type))
            continue;
        t->settings[i] = xcalloc(1, type->settings_bytes);
        schema_set_defaults(type->settings, t->settings[i]);
    }
}

/* Frees the structs, except for that of the table's own type, which the table takes. */
static void settings_deinit(struct target *t)
{
    for (size_t i = 0; i < t->types->count; i++) {
        const struct config_type *type = t->types->items[i];

        if (t->settings[i] == NULL)
            continue;
        if (type == t->type) {
            t->table->settings = t->settings[i];
        } else {
            schema_clear(type->settings, t->settings[i]);
            free(t->settings[i]);
        }
    }
    free(t->settings);
}

static const struct setting *find_setting(const struct config_type *type, const char *name)
{
    return type->settings == NULL ? NULL : schema_find(type->settings, name);
}

/* Returns whether tables of this type have the setting, as a setting of all tables or of the type.
 */
static bool has_setting(const struct config_type *type, const char *name)
{
    const struct setting *setting = schema_find(&schema_table, name);

    return setting != NULL ? !setting->is_for_writes || type->can_write
                           : find_setting(type, name) != NULL;
}

static bool may_be_list(const struct config_type *type, const char *name)
{
    (void)name;
    return type->may_be_list;
}

/* Writes the types for which has() returns true, as "url" or "program", with the quotes. */
static void format_types(const struct config_types *types, const char *name,
                         bool (*has)(const struct config_type *type, const char *name),
                         char out[TYPES_BYTES_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < types->count && len < TYPES_BYTES_MAX; i++) {
        if (has(types->items[i], name))
            len += (size_t)snprintf(out + len, TYPES_BYTES_MAX - len, "%s\"%s\"",
                                    len == 0 ? "" : " or ", types->items[i]->name);
    }
}

static bool is_known(const struct config_types *types, const char *name)
{
    for (size_t i = 0; i < types->count; i++) {
        if (find_setting(types->items[i], name) != NULL)
            return true;
    }
    return schema_find(&schema_table, name) != NULL;
}

/* Members -------------------------------------------------------------------------------------- */

static void fault_unknown_everywhere(const struct target *t, const struct node *member)
{
    const struct setting_group **groups =
        xreallocarray(NULL, t->types->count + 1, sizeof(const struct setting_group *));
    size_t count = 0;

    groups[count++] = &schema_table;
    for (size_t i = 0; i < t->types->count; i++) {
        if (t->types->items[i]->settings != NULL)
            groups[count++] = t->types->items[i]->settings;
    }
    fault_unknown(groups, count, member, t->where, t->faults);
    free(groups);
}

/* Returns whether a known setting is allowed here. Reports a fault if not. */
static bool is_in_place(const struct target *t, const struct node *member)
{
    const struct setting *setting = schema_find(&schema_table, member->name);
    char types[TYPES_BYTES_MAX];

    if (t->is_defaults && setting != NULL && setting->is_own) {
        fault_add(t->faults, member->origin, "'%s' cannot be in 'defaults': each table has its own",
                  member->name);
        return false;
    }
    if (t->type != NULL && !has_setting(t->type, member->name)) {
        format_types(t->types, member->name, has_setting, types);
        fault_add(t->faults, member->origin, "'%s'%s is for type %s only, and this is \"%s\"",
                  member->name, t->where, types, t->type->name);
        return false;
    }
    if (t->type != NULL && setting != NULL && setting->others != 0 && is_list(member) &&
        !t->type->may_be_list) {
        format_types(t->types, member->name, may_be_list, types);
        fault_add(t->faults, member->origin,
                  "'%s'%s can be a list for type %s only, and this is \"%s\"", member->name,
                  t->where, types, t->type->name);
        return false;
    }
    return true;
}

/* Stores "type", which must be one of the types' names. */
static void store_type(const struct target *t, const struct setting *setting,
                       const struct node *member)
{
    const char **names = xcalloc(t->types->count + 1, sizeof(names[0]));
    struct setting one_of = *setting;

    for (size_t i = 0; i < t->types->count; i++)
        names[i] = t->types->items[i]->name;
    one_of.names = names;
    walk_member(&one_of, member, t->table, t->where, t->faults);
    free(names);
}

/* Stores a setting of one type, or of several types that have it. Faults and warnings are reported
 * for the first of these types only. */
static void store_of_types(const struct target *t, const struct node *member)
{
    struct string_list *const warnings = t->faults->warnings;
    const size_t faults_before = t->faults->count;

    for (size_t i = 0; i < t->types->count && t->faults->count == faults_before; i++) {
        const struct setting *setting =
            t->settings[i] == NULL ? NULL : find_setting(t->types->items[i], member->name);

        if (setting == NULL)
            continue;
        walk_member(setting, member, t->settings[i], t->where, t->faults);
        t->faults->warnings = NULL;
    }
    t->faults->warnings = warnings;
}

static void store_members(const struct target *t, const struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct node *member = node->children[i];
        const struct setting *common = schema_find(&schema_table, member->name);

        if (!is_known(t->types, member->name))
            fault_unknown_everywhere(t, member);
        else if (!is_in_place(t, member))
            continue;
        else if (common == NULL)
            store_of_types(t, member);
        else if (strcmp(member->name, "type") == 0)
            store_type(t, common, member);
        else
            walk_member(common, member, t->table, t->where, t->faults);
    }
}

/* Tables --------------------------------------------------------------------------------------- */

/* Stores the defaults for this type. Their faults have been reported already. */
static void apply_defaults(const struct target *t, const struct node *defaults)
{
    struct target of_defaults = *t;
    struct faults unread = {0};

    of_defaults.is_defaults = true;
    of_defaults.faults = &unread;
    if (defaults != NULL && defaults->kind == NODE_GROUP)
        store_members(&of_defaults, defaults);
}

/* Runs the cross-checks of each type that has settings here. */
static void cross_check(const struct target *t, const struct node *node)
{
    for (size_t i = 0; i < t->types->count; i++) {
        const struct config_type *type = t->types->items[i];
        struct table_config config = *t->table;

        config.settings = t->settings[i];
        if (config.settings == NULL)
            continue;
        if (t->is_defaults && type->cross_check_defaults != NULL)
            type->cross_check_defaults(node, &config, t->faults);
        if (!t->is_defaults && type->cross_check != NULL)
            type->cross_check(node, &config, t->where, t->faults);
    }
}

void check_defaults(const struct config_types *types, const struct node *defaults,
                    struct faults *faults)
{
    struct table_config unused = {0};
    struct target t = {.types = types,
                       .table = &unused,
                       .where = " in 'defaults'",
                       .is_defaults = true,
                       .faults = faults};

    if (defaults == NULL)
        return;
    if (defaults->kind != NODE_GROUP) {
        fault_wrong_kind(defaults, "defaults", "", "a group, { ... }", faults);
        return;
    }
    settings_init(&t);
    store_members(&t, defaults);
    cross_check(&t, defaults);
    settings_deinit(&t);
    table_config_clear(&unused);
}

/* Sets the settings whose default depends on other settings. */
static void complete(struct table_config *table, const struct node *node,
                     const struct node *defaults)
{
    struct cache_config *cache = &table->cache;

    if (cache->negative_ttl_ms == TTL_UNSET)
        cache->negative_ttl_ms =
            cache->ttl_ms < NEGATIVE_TTL_MAX_MS ? cache->ttl_ms : NEGATIVE_TTL_MAX_MS;
    if (node_find(node, "share") == NULL && node_find(defaults, "share") == NULL)
        table->share = cache->ttl_ms > 0 || cache->negative_ttl_ms > 0;
}

void build_table(const struct config_types *types, const struct node *node,
                 const struct node *defaults, size_t index, struct table_config *table,
                 struct faults *faults)
{
    char where[WHERE_BYTES_MAX];
    struct target t = {.types = types,
                       .type = config_type_find(types, node_find_text(node, "type")),
                       .table = table,
                       .where = where,
                       .faults = faults};

    table->origin = xstrdup(node->origin);
    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, "tables", "", "groups, ( { ... } )", faults);
        return;
    }
    format_where(where, node, "table", "name", "tables", index);
    table->kind = t.type;
    schema_set_defaults(&schema_table, table);
    table->cache.negative_ttl_ms = TTL_UNSET;
    settings_init(&t);
    apply_defaults(&t, defaults);
    store_members(&t, node);
    walk_mandatory(&schema_table, node, defaults, where, faults);
    if (t.type != NULL && t.type->settings != NULL)
        walk_mandatory(t.type->settings, node, defaults, where, faults);
    cross_check(&t, node);
    settings_deinit(&t);
    complete(table, node, defaults);
    warn_key(node, table, where, faults);
}

void check_param(const struct table_config *table, const struct node *node, struct faults *faults)
{
    const struct node *param = node_find(node, "param");
    struct error err = {0};

    if (table->name == NULL || table->param == NULL || table->kind == NULL ||
        table->kind->check_param == NULL)
        return;
    for (size_t i = 0; i <= table->fallbacks.count; i++) {
        const char *text = i == 0 ? table->param : table->fallbacks.items[i - 1];

        if (table->kind->check_param(table, text, &err) == -1)
            fault_add(faults, (is_list(param) ? param->children[i] : param)->origin,
                      "table '%s': %s", table->name, err.text);
    }
}

void table_config_clear(struct table_config *table)
{
    if (table->settings != NULL)
        schema_clear(table->kind->settings, table->settings);
    free(table->settings);
    schema_clear(&schema_table, table);
    free(table->origin);
}
