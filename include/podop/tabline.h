/* tabline.h - lines of tab-separated, escaped fields, as Dovecot's dict protocol has them (2.2.25
 * to 2.4.5, src/lib/strescape.c: "\1" followed by 0, 1, t, r or n). */
#ifndef PODOP_TABLINE_H
#define PODOP_TABLINE_H

#include "podop/buf.h"
#include "podop/parse.h"

/* Takes one line of at most max bytes off the front of in: PARSE_DONE with *line pointing into in,
 * without its line feed, and *used bytes to drop; PARSE_MORE; PARSE_BAD when it is longer. */
enum parse tabline_parse(struct span in, size_t max, struct span *line, size_t *used);

/* Cuts the next field off the front of *rest, up to a tab, still escaped; false when none is left.
 * An empty line has one empty field. A *rest that was cut to its end has a NULL pointer. */
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

void tabline_unescape(struct buf *out, struct span field); /* "\1" and another byte is that byte */
void tabline_escape(struct buf *out, struct span bytes);

#endif
