/* json_items.h - the items of a JSON array of strings, or the members of an object, one at a time,
 * out of a text that comes in pieces: what there is at most in memory is one item. */
#ifndef PODOP_JSON_ITEMS_H
#define PODOP_JSON_ITEMS_H

#include "podop/error.h"
#include "podop/parse.h"
#include "podop/span.h"

enum json_items_phase {
    JSON_ITEMS_START,
    JSON_ITEMS_FIRST, /* behind the opening bracket */
    JSON_ITEMS_ITEM,  /* behind a comma */
    JSON_ITEMS_COMMA, /* behind an item */
    JSON_ITEMS_END,   /* behind the closing bracket: only white space may follow */
};

/* Zeroed at the start. */
struct json_items {
    enum json_items_phase phase;
    bool is_object;
};

/* Takes one item off the front of in: PARSE_DONE with *name, a string with its quotes, and for an
 * object *value, both pointing into in and checked as json_check() does; PARSE_MORE when there is
 * no whole one, or when all is read and phase is JSON_ITEMS_END; PARSE_BAD with the reason in err.
 * *used is how many bytes to drop, whatever is returned. */
enum parse json_items_next(struct json_items *items, struct span in, struct span *name,
                           struct span *value, size_t *used, struct error *err);

#endif
