#include "key_warnings.h"

#include "podop/mem.h"

#include <string.h>

static bool is_one_of(const char *text, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(text, *names) == 0)
            return true;
    }
    return false;
}

static bool has_form(const struct key_config *key, const char *const *names)
{
    for (size_t i = 0; i < key->search.count; i++) {
        if (is_one_of(key->search.items[i], names))
            return true;
    }
    return false;
}

static bool cuts_extension(const struct key_config *key)
{
    static const char *const names[] = {"user@domain", "user",      "user@",  "virtual",
                                        "canonical",   "transport", "access", NULL};

    return has_form(key, names);
}

/* Returns whether the entry of an address or of a domain can be found under its own name. */
static bool finds_itself(const struct key_config *key)
{
    static const char *const names[] = {"key",     "user@domain", "user+ext",  "user",   "domain",
                                        "virtual", "canonical",   "transport", "access", NULL};

    return key->search.count == 0 || has_form(key, names);
}

/* Returns whether a template of the table has the parts of an address. */
static bool takes_apart(const struct table_config *table)
{
    for (size_t i = 0; i <= table->fallbacks.count; i++) {
        const char *text = i == 0 ? table->param : table->fallbacks.items[i - 1];

        if (text != NULL &&
            (strstr(text, "{extension}") != NULL || strstr(text, "{local}") != NULL))
            return true;
    }
    return false;
}

/* Adds "'NAME' in 'key' of table 'a' WHY" if the table has the setting itself. */
static void warn(const struct node *group, const char *name, const char *where, const char *why,
                 struct faults *faults)
{
    const struct node *member = node_find(group, name);

    if (member != NULL)
        fault_warn(faults, member->origin, "'%s' in 'key' of %s %s", name, where + 4, why);
}

static bool has_capital(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '[') /* a set such as [A-Za-z] may have small letters as well */
            return false;
        if (*text >= 'A' && *text <= 'Z')
            return true;
    }
    return false;
}

static void warn_skip(const struct node *skip, const char *where, struct faults *faults)
{
    for (size_t i = 0; skip != NULL && i < skip->count; i++) {
        const struct node *pattern = skip->children[i];

        if (pattern->text != NULL && has_capital(pattern->text))
            fault_warn(faults, pattern->origin,
                       "'skip'%s has \"%s\", which matches no key, since keys are in lower case",
                       where, pattern->text);
    }
}

void warn_key(const struct node *table, const struct table_config *config, const char *where,
              struct faults *faults)
{
    const struct key_config *key = &config->key;
    const struct node *group = node_find(table, "key");

    if (key->extension != NULL && !cuts_extension(key) && !takes_apart(config))
        warn(group, "extension", where, "changes nothing: no form of 'search' cuts it off", faults);
    if (key->propagate && key->extension == NULL)
        warn(group, "propagate", where, "changes nothing without 'extension'", faults);
    else if (key->propagate && !cuts_extension(key))
        warn(group, "propagate", where,
             "changes nothing: no form of 'search' is without the extension", faults);
    if (!finds_itself(key))
        warn(group, "search", where, "never finds the entry of the key itself, without \"key\"",
             faults);
    if (key->fold == KEY_FOLD_ALL)
        warn_skip(node_find(table, "skip"), where, faults);
}
