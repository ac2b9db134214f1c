/* mail_address.h - the parts of a mail address: local part, extension and domain. */
#ifndef PODOP_MAIL_MAIL_ADDRESS_H
#define PODOP_MAIL_MAIL_ADDRESS_H

#include "podop/buf.h"
#include "podop/span.h"

struct mail_address {
    struct span local;  /* as written, with its quotes; empty without an '@' */
    struct span domain; /* after the last '@' outside of quotes; the whole key when there is none */
    bool has_at;
};

/* Splits key, which is borrowed. Quotes that are not closed are ordinary characters. */
struct mail_address mail_address_split(struct span key);

/* Cuts the extension off a local part as Postfix's split_addr() does: at the first of the
 * delimiters, but never at the beginning, and not in "owner-x" and "x-request" if '-' is a
 * delimiter, nor in postmaster, mailer-daemon and double-bounce, in upper or lower case. A quoted
 * local part is cut inside its quotes, and the rest stays quoted if it needs that. delimiters may
 * be NULL.
 *
 * On true, *bare is the local part without the extension, and *extension what was cut off, with
 * its delimiter and without quotes; both point into local or into scratch, whose content is
 * replaced. On false there is no extension: *bare is local, and *extension is empty. */
bool mail_address_cut(struct span local, const char *delimiters, struct buf *scratch,
                      struct span *bare, struct span *extension);

#endif
