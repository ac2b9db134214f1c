/* key_form_kind.h - the names of the forms of keys, and the presets that stand for several. */
#ifndef PODOP_MAIL_KEY_FORM_KIND_H
#define PODOP_MAIL_KEY_FORM_KIND_H

#include "podop/settings.h"

enum key_form_kind {
    KEY_FORM_KEY,
    KEY_FORM_USER_DOMAIN, /* user@domain */
    KEY_FORM_USER_EXT,    /* user+ext */
    KEY_FORM_USER,
    KEY_FORM_AT_DOMAIN, /* @domain */
    KEY_FORM_DOMAIN,
    KEY_FORM_DOT_PARENTS, /* .domain */
    KEY_FORM_PARENTS,
    KEY_FORM_ANY,         /* * */
    KEY_FORM_USER_EXT_AT, /* user+ext@ */
    KEY_FORM_USER_AT,     /* user@ */
    KEY_FORM_KINDS,
};

/* The forms of a setting, in order, each once. */
struct key_form_order {
    enum key_form_kind kinds[KEY_FORM_KINDS];
    size_t count;
};

/* Returns the forms that search names; an empty list is the key alone. "domain" is the name of a
 * form and of a preset: here it is the form. */
struct key_form_order key_form_order_of(const struct string_list *search);

/* Returns the names of the forms that a preset stands for, with NULL at the end, or NULL if there
 * is no such preset. */
const char *const *key_form_preset(const char *name);

/* Returns whether name is the name of a form or of a preset. */
bool key_form_is_known(const char *name);

#endif
