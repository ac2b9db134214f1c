/* url_identity.h - which keys of a url table are the same one: those that have the same URL, or, in
 * a table whose lookups are POSTs, the same body. */
#ifndef PODOP_TABLE_URL_URL_IDENTITY_H
#define PODOP_TABLE_URL_URL_IDENTITY_H

#include "url_base.h"

enum url_identity url_identity_choose(const struct url_backends *b, bool is_post);

/* Slots of struct table_ops. */
bool url_identity_fill(struct table *table, const struct table_key *key, struct identity *identity);
bool url_identity_is_plain(struct table *table);
bool url_identity_invalidates_all(struct table *table);

#endif
