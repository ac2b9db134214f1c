/* netstring.h - "<decimal length>:<payload>," as Postfix's socketmap frames requests and replies
 * (3.7.11 and 3.10.13, src/util/netstring.c). */
#ifndef PODOP_NETSTRING_H
#define PODOP_NETSTRING_H

#include "podop/buf.h"
#include "podop/parse.h"

/* Takes one netstring of at most max payload bytes off the front of in: PARSE_DONE with *payload
 * pointing into in and *used bytes to drop, PARSE_MORE to be called again with more, PARSE_BAD for
 * good: a length without digits, above max or with more digits than max could need, a wrong
 * terminator. Leading zeros are fine within those digits. */
enum parse netstring_parse(struct span in, size_t max, struct span *payload, size_t *used);

/* Appends word and text as one payload. */
void netstring_add(struct buf *out, struct span word, struct span text);

#endif
