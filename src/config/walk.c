#include "walk.h"

#include "hints.h"
#include "warnings.h"

#include <stdio.h>

enum { HINT_BYTES_MAX = 128 };

void fault_wrong_kind(const struct node *node, const char *what, const char *where,
                      const char *expected, struct faults *faults)
{
    char got[100];

    node_describe(node, got, sizeof(got));
    fault_add(faults, node->origin, "'%s'%s expects %s, got %s", what, where, expected, got);
}

void fault_unknown(const struct setting_group *const groups[], size_t count,
                   const struct node *member, const char *where, struct faults *faults)
{
    char hint[HINT_BYTES_MAX];

    hint_write(groups, count, member->name, hint, sizeof(hint));
    fault_add(faults, member->origin, "unknown setting '%s'%s%s", member->name, where, hint);
}

static void walk_subgroup(const struct setting *setting, const struct node *node, void *base,
                          const char *where, struct faults *faults)
{
    char inner[WHERE_BYTES_MAX];

    if (node->kind != NODE_GROUP) {
        fault_wrong_kind(node, setting->name, where, "a group, { ... }", faults);
        return;
    }
    if (where[0] == '\0') /* " in table 'alias'" is 4 bytes longer than "table 'alias'" */
        snprintf(inner, sizeof(inner), " in '%s'", setting->name);
    else
        snprintf(inner, sizeof(inner), " in '%s' of %s", setting->name, where + 4);
    walk_group(setting->group, node, base, inner, faults);
}

void walk_member(const struct setting *setting, const struct node *member, void *base,
                 const char *where, struct faults *faults)
{
    if (setting->kind == SETTING_GROUP) {
        walk_subgroup(setting, member, (char *)base + setting->offset, where, faults);
    } else if (setting->kind != SETTING_SECTION) {
        setting_store(setting, member, base, where, faults);
        warn_duration(setting, member, where, faults);
    }
}

void walk_group(const struct setting_group *group, const struct node *node, void *base,
                const char *where, struct faults *faults)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct node *member = node->children[i];
        const struct setting *setting = schema_find(group, member->name);

        if (setting == NULL)
            fault_unknown(&group, 1, member, where, faults);
        else
            walk_member(setting, member, base, where, faults);
    }
}

static bool is_given(const struct setting *setting, const struct node *node,
                     const struct node *defaults)
{
    return node_find(node, setting->name) != NULL ||
           (!setting->is_own && node_find(defaults, setting->name) != NULL);
}

void walk_mandatory(const struct setting_group *group, const struct node *node,
                    const struct node *defaults, const char *where, struct faults *faults)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];

        if (setting->is_mandatory && !is_given(setting, node, defaults))
            fault_add(faults, node->origin, "'%s' is missing%s", setting->name, where);
    }
}

void format_where(char out[WHERE_BYTES_MAX], const struct node *node, const char *what,
                  const char *name, const char *section, size_t index)
{
    const char *text = node_find_text(node, name);

    if (text == NULL)
        snprintf(out, WHERE_BYTES_MAX, " in %s.[%zu]", section, index);
    else
        snprintf(out, WHERE_BYTES_MAX, " in %s '%s'", what, text);
}
