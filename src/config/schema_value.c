#include "schema.h"

#include "podop/mem.h"
#include "podop/suggestion.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXPECTED_BYTES_MAX = 256, VALUE_BYTES_MAX = 128 };

/* What a value is told to be when it is not. */
enum verdict {
    VALUE_GOOD,
    VALUE_WRONG_KIND,   /* "expects a duration such as ..." */
    VALUE_OUT_OF_RANGE, /* "must be from ... to ..." */
};

struct unit {
    const char *suffix;
    uint64_t factor;
};
/* Small to large. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};
static const struct unit size_units[] = {
    {"", 1},
    {"K", 1024},
    {"M", 1024 * 1024},
    {"G", 1024 * 1024 * 1024},
};

static void *field(const struct setting *setting, void *base)
{
    return (char *)base + setting->offset;
}

/* A whole range of digits, cut off at far more than any limit here. */
static size_t parse_digits(const char *text, uint64_t *n)
{
    size_t len = 0;

    for (*n = 0; text[len] >= '0' && text[len] <= '9'; len++) {
        if (*n < UINT64_C(1) << 48)
            *n = *n * 10 + (uint64_t)(text[len] - '0');
    }
    return len;
}

static enum verdict check_range(const struct setting *setting, uint64_t n)
{
    return n < setting->min || n > setting->max ? VALUE_OUT_OF_RANGE : VALUE_GOOD;
}

static enum verdict parse_integer(const struct setting *setting, const struct node *value,
                                  uint64_t *n)
{
    if (value->kind != NODE_INTEGER)
        return VALUE_WRONG_KIND;
    *n = (uint64_t)value->integer; /* below 0 wraps to huge */
    return check_range(setting, *n);
}

/* Seconds and a factor to milliseconds; also NaN and infinity are no valid durations. */
static enum verdict to_ms(const struct setting *setting, double number, double factor, uint64_t *ms)
{
    double exact = number * factor;

    if (!(exact >= 0.0 && exact <= (double)setting->max))
        return VALUE_OUT_OF_RANGE;
    *ms = (uint64_t)llround(exact);
    if (*ms == 0 && exact > 0.0)
        *ms = 1;
    return check_range(setting, *ms);
}

static enum verdict parse_duration_text(const struct setting *setting, const char *text,
                                        uint64_t *ms)
{
    bool is_negative = text[0] == '-';
    const char *digits = text + (is_negative ? 1 : 0);
    size_t len = strspn(digits, "0123456789");
    double factor = 0.0;

    if (len > 0 && digits[len] == '.') {
        size_t decimals = strspn(digits + len + 1, "0123456789");

        len = decimals == 0 ? 0 : len + 1 + decimals;
    }
    if (len == 0)
        return VALUE_WRONG_KIND;
    if (digits[len] == '\0')
        factor = 1000.0;
    for (size_t i = 0; i < ARRAY_LEN(duration_units); i++) {
        if (strcmp(digits + len, duration_units[i].suffix) == 0)
            factor = (double)duration_units[i].factor;
    }
    if (factor <= 0.0)
        return VALUE_WRONG_KIND;
    if (is_negative)
        return VALUE_OUT_OF_RANGE;
    return to_ms(setting, strtod(digits, NULL), factor, ms);
}

static enum verdict parse_duration(const struct setting *setting, const struct node *value,
                                   uint64_t *ms)
{
    switch (value->kind) {
    case NODE_INTEGER: return to_ms(setting, (double)value->integer, 1000.0, ms);
    case NODE_FLOAT: return to_ms(setting, value->real, 1000.0, ms);
    case NODE_STRING: return parse_duration_text(setting, value->text, ms);
    case NODE_GROUP:
    case NODE_LIST:
    case NODE_ARRAY:
    case NODE_BOOL: break;
    }
    return VALUE_WRONG_KIND;
}

static enum verdict parse_size(const struct setting *setting, const struct node *value, uint64_t *n)
{
    const struct unit *unit = NULL;
    const char *digits;
    size_t len;

    if (value->kind != NODE_STRING)
        return parse_integer(setting, value, n);
    digits = value->text + (value->text[0] == '-' ? 1 : 0);
    len = parse_digits(digits, n);
    for (size_t i = 0; i < ARRAY_LEN(size_units); i++) {
        if (strcasecmp(digits + len, size_units[i].suffix) == 0)
            unit = &size_units[i];
    }
    if (len == 0 || unit == NULL)
        return VALUE_WRONG_KIND;
    if (value->text[0] == '-' || *n > UINT64_MAX / unit->factor)
        return VALUE_OUT_OF_RANGE;
    *n *= unit->factor;
    return check_range(setting, *n > SIZE_MAX ? UINT64_MAX : *n);
}

static enum verdict parse_permissions(const struct setting *setting, const struct node *value,
                                      uint64_t *n)
{
    const char *text = value->text;
    size_t len = text == NULL ? 0 : strspn(text, "01234567");

    if (len < 3 || len > 4 || text[len] != '\0')
        return VALUE_WRONG_KIND;
    *n = strtoul(text, NULL, 8);
    return check_range(setting, *n);
}

static enum verdict parse_name(const char *const *names, const char *text, uint64_t *n)
{
    if (text == NULL)
        return VALUE_WRONG_KIND;
    for (*n = 0; names[*n] != NULL; ++*n) {
        if (strcmp(names[*n], text) == 0)
            return VALUE_GOOD;
    }
    return VALUE_OUT_OF_RANGE;
}

/* n in the largest unit that divides it: 1h, 64M. */
static void format_number(const struct unit *units, size_t count, uint64_t n, char *out,
                          size_t size)
{
    const struct unit *best = &units[0];

    for (size_t i = 1; i < count; i++) {
        if (n % units[i].factor == 0)
            best = &units[i];
    }
    if (n == 0)
        snprintf(out, size, "0");
    else
        snprintf(out, size, "%llu%s", (unsigned long long)(n / best->factor), best->suffix);
}

static void format_range(const struct setting *setting, char *out, size_t size)
{
    char min[32], max[32];

    if (setting->kind == SETTING_PERMISSIONS) {
        snprintf(min, sizeof(min), "\"%04o\"", (unsigned)setting->min);
        snprintf(max, sizeof(max), "\"%04o\"", (unsigned)setting->max);
    } else if (setting->kind == SETTING_INTEGER) {
        format_number(size_units, 1, setting->min, min, sizeof(min));
        format_number(size_units, 1, setting->max, max, sizeof(max));
    } else if (setting->kind == SETTING_DURATION) {
        format_number(duration_units, ARRAY_LEN(duration_units), setting->min, min, sizeof(min));
        format_number(duration_units, ARRAY_LEN(duration_units), setting->max, max, sizeof(max));
    } else {
        format_number(size_units, ARRAY_LEN(size_units), setting->min, min, sizeof(min));
        format_number(size_units, ARRAY_LEN(size_units), setting->max, max, sizeof(max));
    }
    snprintf(out, size, "from %s to %s", min, max);
}

/* "auto", "postfix" or "dovecot" */
static void format_names(const char *const *names, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; names[i] != NULL && len < size; i++) {
        const char *joint = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";

        len += (size_t)snprintf(out + len, size - len, "%s\"%s\"", joint, names[i]);
    }
}

static void format_kind(const struct setting *setting, char *out, size_t size)
{
    switch (setting->kind) {
    case SETTING_STRING:
        snprintf(out, size, setting->others == 0 ? "a string" : "a string or a list of strings");
        return;
    case SETTING_BOOL: snprintf(out, size, "true or false"); return;
    case SETTING_INTEGER: snprintf(out, size, "a whole number"); return;
    case SETTING_DURATION: snprintf(out, size, "a duration such as \"30s\""); return;
    case SETTING_SIZE: snprintf(out, size, "a size such as \"64K\""); return;
    case SETTING_PERMISSIONS: snprintf(out, size, "octal permissions such as \"0660\""); return;
    case SETTING_ENUM: format_names(setting->names, out, size); return;
    case SETTING_STRINGS: snprintf(out, size, "a list of strings such as [ \"a\", \"b\" ]"); return;
    case SETTING_STATUSES:
        snprintf(out, size, "a list of HTTP statuses such as ( 404, \"5xx\" )");
        return;
    case SETTING_GROUP:
    case SETTING_SECTION: snprintf(out, size, "a group, { ... }"); return;
    }
}

static int fault_value(const struct setting *setting, const struct node *value, const char *where,
                       struct faults *faults, const char *expected)
{
    char got[VALUE_BYTES_MAX];

    if (setting->is_delicate) {
        fault_add(faults, value->origin, "'%s'%s %s", setting->name, where, expected);
        return -1;
    }
    node_describe(value, got, sizeof(got));
    fault_add(faults, value->origin, "'%s'%s %s, got %s", setting->name, where, expected, got);
    return -1;
}

static int fault_verdict(const struct setting *setting, const struct node *value, const char *where,
                         struct faults *faults, enum verdict verdict)
{
    char what[EXPECTED_BYTES_MAX - 16], expected[EXPECTED_BYTES_MAX];

    if (verdict == VALUE_WRONG_KIND)
        format_kind(setting, what, sizeof(what));
    else
        format_range(setting, what, sizeof(what));
    snprintf(expected, sizeof(expected), "%s %s",
             verdict == VALUE_WRONG_KIND ? "expects" : "must be", what);
    return fault_value(setting, value, where, faults, expected);
}

static int fault_name(const struct setting *setting, const struct node *value, const char *where,
                      struct faults *faults)
{
    char names[EXPECTED_BYTES_MAX], got[VALUE_BYTES_MAX];
    struct suggestion suggestion = {.word = value->text};

    format_names(setting->names, names, sizeof(names));
    node_describe(value, got, sizeof(got));
    for (size_t i = 0; setting->names[i] != NULL; i++)
        suggestion_offer(&suggestion, setting->names[i]);
    fault_add(faults, value->origin, "'%s'%s must be %s, got %s%s%s%s", setting->name, where, names,
              got, suggestion.best == NULL ? "" : " (did you mean \"",
              suggestion.best == NULL ? "" : suggestion.best,
              suggestion.best == NULL ? "" : "\"?)");
    return -1;
}

static int store_string(const struct setting *setting, const struct node *value, char **to,
                        const char *where, struct faults *faults)
{
    const char *text = value->text;
    const char *wrong;
    uint64_t unused;

    if (text == NULL)
        return fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    if (setting->names != NULL && parse_name(setting->names, text, &unused) != VALUE_GOOD)
        return fault_name(setting, value, where, faults);
    if (text[0] == '\0' && !setting->may_be_empty) {
        fault_add(faults, value->origin, "'%s'%s must not be empty", setting->name, where);
        return -1;
    }
    wrong = setting->check == NULL || text[0] == '\0' ? NULL : setting->check(text);
    if (wrong != NULL)
        return fault_value(setting, value, where, faults, wrong);
    free(*to);
    *to = text[0] == '\0' ? NULL : xstrdup(text);
    return 0;
}

static void list_clear(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}

/* The first string of a list, and the others behind it. */
static int store_string_list(const struct setting *setting, const struct node *value, void *base,
                             const char *where, struct faults *faults)
{
    struct string_list *others = (void *)((char *)base + setting->others);
    char *first = NULL;
    struct string_list rest = {0};
    int result = 0;

    if (value->count == 0)
        return fault_value(setting, value, where, faults, "must not be empty");
    rest.items = xcalloc(value->count, sizeof(rest.items[0]));
    for (size_t i = 0; i < value->count; i++) {
        char **to = i == 0 ? &first : &rest.items[rest.count++];

        if (store_string(setting, value->children[i], to, where, faults) == -1)
            result = -1;
    }
    if (result == 0) {
        char **to = field(setting, base);

        free(*to);
        *to = first;
        list_clear(others);
        *others = rest;
    } else {
        free(first);
        list_clear(&rest);
    }
    return result;
}

static int store_strings(const struct setting *setting, const struct node *value,
                         struct string_list *to, const char *where, struct faults *faults)
{
    struct string_list list = {0};
    int result = 0;

    if (value->kind != NODE_ARRAY && value->kind != NODE_LIST)
        return fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    list.items = xcalloc(value->count, sizeof(list.items[0]));
    for (; list.count < value->count; list.count++) {
        const struct node *item = value->children[list.count];
        const char *wrong =
            setting->check == NULL || item->text == NULL ? NULL : setting->check(item->text);

        if (item->text == NULL)
            result = fault_verdict(setting, item, where, faults, VALUE_WRONG_KIND);
        else if (wrong != NULL)
            result = fault_value(setting, item, where, faults, wrong);
        else
            list.items[list.count] = xstrdup(item->text);
    }
    if (result == -1) {
        list_clear(&list);
        return -1;
    }
    list_clear(to);
    *to = list;
    return 0;
}

/* A code, or a class with any case of x; false for anything else. */
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
        return fault_verdict(setting, value, where, faults, VALUE_WRONG_KIND);
    for (size_t i = 0; i < value->count; i++) {
        if (!add_status(&set, value->children[i]))
            result =
                fault_value(setting, value->children[i], where, faults,
                            "must hold codes from 201 to 599, \"3xx\", \"4xx\" and \"5xx\" only");
    }
    if (result == 0)
        *to = set;
    return result;
}

static enum verdict parse_number(const struct setting *setting, const struct node *value,
                                 uint64_t *n)
{
    switch (setting->kind) {
    case SETTING_INTEGER: return parse_integer(setting, value, n);
    case SETTING_DURATION: return parse_duration(setting, value, n);
    case SETTING_SIZE: return parse_size(setting, value, n);
    case SETTING_PERMISSIONS: return parse_permissions(setting, value, n);
    case SETTING_ENUM: return parse_name(setting->names, value->text, n);
    case SETTING_BOOL:
        *n = value->integer != 0;
        return value->kind == NODE_BOOL ? VALUE_GOOD : VALUE_WRONG_KIND;
    case SETTING_STRING:
    case SETTING_STRINGS:
    case SETTING_STATUSES:
    case SETTING_GROUP:
    case SETTING_SECTION: break;
    }
    return VALUE_WRONG_KIND;
}

bool setting_read_number(const struct setting *setting, const struct node *value, uint64_t *n)
{
    return parse_number(setting, value, n) == VALUE_GOOD;
}

/* n is within the setting's range, and that within the field: a test looks at every setting. */
static void store_number(const struct setting *setting, uint64_t n, void *base)
{
    if (setting->kind == SETTING_BOOL)
        *(bool *)field(setting, base) = n != 0;
    else if (setting->kind == SETTING_SIZE)
        *(size_t *)field(setting, base) = (size_t)n;
    else /* also an enum: those with names that count from 0 are unsigned */
        *(unsigned *)field(setting, base) = (unsigned)n;
}

int setting_store(const struct setting *setting, const struct node *value, void *base,
                  const char *where, struct faults *faults)
{
    enum verdict verdict;
    uint64_t n = 0;

    if (setting->others != 0 && (value->kind == NODE_LIST || value->kind == NODE_ARRAY))
        return store_string_list(setting, value, base, where, faults);
    if (setting->kind == SETTING_STRING)
        return store_string(setting, value, field(setting, base), where, faults);
    if (setting->kind == SETTING_STRINGS)
        return store_strings(setting, value, field(setting, base), where, faults);
    if (setting->kind == SETTING_STATUSES)
        return store_statuses(setting, value, field(setting, base), where, faults);
    verdict = parse_number(setting, value, &n);
    if (verdict == VALUE_OUT_OF_RANGE && setting->kind == SETTING_ENUM)
        return fault_name(setting, value, where, faults);
    if (verdict != VALUE_GOOD)
        return fault_verdict(setting, value, where, faults, verdict);
    store_number(setting, n, base);
    return 0;
}

/* default_text as libconfig would have read it: only numbers and strings have one. */
static void set_default(const struct setting *setting, void *base)
{
    struct faults faults = {0};
    struct node value = {.kind = NODE_INTEGER};

    if (setting->default_text[0] == '"') {
        value.kind = NODE_STRING;
        value.text = xmemdup0(setting->default_text + 1, strlen(setting->default_text) - 2);
    } else if (setting->kind == SETTING_BOOL) {
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
            schema_set_defaults(setting->group, field(setting, base));
        else if (setting->default_text != NULL)
            set_default(setting, base);
    }
}

void schema_clear(const struct setting_group *group, void *base)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct setting *setting = &group->settings[i];

        if (setting->kind == SETTING_GROUP) {
            schema_clear(setting->group, field(setting, base));
        } else if (setting->kind == SETTING_STRING) {
            char **text = field(setting, base);

            free(*text);
            *text = NULL;
            if (setting->others != 0)
                list_clear((struct string_list *)(void *)((char *)base + setting->others));
        } else if (setting->kind == SETTING_STRINGS) {
            list_clear(field(setting, base));
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
