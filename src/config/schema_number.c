#include "schema_number.h"

#include "podop/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *suffix;
    uint64_t factor;
};
/* In ascending order. */
static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
};
static const struct unit size_units[] = {
    {"", 1},
    {"K", 1024},
    {"M", UINT64_C(1024) * 1024},
    {"G", UINT64_C(1024) * 1024 * 1024},
};

/* Reads digits. A number beyond every limit of the schema does not overflow: its last digits are
 * dropped. */
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
    *n = (uint64_t)value->integer; /* a negative number becomes a huge one */
    return check_range(setting, *n);
}

/* Converts a number times factor to milliseconds. NaN and infinity are out of range. */
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

enum verdict schema_number_of_name(const char *const *names, const char *text, uint64_t *n)
{
    if (text == NULL)
        return VALUE_WRONG_KIND;
    for (*n = 0; names[*n] != NULL; ++*n) {
        if (strcmp(names[*n], text) == 0)
            return VALUE_GOOD;
    }
    return VALUE_OUT_OF_RANGE;
}

static enum verdict parse_name(const struct setting *setting, const struct node *value, uint64_t *n)
{
    const char *text = value->text;

    if (value->kind != NODE_BOOL)
        return schema_number_of_name(setting->names, text, n);
    text = value->integer != 0 ? "true" : "false";
    return schema_number_of_name(setting->names, text, n) == VALUE_GOOD ? VALUE_GOOD
                                                                        : VALUE_WRONG_KIND;
}

enum verdict schema_number_read(const struct setting *setting, const struct node *value,
                                uint64_t *n)
{
    switch (setting->kind) {
    case SETTING_INTEGER: return parse_integer(setting, value, n);
    case SETTING_DURATION: return parse_duration(setting, value, n);
    case SETTING_SIZE: return parse_size(setting, value, n);
    case SETTING_PERMISSIONS: return parse_permissions(setting, value, n);
    case SETTING_ENUM: return parse_name(setting, value, n);
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

/* Writes n in the largest unit that divides it: 1h, 64M. */
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

void schema_number_range(const struct setting *setting, char *out, size_t size)
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
