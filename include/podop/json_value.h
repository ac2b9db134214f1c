/* json_value.h - JSON as the text that it came as (RFC 8259): checked once, then cut into pieces of
 * its source, so that numbers and strings reach the other side as they were written. */
#ifndef PODOP_JSON_VALUE_H
#define PODOP_JSON_VALUE_H

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/reply.h"

/* 0 when text is one JSON value in valid UTF-8 without lone surrogates, with white space around it
 * at most; else -1 with ERR_INPUT: what is wrong, in which line and column. */
int json_check(struct span text, struct error *err);

/* How many bytes the value is long that s begins with; 0 when its end is not there yet. What is no
 * JSON has some length, too: json_check() judges. */
size_t json_extent(struct span s);

/* text as a JSON string, in quotes; text is valid UTF-8. */
void json_add_string(struct buf *out, struct span text);

/* The same of bytes that may be anything: each that is no UTF-8 becomes U+FFFD. */
void json_add_bytes(struct buf *out, struct span bytes);

/* All that follows expects text that json_check() passed, or a part of it. Parts point into it. */

enum json_kind { JSON_NULL, JSON_STRING, JSON_SCALAR, JSON_ARRAY, JSON_OBJECT };
enum json_kind json_kind(struct span text); /* JSON_SCALAR: a number, true or false */

/* A walk over the members of an object or the items of an array. */
struct json_cursor {
    struct span rest;
    bool is_object;
};
struct json_cursor json_walk(struct span container);
/* false at the end. *name is a string with its quotes, for objects only. */
bool json_next(struct json_cursor *cursor, struct span *name, struct span *value);

void json_add_text(struct buf *out, struct span string);   /* a string, decoded */
void json_add_compact(struct buf *out, struct span value); /* without white space around tokens */

/* RFC 6901: the part of value that pointer leads to; false when it leads nowhere. */
bool json_select(struct span *value, struct span pointer);

/* What a lookup that found value answers: null is a miss; an array of scalars is a list, whose
 * nulls are left out for maps; an object or a nested array is its compact text. The reply points
 * into value where it can, else into scratch. */
void json_reply(struct span value, struct buf *scratch, struct reply *reply);

/* The same, and quick, for a text that is nothing but a string without escapes; false: it is not.
 */
bool json_reply_plain(struct span text, struct reply *reply);

#endif
