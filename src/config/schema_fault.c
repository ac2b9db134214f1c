#include "schema_fault.h"

#include "podop/suggestion.h"

#include <stdio.h>
#include <string.h>

enum { EXPECTED_BYTES_MAX = 256, VALUE_BYTES_MAX = 128 };

static bool is_bool(const char *name)
{
    return strcmp(name, "true") == 0 || strcmp(name, "false") == 0;
}

/* Writes "auto", "postfix" or "dovecot". true and false stand without quotes. */
static void format_names(const char *const *names, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; names[i] != NULL && len < size; i++) {
        const char *joint = i == 0 ? "" : names[i + 1] == NULL ? " or " : ", ";
        const char *quote = is_bool(names[i]) ? "" : "\"";

        len += (size_t)snprintf(out + len, size - len, "%s%s%s%s", joint, quote, names[i], quote);
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
    case SETTING_DURATION:
        snprintf(out, size, "a duration such as \"30s\" (units: ms, s, m, h, d)");
        return;
    case SETTING_SIZE: snprintf(out, size, "a size such as \"64K\" (units: K, M, G)"); return;
    case SETTING_PERMISSIONS: snprintf(out, size, "octal permissions such as \"0660\""); return;
    case SETTING_ENUM: format_names(setting->names, out, size); return;
    case SETTING_STRINGS:
        snprintf(out, size, "%sa list of strings such as [ \"a\", \"b\" ]",
                 setting->may_be_one ? "a string or " : "");
        return;
    case SETTING_STATUSES:
        snprintf(out, size, "a list of HTTP statuses such as ( 404, \"5xx\" )");
        return;
    case SETTING_GROUP:
    case SETTING_SECTION: snprintf(out, size, "a group, { ... }"); return;
    }
}

int schema_fault_value(const struct setting *setting, const struct node *value, const char *where,
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

int schema_fault_verdict(const struct setting *setting, const struct node *value, const char *where,
                         struct faults *faults, enum verdict verdict)
{
    char what[EXPECTED_BYTES_MAX - 16], expected[EXPECTED_BYTES_MAX];

    if (verdict == VALUE_WRONG_KIND)
        format_kind(setting, what, sizeof(what));
    else
        schema_number_range(setting, what, sizeof(what));
    snprintf(expected, sizeof(expected), "%s %s",
             verdict == VALUE_WRONG_KIND ? "expects" : "must be", what);
    return schema_fault_value(setting, value, where, faults, expected);
}

int schema_fault_name(const struct setting *setting, const struct node *value, const char *where,
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
