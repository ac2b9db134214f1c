/* local_part.h - the quotes of a local part. */
#ifndef PODOP_MAIL_LOCAL_PART_H
#define PODOP_MAIL_LOCAL_PART_H

#include "podop/buf.h"
#include "podop/span.h"

/* Returns the length of the quoted string at the beginning of s, with both quotes, or 0 if s does
 * not begin with one. */
size_t local_part_quoted_prefix(struct span s);

/* Returns whether the whole of local is one quoted string. */
bool local_part_is_quoted(struct span local);

/* Appends local, for which local_part_is_quoted() is true, without quotes and backslashes. */
void local_part_unquote(struct span local, struct buf *out);

/* Returns whether text must be quoted to be a local part: as Postfix, by RFC 822, and any byte
 * above 127 needs no quotes. */
bool local_part_needs_quotes(struct span text);

/* Appends text in quotes. */
void local_part_enclose(struct span text, struct buf *out);

/* Appends text, quoted if it must be. */
void local_part_quote(struct span text, struct buf *out);

#endif
