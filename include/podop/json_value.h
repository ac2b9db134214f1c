/* json_value.h - reads JSON (RFC 8259) without converting it: text is checked once, and its values
 * are spans of that text. So numbers and strings reach the other side as they were written. */
#ifndef PODOP_JSON_VALUE_H
#define PODOP_JSON_VALUE_H

#include "podop/buf.h"
#include "podop/error.h"

/* Checks that text is one JSON value, with at most white space around it, in valid UTF-8 and
 * without lone surrogates. Returns 0, or -1 with ERR_INPUT, the fault, and its line and column. */
int json_check(struct span text, struct error *err);

/* Returns the length in bytes of the value that s begins with, or 0 when its end is missing. Checks
 * no syntax: invalid JSON has a length, too. */
size_t json_extent(struct span s);

/* Appends text, which is valid UTF-8, as a JSON string in quotes. */
void json_add_string(struct buf *out, struct span text);

/* The same for any bytes: each byte that is not part of valid UTF-8 becomes U+FFFD. */
void json_add_bytes(struct buf *out, struct span bytes);

/* The functions below expect text that json_check() accepted, or a part of it. Their results point
 * into it. */

enum json_kind { JSON_NULL, JSON_STRING, JSON_SCALAR, JSON_ARRAY, JSON_OBJECT };
enum json_kind json_kind(struct span text); /* JSON_SCALAR: a number, true or false */

/* Iterates over the members of an object or the items of an array. */
struct json_cursor {
    struct span rest;
    bool is_object;
};
struct json_cursor json_walk(struct span container);
/* Returns false at the end. *name is a string with its quotes, and is set for objects only. */
bool json_next(struct json_cursor *cursor, struct span *name, struct span *value);

/* Appends the characters of a string. */
void json_add_text(struct buf *out, struct span string);
/* Appends a value without the white space around its tokens. */
void json_add_compact(struct buf *out, struct span value);

/* Reduces *value to the part that the JSON pointer (RFC 6901) refers to. Returns false when there
 * is no such part. */
bool json_select(struct span *value, struct span pointer);
/* Takes the first token off a pointer that is not empty, if it leads to the member of an object
 * with this name, a string with its quotes. Returns false, and changes nothing, if not. */
bool json_pointer_enters(struct span *pointer, struct span name);

#endif
