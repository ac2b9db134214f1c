/* syntax.h - what a text that libconfig refuses lacks, in words: libconfig itself says "syntax
 * error" and a line, and names no setting that is there twice. Pure. Private to src/config. */
#ifndef PODOP_CONFIG_SYNTAX_H
#define PODOP_CONFIG_SYNTAX_H

#include "podop/span.h"

#include <limits.h>
#include <stdbool.h>

enum { SYNTAX_HINT_BYTES_MAX = 200 };

/* The first fault of a text. */
struct syntax_fault {
    unsigned line;                    /* from 1 */
    char hint[SYNTAX_HINT_BYTES_MAX]; /* "a comma is missing after" */
    unsigned other_line;              /* that the hint ends with; 0: it is complete */
    bool is_string;                   /* it is a string that no grammar lets stand there */
    bool is_duplicate;                /* a name is there twice: other_line is the first of them */
};

enum { SYNTAX_ANY_LINE = INT_MAX }; /* for a look before libconfig's; it does not see duplicates */

/* Looks for the fault that libconfig found in error_line. false: the text seems right up to there.
 */
bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault);

/* A string in a list that follows another without a comma: libconfig joins them. */
typedef void syntax_joined_fn(void *arg, unsigned line);
void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg);

#endif
