/* notes.h - the notes of an explained lookup: items of a JSON array, ["name","text"] each.
 * Nothing happens when notes is NULL. Private to src/table. */
#ifndef PODOP_TABLE_NOTES_H
#define PODOP_TABLE_NOTES_H

#include "podop/buf.h"

#include <stdarg.h>

/* Adds a note. Names may repeat, for example once for each attempt. text may be any bytes. A
 * note that does not fit into notes is left out. */
void notes_add(struct buf *notes, const char *name, struct span text);
/* Adds at most max bytes of text, and its length if it is longer. */
void notes_add_cut(struct buf *notes, const char *name, struct span text, size_t max);
void notes_format(struct buf *notes, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void notes_vformat(struct buf *notes, const char *name, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

#endif
