/* url_key_parts.h - the parts of a key that a URL template can name. */
#ifndef PODOP_TABLE_URL_URL_KEY_PARTS_H
#define PODOP_TABLE_URL_URL_KEY_PARTS_H

#include "podop/buf.h"

struct table_key;

/* Without an '@', the whole key is the domain. */
struct url_key_parts {
    struct span local;     /* as written, without its extension */
    struct span extension; /* without its delimiter */
    struct span domain;
    struct buf scratch; /* of a quoted local part */
};

/* Takes key apart: of a private key its user, else the key. delimiters are those of an extension,
 * "" for none. The parts point into key or into parts. */
void url_key_parts_init(struct url_key_parts *parts, const struct table_key *key,
                        const char *delimiters);
void url_key_parts_deinit(struct url_key_parts *parts);

#endif
