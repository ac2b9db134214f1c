#include "key_form_kind.h"

#include "podop/mem.h"

static const char *const names[KEY_FORM_KINDS] = {
    [KEY_FORM_KEY] = "key",
    [KEY_FORM_USER_DOMAIN] = "user@domain",
    [KEY_FORM_USER_EXT] = "user+ext",
    [KEY_FORM_USER] = "user",
    [KEY_FORM_AT_DOMAIN] = "@domain",
    [KEY_FORM_DOMAIN] = "domain",
    [KEY_FORM_DOT_PARENTS] = ".domain",
    [KEY_FORM_PARENTS] = "parents",
    [KEY_FORM_ANY] = "*",
    [KEY_FORM_USER_EXT_AT] = "user+ext@",
    [KEY_FORM_USER_AT] = "user@",
};

/* Which keys Postfix 3.7 and 3.10 look up in a table whose partial keys they make themselves, such
 * as hash:, for an address or domain that is not local. */
static const struct {
    const char *name;
    const char *forms[8];
} presets[] = {
    {"virtual", {"key", "user@domain", "@domain"}},
    {"canonical", {"key", "user@domain", "@domain"}},
    {"transport", {"key", "user@domain", "domain", ".domain"}},
    {"access", {"key", "user@domain", "domain", "parents", "user+ext@", "user@"}},
    {"domain", {"domain", "parents"}},
};

const char *const *key_form_preset(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, name) == 0)
            return presets[i].forms;
    }
    return NULL;
}

static void add_kind(struct key_form_order *order, enum key_form_kind kind)
{
    for (size_t i = 0; i < order->count; i++) {
        if (order->kinds[i] == kind)
            return;
    }
    order->kinds[order->count++] = kind;
}

static bool add_form(struct key_form_order *order, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(names[i], name) == 0) {
            add_kind(order, (enum key_form_kind)i);
            return true;
        }
    }
    return false;
}

static void add_preset(struct key_form_order *order, const char *name)
{
    const char *const *forms = key_form_preset(name);

    for (; forms != NULL && *forms != NULL; forms++)
        add_form(order, *forms);
}

struct key_form_order key_form_order_of(const struct string_list *search)
{
    struct key_form_order order = {.count = 0};

    for (size_t i = 0; i < search->count; i++) {
        if (!add_form(&order, search->items[i]))
            add_preset(&order, search->items[i]);
    }
    if (order.count == 0)
        add_kind(&order, KEY_FORM_KEY);
    return order;
}

bool key_form_is_known(const char *name)
{
    struct key_form_order order = {.count = 0};

    return add_form(&order, name) || key_form_preset(name) != NULL;
}
