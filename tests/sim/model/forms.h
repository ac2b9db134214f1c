/* forms.h - the forms of a key that a table with search looks up one after the other: "Forms of a
 * key" in podop.conf(5). Of such a table, the second part of the rules for keys (see keys.h) is the
 * search, in the place of idna. */
#ifndef SIM_FORMS_H
#define SIM_FORMS_H

#include "keys.h"

enum forms_search { FORMS_VIRTUAL, FORMS_TRANSPORT, FORMS_ACCESS, FORMS_SEARCHES };

static inline enum forms_search forms_search_of(unsigned rules)
{
    return (enum forms_search)(rules / KEYS_FOLDS);
}

enum { FORMS_MAX = 8 };

/* Fills forms with the forms of a key, as a client wrote it, in their order; the extension begins
 * with '+'. Returns how many there are. */
size_t forms_of(struct truth_key *spelled, unsigned rules, struct truth_key *forms[FORMS_MAX]);

#endif
