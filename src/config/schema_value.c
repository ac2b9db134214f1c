/* schema_value.c - checks a value as written, and stores it into its field. */
#include "schema_struct.h"

#include "podop/mem.h"
#include "schema_fault.h"
#include "string_list.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Checks one text against the names and the check of its setting. Returns 0, or -1 with the fault
 * reported. */
static int check_text(const struct setting *setting, const struct node *value, const char *where,
                      struct faults *faults)
{
    const char *text = value->text;
    const char *wrong;
    uint64_t unused;

    if (text == NULL)
        return schema_fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    if (setting->names != NULL &&
        schema_number_of_name(setting->names, text, &unused) != VALUE_GOOD)
        return schema_fault_name(setting, value, where, faults);
    wrong = setting->check == NULL || (setting->kind == SETTING_STRING && text[0] == '\0')
                ? NULL
                : setting->check(text);
    return wrong == NULL ? 0 : schema_fault_value(setting, value, where, faults, wrong);
}

static int store_string(const struct setting *setting, const struct node *value, char **to,
                        const char *where, struct faults *faults)
{
    const char *text = value->text;

    if (check_text(setting, value, where, faults) == -1)
        return -1;
    if (text[0] == '\0' && !setting->may_be_empty) {
        fault_add(faults, value->origin, "'%s'%s must not be empty", setting->name, where);
        return -1;
    }
    free(*to);
    *to = text[0] == '\0' ? NULL : xstrdup(text);
    return 0;
}

/* Stores the first string of a list into the field, and the others into the list of others. */
static int store_string_list(const struct setting *setting, const struct node *value, void *base,
                             const char *where, struct faults *faults)
{
    struct string_list *others = (void *)((char *)base + setting->others);
    char *first = NULL;
    struct string_list rest = {0};
    int result = 0;

    if (value->count == 0)
        return schema_fault_value(setting, value, where, faults, "must not be empty");
    rest.items = xcalloc(value->count, sizeof(rest.items[0]));
    for (size_t i = 0; i < value->count; i++) {
        char **to = i == 0 ? &first : &rest.items[rest.count++];

        if (store_string(setting, value->children[i], to, where, faults) == -1)
            result = -1;
    }
    if (result == 0) {
        char **to = setting_field(setting, base);

        free(*to);
        *to = first;
        string_list_clear(others);
        *others = rest;
    } else {
        free(first);
        string_list_clear(&rest);
    }
    return result;
}

/* Stores one string, which may stand for several. */
static int store_one(const struct setting *setting, const struct node *value,
                     struct string_list *to, const char *where, struct faults *faults)
{
    const char *const *preset;

    if (check_text(setting, value, where, faults) == -1)
        return -1;
    string_list_clear(to);
    preset = setting->preset == NULL ? NULL : setting->preset(value->text);
    if (preset == NULL)
        string_list_add(to, value->text);
    for (; preset != NULL && *preset != NULL; preset++)
        string_list_add(to, *preset);
    return 0;
}

static int store_strings(const struct setting *setting, const struct node *value,
                         struct string_list *to, const char *where, struct faults *faults)
{
    struct string_list list = {0};
    int result = 0;

    if (setting->may_be_one && value->text != NULL)
        return store_one(setting, value, to, where, faults);
    if (value->kind != NODE_ARRAY && value->kind != NODE_LIST)
        return schema_fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    for (size_t i = 0; i < value->count; i++) {
        if (check_text(setting, value->children[i], where, faults) == -1)
            result = -1;
        else
            string_list_add(&list, value->children[i]->text);
    }
    if (result == -1) {
        string_list_clear(&list);
        return -1;
    }
    string_list_clear(to);
    *to = list;
    return 0;
}

/* Adds a code, or a class such as "4xx". Returns false for anything else. */
static bool add_status(struct status_set *set, const struct node *item)
{
    const char *text = item->text;

    if (item->kind == NODE_INTEGER) {
        if (item->integer <= 200 || item->integer > 599)
            return false;
        set->codes[(item->integer - 100) / 64] |= UINT64_C(1) << (item->integer - 100) % 64;
        return true;
    }
    if (item->kind != NODE_STRING || strlen(text) != 3 || text[0] < '3' || text[0] > '5' ||
        strcasecmp(text + 1, "xx") != 0)
        return false;
    set->classes |= 1U << (text[0] - '0');
    return true;
}

static int store_statuses(const struct setting *setting, const struct node *value,
                          struct status_set *to, const char *where, struct faults *faults)
{
    struct status_set set = {0};
    int result = 0;

    if (value->kind != NODE_LIST && value->kind != NODE_ARRAY)
        return schema_fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    for (size_t i = 0; i < value->count; i++) {
        if (!add_status(&set, value->children[i]))
            result = schema_fault_value(
                setting, value->children[i], where, faults,
                "must have codes from 201 to 599, \"3xx\", \"4xx\" and \"5xx\" only");
    }
    if (result == 0)
        *to = set;
    return result;
}

bool setting_read_number(const struct setting *setting, const struct node *value, uint64_t *n)
{
    return schema_number_read(setting, value, n) == VALUE_GOOD;
}

/* Stores n, which is in the range of the setting. A test checks for every setting that this range
 * fits into the field. */
static void store_number(const struct setting *setting, uint64_t n, void *base)
{
    if (setting->kind == SETTING_BOOL)
        *(bool *)setting_field(setting, base) = n != 0;
    else if (setting->kind == SETTING_SIZE)
        *(size_t *)setting_field(setting, base) = (size_t)n;
    else /* also an enum, which is unsigned when no value of it is negative */
        *(unsigned *)setting_field(setting, base) = (unsigned)n;
}

int setting_store(const struct setting *setting, const struct node *value, void *base,
                  const char *where, struct faults *faults)
{
    enum verdict verdict;
    uint64_t n = 0;

    if (setting->others != 0 && (value->kind == NODE_LIST || value->kind == NODE_ARRAY))
        return store_string_list(setting, value, base, where, faults);
    if (setting->kind == SETTING_STRING)
        return store_string(setting, value, setting_field(setting, base), where, faults);
    if (setting->kind == SETTING_STRINGS)
        return store_strings(setting, value, setting_field(setting, base), where, faults);
    if (setting->kind == SETTING_STATUSES)
        return store_statuses(setting, value, setting_field(setting, base), where, faults);
    verdict = schema_number_read(setting, value, &n);
    if (verdict == VALUE_OUT_OF_RANGE && setting->kind == SETTING_ENUM)
        return schema_fault_name(setting, value, where, faults);
    if (verdict != VALUE_GOOD)
        return schema_fault_verdict(setting, value, where, faults, verdict);
    store_number(setting, n, base);
    return 0;
}
