/* json_reply.h - the reply of a lookup whose answer is JSON. */
#ifndef PODOP_TABLE_JSON_REPLY_H
#define PODOP_TABLE_JSON_REPLY_H

#include "podop/buf.h"
#include "podop/reply.h"

/* Makes the reply of a lookup that found value: null is a miss; false is an empty value for maps;
 * an array of scalars is a list, which leaves null and false out for maps; an object or a nested
 * array is its compact text. The reply points into value where it can, else into scratch. */
void json_reply(struct span value, struct buf *scratch, struct reply *reply);

/* Does the same for a text that is a string without escapes; it is faster, and needs no
 * json_check(). Returns false for any other text. */
bool json_reply_plain(struct span text, struct reply *reply);

#endif
