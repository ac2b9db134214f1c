/* url_template.h - a table's URL with places for the key and the user, cut once at load time: a key
 * is never a format. */
#ifndef PODOP_URL_TEMPLATE_H
#define PODOP_URL_TEMPLATE_H

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/table_handle.h"

struct url_template; /* opaque */

/* Takes a template such as http://admin:8080/alias/§?for={user} apart. NULL with ERR_CONFIG: not
 * http or https, no host, credentials, a fragment, bytes that no URL has, a place in scheme or
 * authority, an unknown {place}. */
struct url_template *url_template_new(const char *text, struct error *err);
/* -1 with ERR_CONFIG where a template that is allowed is hardly meant: it has no place for the key,
 * or a '%' that is no %XX. 0 also for a text that url_template_new() refuses. */
int url_template_doubt(const char *text, struct error *err);

void url_template_free(struct url_template **t);

/* "http://admin:8080", without a trailing slash. Borrowed. */
const char *url_template_base(const struct url_template *t);

bool url_template_has_user(const struct url_template *t);
/* Whether what the URL says of a key is KEY, or KEY/USER of a private one, and no more. */
bool url_template_is_plain(const struct url_template *t);
/* Whether two keys that a has one URL for have one URL in b as well, and the other way round: they
 * differ in what stands around the places alone. */
bool url_template_is_alike(const struct url_template *a, const struct url_template *b);

enum url_target {
    URL_TARGET_OK,
    URL_TARGET_CLIMBS, /* a path segment would be "." or "..": never to be sent */
    URL_TARGET_LONG,   /* does not fit into out */
};

/* Appends path and query of the request for key: each byte of it as %XX but for unreserved ones
 * and, with keep_slash, "/". The user of a private key goes to {user} where the template has it,
 * else behind the key and a slash. */
enum url_target url_template_expand(const struct url_template *t, const struct table_key *key,
                                    bool keep_slash, struct buf *out);

#endif
