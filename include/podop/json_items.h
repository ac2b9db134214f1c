/* json_items.h - takes the items of a JSON array of strings, or the members of a JSON object, one
 * at a time out of a text that arrives in pieces. No more than one item has to be in memory. */
#ifndef PODOP_JSON_ITEMS_H
#define PODOP_JSON_ITEMS_H

#include "podop/error.h"
#include "podop/parse.h"
#include "podop/span.h"

enum json_items_phase {
    JSON_ITEMS_START, /* a byte order mark may come */
    JSON_ITEMS_OPEN,  /* after a byte order mark */
    JSON_ITEMS_FIRST, /* after the opening bracket */
    JSON_ITEMS_ITEM,  /* after a comma */
    JSON_ITEMS_COMMA, /* after an item */
    JSON_ITEMS_END,   /* after the closing bracket: only white space may follow */
};

/* Zeroed at the start. */
struct json_items {
    enum json_items_phase phase;
    bool is_object;
};

/* Takes one item off the front of in. PARSE_DONE: *name is a string with its quotes, and for an
 * object *value its value; both point into in, and json_check() accepts them. PARSE_MORE: there is
 * no whole item, or all is read and phase is JSON_ITEMS_END. PARSE_BAD: the reason is in err. In
 * every case *used is how many bytes to drop. */
enum parse json_items_next(struct json_items *items, struct span in, struct span *name,
                           struct span *value, size_t *used, struct error *err);

#endif
