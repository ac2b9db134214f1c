/* key_rules.h - the settings `key` of a table, ready for use, and the normal form of a key. */
#ifndef PODOP_MAIL_KEY_RULES_H
#define PODOP_MAIL_KEY_RULES_H

#include "podop/buf.h"
#include "podop/settings.h"
#include "podop/span.h"

struct key_rules;

/* Copies the settings. Returns NULL if they change nothing. */
struct key_rules *key_rules_new(const struct key_config *config);
struct key_rules *key_rules_copy(const struct key_rules *rules); /* NULL of NULL */
void key_rules_free(struct key_rules **rules); /* *rules becomes NULL; a NULL *rules is fine */

/* In the functions below rules may be NULL: nothing changes. */

/* Returns whether both make the same normal form of every key. */
bool key_rules_equal(const struct key_rules *a, const struct key_rules *b);
bool key_rules_search(const struct key_rules *rules); /* not only the key itself is looked up */
bool key_rules_propagate(const struct key_rules *rules);
const char *key_rules_extension(const struct key_rules *rules); /* "": no delimiters */

/* Appends the normal form of key, which is at most three times as long as a key that is not
 * converted by IDNA. The normal form of a normal form is itself. What stands after the last '@'
 * is the domain. So is a key without an '@', except for KEY_FOLD_DOMAIN, and except in a table
 * whose search has forms that are a local part alone: a key is one too there, unless it has a dot
 * and the search has forms that are a domain.
 *
 * With key_idna, a domain that is not ASCII, or that has A-labels, is converted, and is in lower
 * case, whatever key_fold is. A domain that cannot be converted is folded only. The domain is
 * folded before and after it is converted. */
void key_normalise(const struct key_rules *rules, struct span key, struct buf *out);
/* Does the same for a user: without an '@' it is a local part. */
void key_normalise_user(const struct key_rules *rules, struct span user, struct buf *out);

#endif
