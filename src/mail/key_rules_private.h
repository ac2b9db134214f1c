/* key_rules_private.h - what key_forms.c reads of the rules. */
#ifndef PODOP_MAIL_KEY_RULES_PRIVATE_H
#define PODOP_MAIL_KEY_RULES_PRIVATE_H

#include "key_form_kind.h"

struct key_rules {
    enum key_fold fold;
    enum key_idna idna;
    struct key_form_order order;
    bool propagate;
    char *extension; /* never NULL */
};

#endif
