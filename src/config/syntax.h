/* syntax.h - explains why libconfig refuses a text. libconfig itself reports only "syntax error"
 * and a line, and does not name a duplicate setting. Pure. Private to src/config. */
#ifndef PODOP_CONFIG_SYNTAX_H
#define PODOP_CONFIG_SYNTAX_H

#include "syntax_fault.h"

#include "podop/span.h"

#include <limits.h>
#include <stdbool.h>

enum { SYNTAX_ANY_LINE = INT_MAX }; /* before libconfig has looked; duplicates are not found then */

/* Finds the fault that libconfig reported in error_line. Returns false if the text up to that line
 * seems right. */
bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault);

/* Calls joined for each string in a list that follows another string without a comma, because
 * libconfig joins such strings. */
typedef void syntax_joined_fn(void *arg, unsigned line);
void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg);

#endif
