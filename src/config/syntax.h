/* syntax.h - explains why libconfig refuses a text. libconfig itself says only "syntax error" and a
 * line, and does not name a duplicate setting. Pure. Private to src/config. */
#ifndef PODOP_CONFIG_SYNTAX_H
#define PODOP_CONFIG_SYNTAX_H

#include "podop/span.h"

#include <limits.h>
#include <stdbool.h>

enum { SYNTAX_HINT_BYTES_MAX = 200 };

/* The first fault in a text. */
struct syntax_fault {
    unsigned line;                    /* from 1 */
    char hint[SYNTAX_HINT_BYTES_MAX]; /* "a comma is missing at the end of" */
    unsigned other_line;              /* the line that completes the hint; 0: none does */
    bool is_string;                   /* a string is where no string may be */
    bool is_duplicate; /* a name is set for the second time, and for the first time in other_line */
};

enum { SYNTAX_ANY_LINE = INT_MAX }; /* before libconfig has looked; duplicates are not found then */

/* Looks for the fault that libconfig found in error_line. false: the text up to there seems right.
 */
bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault);

/* Finds the strings in lists that follow another string without a comma: libconfig joins them. */
typedef void syntax_joined_fn(void *arg, unsigned line);
void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg);

#endif
