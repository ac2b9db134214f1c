/* key_forms.h - the keys under which a lookup asks: the forms of a key, in the order of the
 * setting `search`, each once. A form that the key cannot give is left out. */
#ifndef PODOP_MAIL_KEY_FORMS_H
#define PODOP_MAIL_KEY_FORMS_H

#include "key_form_kind.h"
#include "key_rules.h"
#include "mail_address.h"

struct key_form {
    struct span key;
    struct span extension; /* what was cut off, with its delimiter and without quotes; or empty */
};

struct key_forms { /* its members belong to key_forms.c */
    const struct key_rules *rules;
    struct span key;
    struct mail_address address;
    struct span bare, extension; /* the local part without its extension, and the extension */
    struct buf scratch;          /* of the cut */
    struct buf user_domain;      /* "bare@domain", if an extension was cut off */
    char network_delimiter;      /* '.' or ':' of a key that is an IP address, otherwise NUL */
    size_t kind;                 /* the next form is of this kind, by its place in the order */
    size_t place;                /* of the next form in its kind */
};

/* Begins with the forms of key, a normal form. The rules, which may be NULL, and the key are
 * borrowed until key_forms_end(). */
void key_forms_begin(struct key_forms *forms, const struct key_rules *rules, struct span key);

/* Fills *form with the next form, or returns false after the last one. The form is valid until
 * key_forms_end(). */
bool key_forms_next(struct key_forms *forms, struct key_form *form);

void key_forms_end(struct key_forms *forms);

/* Returns the extension of key as it was written, before it was folded: the one that Postfix puts
 * into the addresses of a value. Points into key or scratch. */
struct span key_extension(const struct key_rules *rules, struct span key, struct buf *scratch);

#endif
