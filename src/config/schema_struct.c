/* schema_struct.c - sets defaults in, compares and frees structs that the schema describes. */
#include "schema_struct.h"

#include "podop/mem.h"
#include "string_list.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Stores default_text as if libconfig had read it: a number, a string, true or false. */
static void set_default(const struct setting *setting, void *base)
{
    struct faults faults = {0};
    struct node value = {.kind = NODE_INTEGER};

    if (setting->default_text[0] == '"') {
        value.kind = NODE_STRING;
        value.text = xmemdup0(setting->default_text + 1, strlen(setting->default_text) - 2);
    } else if (setting->kind == SETTING_BOOL || setting->kind == SETTING_ENUM) {
        value.kind = NODE_BOOL;
        value.integer = strcmp(setting->default_text, "true") == 0;
    } else {
        value.integer = strtoll(setting->default_text, NULL, 10);
    }
    setting_store(setting, &value, base, "", &faults);
    assert(faults.count == 0);
    free(value.text);
}

void schema_set_defaults(const struct setting_group *group, void *base)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];

        if (setting->kind == SETTING_GROUP)
            schema_set_defaults(setting->group, setting_field(setting, base));
        else if (setting->default_text != NULL)
            set_default(setting, base);
    }
}

void schema_clear(const struct setting_group *group, void *base)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];

        if (setting->kind == SETTING_GROUP) {
            schema_clear(setting->group, setting_field(setting, base));
        } else if (setting->kind == SETTING_STRING) {
            char **text = setting_field(setting, base);

            free(*text);
            *text = NULL;
            if (setting->others != 0)
                string_list_clear((struct string_list *)(void *)((char *)base + setting->others));
        } else if (setting->kind == SETTING_STRINGS) {
            string_list_clear(setting_field(setting, base));
        }
    }
}

static bool string_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool list_equal(const struct string_list *a, const struct string_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static bool statuses_equal(const struct status_set *a, const struct status_set *b)
{
    return memcmp(a->codes, b->codes, sizeof(a->codes)) == 0 && a->classes == b->classes;
}

static bool setting_equal(const struct setting *setting, const void *a, const void *b)
{
    const void *left = (const char *)a + setting->offset,
               *right = (const char *)b + setting->offset;

    switch (setting->kind) {
    case SETTING_STRING:
        return string_equal(*(char *const *)left, *(char *const *)right) &&
               (setting->others == 0 ||
                list_equal((const void *)((const char *)a + setting->others),
                           (const void *)((const char *)b + setting->others)));
    case SETTING_STRINGS: return list_equal(left, right);
    case SETTING_STATUSES: return statuses_equal(left, right);
    case SETTING_GROUP: return schema_equal(setting->group, left, right);
    case SETTING_SECTION: return true; /* has no field of its own */
    case SETTING_BOOL:
    case SETTING_INTEGER:
    case SETTING_DURATION:
    case SETTING_SIZE:
    case SETTING_PERMISSIONS:
    case SETTING_ENUM: break;
    }
    return memcmp(left, right, setting->size) == 0;
}

bool schema_equal(const struct setting_group *group, const void *a, const void *b)
{
    for (size_t i = 0; i < group->count; i++) {
        if (!setting_equal(&group->settings[i], a, b))
            return false;
    }
    return true;
}
