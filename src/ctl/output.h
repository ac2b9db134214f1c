/* output.h - what podopctl prints: values for people and scripts, or JSON lines. Private to
 * podopctl. */
#ifndef PODOP_CTL_OUTPUT_H
#define PODOP_CTL_OUTPUT_H

#include "status.h"

#include "podop/buf.h"
#include "podop/error.h"
#include "podop/reply.h"

/* What is printed of a key that was found, unless it is JSON. */
enum output_shape {
    OUTPUT_NOTHING, /* it was written; a miss is told, then */
    OUTPUT_VALUE,   /* as it is */
    OUTPUT_KEYS,    /* escaped, one a line */
    OUTPUT_PAIRS,   /* the same, with tab and value */
};

struct output {
    const char *table, *user; /* borrowed; user may be NULL */
    enum output_shape shape;
    bool is_json;
    bool names_keys;         /* in messages: there may be several */
    enum exit_status status; /* of all that was printed so far */
};

/* text is the value, or the reason of a failure, which goes to standard error unless it is JSON. */
void output_answer(struct output *output, struct span key, enum reply_status status,
                   struct span text);

/* So that a line is one answer and a tab ends the key, whatever is in them: backslash, NUL, tab,
 * line feed and carriage return as escapes. */
void output_add_escaped(struct buf *line, struct span text);

/* What was printed leaves now: 0, or -1 when it cannot. */
int output_flush(struct error *err);

/* "podopctl: TEXT" on standard error; returns status. */
enum exit_status output_fault(const struct error *err, enum exit_status status);

#endif
