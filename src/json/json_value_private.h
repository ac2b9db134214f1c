/* json_value_private.h - the steps of an iteration over a container, for json_select.c. */
#ifndef PODOP_JSON_JSON_VALUE_PRIVATE_H
#define PODOP_JSON_JSON_VALUE_PRIVATE_H

#include "podop/json_value.h"

/* Takes the value that *rest begins with, and the white space after it, off the front of *rest. */
struct span json_take(struct span *rest);

/* Moves to the beginning of the next value. Returns false if there is none. *name is as in
 * json_next(). */
bool json_next_begin(struct json_cursor *cursor, struct span *name);

#endif
