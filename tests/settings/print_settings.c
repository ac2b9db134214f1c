/* print_settings.c - prints the schema of podop.conf for scripts/settings: a JSON object a line for
 * each setting. */
#include "podop/buf.h"
#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/table.h"

#include "config/config_type.h"
#include "config/schema_number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES_MAX = 4096, RANGE_BYTES_MAX = 100 };

static bool is_number(enum setting_kind kind)
{
    return kind == SETTING_INTEGER || kind == SETTING_DURATION || kind == SETTING_SIZE ||
           kind == SETTING_PERMISSIONS;
}

static void add_names(struct buf *out, const char *const *names)
{
    json_add_name(out, "names");
    buf_add_char(out, '[');
    for (; names != NULL && *names != NULL; names++) {
        json_add_comma(out);
        json_add_bytes(out, span_of(*names));
    }
    buf_add_char(out, ']');
}

/* Adds what the setting "type" of a table may be. */
static void add_types(struct buf *out)
{
    const char **names = xcalloc(table_types.count + 1, sizeof(names[0]));

    for (size_t i = 0; i < table_types.count; i++)
        names[i] = table_types.items[i]->name;
    add_names(out, names);
    free(names);
}

/* type is the table type that the setting belongs to; "" for one of every table or of no table. */
static void print_setting(const char *group, const struct setting *s, const char *type)
{
    char range[RANGE_BYTES_MAX] = "";
    struct buf line;

    if (is_number(s->kind))
        schema_number_range(s, range, sizeof(range));
    buf_init(&line, LINE_BYTES_MAX);
    buf_add_char(&line, '{');
    json_add_member(&line, "group", span_of(group));
    json_add_member(&line, "name", span_of(s->name));
    json_add_member(&line, "kind", span_of(setting_kind_name(s->kind)));
    json_add_member(&line, "type", span_of(type));
    json_add_member(&line, "range", span_of(range));
    json_add_member(&line, "default", span_of(s->default_text == NULL ? "" : s->default_text));
    json_add_member(&line, "doc", span_of(s->doc));
    json_add_flag(&line, "is_for_writes", s->is_for_writes);
    json_add_flag(&line, "may_be_list", s->others != 0);
    json_add_flag(&line, "may_be_one", s->may_be_one);
    if (s == schema_find(&schema_table, "type"))
        add_types(&line);
    else
        add_names(&line, s->names);
    buf_add_char(&line, '}');
    puts(buf_string(&line));
    buf_deinit(&line);
}

/* The settings of a group, and of the groups in it. */
static void print_group(const struct setting_group *group, const char *type)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *s = &group->settings[i];

        print_setting(group->name, s, type);
        if (s->group != NULL && strcmp(s->name, "defaults") != 0)
            print_group(s->group, type);
    }
}

int main(void)
{
    print_group(&schema_root, "");
    for (size_t i = 0; i < table_types.count; i++) {
        const struct config_type *type = table_types.items[i];

        if (type->settings != NULL)
            print_group(type->settings, type->name);
    }
    return 0;
}
