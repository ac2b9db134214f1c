/* propagate.h - the extension of a key, put back into the addresses of a value. */
#ifndef PODOP_MAIL_PROPAGATE_H
#define PODOP_MAIL_PROPAGATE_H

#include "podop/buf.h"
#include "podop/span.h"

/* Appends value, a list of addresses as Postfix reads it (commas, blanks or line feeds between;
 * "Name <a@b>"; quoted local parts; comments), with extension, which has no quotes, at the end of
 * the local part of each address. The result is what Postfix makes of a table that it searches
 * itself, with propagate_unmatched_extensions: a value that begins with '@' stays as it is, and so
 * does "<>". An out with a maximum may not have room: is_over is set then. */
void propagate_extension(struct span value, struct span extension, struct buf *out);

#endif
