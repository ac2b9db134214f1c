/* same_text.h - compares two settings that may be unset. */
#ifndef PODOP_SERVER_SAME_TEXT_H
#define PODOP_SERVER_SAME_TEXT_H

#include <stdbool.h>
#include <string.h>

/* Returns whether a and b are the same text. NULL equals only NULL. */
static inline bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

#endif
