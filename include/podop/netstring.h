/* netstring.h - "<decimal length>:<payload>,", the framing of Postfix's socketmap protocol (Postfix
 * 3.7.11 and 3.10.13, src/util/netstring.c). */
#ifndef PODOP_NETSTRING_H
#define PODOP_NETSTRING_H

#include "podop/buf.h"
#include "podop/parse.h"

/* Takes one netstring with a payload of at most max bytes off the front of in. PARSE_DONE: *payload
 * points into in, and *used is the number of bytes taken. PARSE_BAD: the length is missing, above
 * max or longer than ten digits, or the terminator is wrong. Leading zeros are accepted. */
enum parse netstring_parse(struct span in, size_t max, struct span *payload, size_t *used);

/* A netstring that is too long to be kept: its bytes are thrown away as they arrive.
 * Zero-initialised: there is none. */
struct netstring_discard {
    bool is_under_way;
    size_t left; /* bytes of the payload that are still to come */
};

/* Begins with a netstring whose payload is longer than max, and sets *used to the bytes before its
 * payload. PARSE_MORE: its length is not complete. PARSE_BAD: in is not the beginning of one. */
enum parse netstring_discard_begin(struct netstring_discard *discard, struct span in, size_t max,
                                   size_t *used);
/* Throws away *used bytes of in. PARSE_DONE: that was the rest, with its terminator. PARSE_MORE: it
 * was all of in. PARSE_BAD: the terminator is wrong. */
enum parse netstring_discard(struct netstring_discard *discard, struct span in, size_t *used);

/* Appends a netstring whose payload is word and then text. */
void netstring_add(struct buf *out, struct span word, struct span text);

#endif
