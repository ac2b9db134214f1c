/* json_object.h - writes the members of a JSON object one after the other. What stands before them
 * in the buffer tells whether a comma is due: "{" and "[" alone want none. */
#ifndef PODOP_JSON_OBJECT_H
#define PODOP_JSON_OBJECT_H

#include "podop/buf.h"

void json_add_comma(struct buf *out); /* where one is due */
void json_add_name(struct buf *out,
                   const char *name); /* "name": and the value has to follow. A name needs no
                                         escapes: it is a word of ours. */
void json_add_number(struct buf *out, const char *name, uint64_t n);
void json_add_flag(struct buf *out, const char *name, bool is_true);
/* Bytes that are no UTF-8 become U+FFFD. */
void json_add_member(struct buf *out, const char *name, struct span bytes);

#endif
