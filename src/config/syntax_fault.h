/* syntax_fault.h - what is wrong with the syntax of a text. Private to src/config. */
#ifndef PODOP_CONFIG_SYNTAX_FAULT_H
#define PODOP_CONFIG_SYNTAX_FAULT_H

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

#endif
