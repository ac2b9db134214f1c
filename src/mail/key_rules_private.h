/* key_rules_private.h - the members of the rules, for key_rules.c and key_forms.c. */
#ifndef PODOP_MAIL_KEY_RULES_PRIVATE_H
#define PODOP_MAIL_KEY_RULES_PRIVATE_H

#include "key_form_kind.h"

/* What keys without an '@' are. */
enum bare_keys {
    BARE_KEYS_DOMAINS,
    BARE_KEYS_USERS, /* the search has a form that is a local part, and none that is a domain */
    BARE_KEYS_MIXED, /* it has both: a key without a dot is a local part */
};

struct key_rules {
    enum bare_keys bare_keys;
    enum key_fold fold;
    enum key_idna idna;
    struct key_form_order order;
    bool propagate;
    char *extension; /* never NULL */
};

#endif
