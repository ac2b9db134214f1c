/* syntax.h - explains why libconfig refuses a text. libconfig itself reports only "syntax error"
 * and a line, and does not name a duplicate setting. Pure. Private to src/config. */
#ifndef PODOP_CONFIG_SYNTAX_H
#define PODOP_CONFIG_SYNTAX_H

#include "podop/span.h"

#include <limits.h>
#include <stdbool.h>

enum { SYNTAX_HINT_BYTES_MAX = 240 };

/* The first fault in a text. */
struct syntax_fault {
    unsigned line;                    /* the line that is to be changed, from 1 */
    const char *at;                   /* the place in that line */
    char hint[SYNTAX_HINT_BYTES_MAX]; /* "a comma is missing after '}', before the element in" */
    unsigned other_line;              /* a line to append to the hint; 0: none */
    bool must_not_parse; /* there is a string where libconfig's parser does not expect one */
    bool is_duplicate; /* a name is set for the second time, and for the first time in other_line */
};

enum { SYNTAX_ANY_LINE = INT_MAX }; /* before libconfig has looked; duplicates are not found then */

/* Finds the fault that libconfig reported in error_line. Returns false if the text up to that line
 * seems right. */
bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault);

/* Calls joined for each string in a list that follows another string without a comma, because
 * libconfig joins such strings. */
typedef void syntax_joined_fn(void *arg, unsigned line);
void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg);

#endif
