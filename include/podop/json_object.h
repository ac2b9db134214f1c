/* json_object.h - writes the members of a JSON object one after the other. A comma is written first
 * unless the buffer ends with "{" or "[". */
#ifndef PODOP_JSON_OBJECT_H
#define PODOP_JSON_OBJECT_H

#include "podop/buf.h"

void json_add_comma(struct buf *out); /* unless the buffer ends with "{" or "[" */
/* Appends "name": for the value that has to follow. The name needs no escapes. */
void json_add_name(struct buf *out, const char *name);
void json_add_number(struct buf *out, const char *name, uint64_t n);
void json_add_flag(struct buf *out, const char *name, bool is_true);
/* Each byte that is not part of valid UTF-8 becomes U+FFFD. */
void json_add_member(struct buf *out, const char *name, struct span bytes);

#endif
