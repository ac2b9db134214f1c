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
    struct key_form_order order;
} presets[] = {
    {"virtual", {{KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_AT_DOMAIN}, 3}},
    {"canonical", {{KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_AT_DOMAIN}, 3}},
    {"transport", {{KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_DOMAIN, KEY_FORM_DOT_PARENTS}, 4}},
    {"access",
     {{KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_DOMAIN, KEY_FORM_PARENTS, KEY_FORM_USER_EXT_AT,
       KEY_FORM_USER_AT},
      6}},
    {"domain", {{KEY_FORM_DOMAIN, KEY_FORM_PARENTS}, 2}},
};

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

static bool add_preset(struct key_form_order *order, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(presets); i++) {
        if (strcmp(presets[i].name, name) == 0) {
            for (size_t k = 0; k < presets[i].order.count; k++)
                add_kind(order, presets[i].order.kinds[k]);
            return true;
        }
    }
    return false;
}

struct key_form_order key_form_order_of(const struct string_list *search)
{
    struct key_form_order order = {.count = 0};

    if (search->count == 1 && add_preset(&order, search->items[0]))
        return order;
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

    return add_form(&order, name) || add_preset(&order, name);
}
