/* output.h - prints answers and errors, as text or as one JSON object a line. Private to podopctl.
 */
#ifndef PODOP_CTL_OUTPUT_H
#define PODOP_CTL_OUTPUT_H

#include "status.h"

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/reply.h"

/* What is printed for a success, unless the output is JSON. */
enum output_shape {
    OUTPUT_NOTHING, /* for writes, where a miss is an error */
    OUTPUT_VALUE,   /* the value, unchanged */
    OUTPUT_KEYS,    /* the escaped key */
    OUTPUT_PAIRS,   /* the escaped key, a tab and the escaped value */
};

struct output {
    const char *table, *user; /* borrowed; user may be NULL */
    enum output_shape shape;
    bool is_json;
    bool names_keys;         /* messages name the key, because there may be several */
    enum exit_status status; /* the worst so far */
};

/* Prints one answer. text is the value, or the reason of a failure. Failures go to standard error
 * unless the output is JSON. */
void output_answer(struct output *output, struct span key, enum reply_status status,
                   struct span text);

/* Appends text with backslash, NUL, tab, line feed and carriage return as escapes, so that a line
 * is always one answer and a tab always ends a key. */
void output_add_escaped(struct buf *line, struct span text);

/* Flushes standard output. Returns 0, or -1 if any of it could not be written. */
int output_flush(struct error *err);

/* Prints "podopctl: TEXT" on standard error. Returns status. */
enum exit_status output_fault(const struct error *err, enum exit_status status);
/* Prints "podopctl: TEXT" and a hint at --help on standard error. Returns EXIT_USAGE. */
enum exit_status output_usage(const char *text);

#endif
