/* shell_words.h - splits a command line into words as a shell would, without running a shell. */
#ifndef PODOP_SHELL_WORDS_H
#define PODOP_SHELL_WORDS_H

#include "podop/error.h"

#include <stddef.h>

struct shell_words {
    char **items; /* NULL after the last */
    size_t count;
};

/* Handles 'single quotes', "double quotes" and backslashes as sh(1) does. An unquoted character
 * that has a meaning for a shell, such as $, | or >, is an error. Returns 0 with at least one word,
 * or -1 with ERR_CONFIG and empty words. */
int shell_words_split(struct shell_words *words, const char *line, struct error *err);
void shell_words_free(struct shell_words *words); /* leaves words empty; zeroed words are allowed */

#endif
