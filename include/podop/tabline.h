/* tabline.h - lines of tab-separated, escaped fields, as in Dovecot's dict protocol. An escape is
 * "\1" followed by 0, 1, t, r or n (Dovecot 2.2.25 to 2.4.5, src/lib/strescape.c). */
#ifndef PODOP_TABLINE_H
#define PODOP_TABLINE_H

#include "podop/buf.h"
#include "podop/parse.h"

/* Takes one line of at most max bytes off the front of in. PARSE_DONE: *line points into in,
 * without its line feed, and *used is the number of bytes taken. PARSE_BAD: the line is longer than
 * max. */
enum parse tabline_parse(struct span in, size_t max, struct span *line, size_t *used);

/* Takes the next field off the front of *rest, up to a tab and still escaped. Returns false when
 * none is left: then rest->ptr is NULL. An empty line has one empty field. */
static inline bool tabline_next(struct span *rest, struct span *field)
{
    const char *tab;

    if (rest->ptr == NULL)
        return false;
    tab = rest->len == 0 ? NULL : memchr(rest->ptr, '\t', rest->len);
    if (tab == NULL) {
        *field = *rest;
        *rest = (struct span){NULL, 0};
        return true;
    }
    *field = (struct span){rest->ptr, (size_t)(tab - rest->ptr)};
    *rest = span_skip(*rest, field->len + 1);
    return true;
}

/* Appends field without its escapes. "\1" before a byte that is not in the list above is dropped,
 * as is "\1" at the end. */
void tabline_unescape(struct buf *out, struct span field);
void tabline_escape(struct buf *out, struct span bytes); /* appends bytes as a field */

#endif
