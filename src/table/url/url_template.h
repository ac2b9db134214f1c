/* url_template.h - the URL of a table, with places for the key and the user. It is taken apart
 * once, when the table is opened, so that a key is never used as a format. */
#ifndef PODOP_TABLE_URL_URL_TEMPLATE_H
#define PODOP_TABLE_URL_URL_TEMPLATE_H

#include "podop/buf.h"
#include "podop/error.h"

struct table_key;
struct url_template;

/* Parses a template such as http://admin:8080/alias/§?for={user}. Returns NULL with ERR_CONFIG for
 * a scheme other than http and https, no host, credentials, a fragment, a byte that a URL must not
 * contain, a place in scheme or authority, an unknown {place} and a path segment "." or "..". */
struct url_template *url_template_new(const char *text, struct error *err);
void url_template_free(struct url_template **t); /* *t becomes NULL; a NULL *t is fine */

/* Returns -1 with ERR_CONFIG when the template is allowed but most likely a mistake: it has a '%'
 * without two hexadecimal digits. Returns 0 also for a text that url_template_new() rejects. */
int url_template_doubt(const char *text, struct error *err);
/* The same for the places of a template that is not doubtful already: a lookup that is a GET needs
 * one for the key, one whose body has the key should have none, because URLs are logged, and
 * {extension} needs delimiters. */
int url_template_doubt_places(const char *text, bool is_post, bool has_extension,
                              struct error *err);

/* Returns whether the path has a segment "." or ".." for every key of a table of that name. */
bool url_template_climbs(const struct url_template *t, struct span table);

/* Returns "http://admin:8080", without a slash at the end. Borrowed. */
const char *url_template_base(const struct url_template *t);

/* Returns whether the URL contains KEY, or KEY/USER of a private key, and nothing else of it, not
 * even a part that the KEY of another name may not have. */
bool url_template_is_plain(const struct url_template *t);
/* Returns whether two keys that have the same URL by a have the same URL by b, and the other way
 * round. Such templates differ only in the text around their places. */
bool url_template_is_alike(const struct url_template *a, const struct url_template *b);

/* How a key is put into a template. */
struct url_expansion {
    struct span table;      /* its name */
    const char *delimiters; /* of an extension; "": there is none */
    bool keep_slash;        /* slashes are not encoded */
    bool is_path; /* the key is the path of an iteration: its user is not appended to it */
};

enum url_target {
    URL_TARGET_OK,
    URL_TARGET_CLIMBS, /* a path segment would be "." or "..": it must not be sent */
    URL_TARGET_LONG,   /* does not fit into out */
};

/* Appends the path and query for key to out. Each byte of the key is written as %XX, but for the
 * unreserved ones and, with keep_slash, "/". The user of a private key goes to {user} when the
 * template has that place, else after the key and a slash. */
enum url_target url_template_expand(const struct url_template *t, const struct table_key *key,
                                    const struct url_expansion *how, struct buf *out);

#endif
