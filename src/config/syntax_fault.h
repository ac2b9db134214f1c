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
    /* libconfig's parser may meet a string where it does not expect one: there is one, or a word
     * such as 4a, which is a number and a name for libconfig, so that it goes on after the fault */
    bool must_not_parse;
    bool is_duplicate; /* a name is set for the second time, and for the first time in other_line */
};

#endif
