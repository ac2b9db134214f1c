/* shell_words.h - a command line cut into words as a shell would cut it, and no shell is run. */
#ifndef PODOP_SHELL_WORDS_H
#define PODOP_SHELL_WORDS_H

#include "podop/error.h"

#include <stddef.h>

struct shell_words {
    char **items; /* NULL behind the last */
    size_t count;
};

/* 'single quotes', "double quotes" and backslashes as in sh(1). What a shell would act upon, such
 * as $, | or >, is a fault where it is not quoted. 0 with at least one word; else -1 with
 * ERR_CONFIG, and words is empty. */
int shell_words_split(struct shell_words *words, const char *line, struct error *err);
void shell_words_free(struct shell_words *words); /* words is empty then; one of zeroes is fine */

#endif
