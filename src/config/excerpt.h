/* excerpt.h - a line of a configuration file, to be shown in a message. Pure. Private to
 * src/config. */
#ifndef PODOP_CONFIG_EXCERPT_H
#define PODOP_CONFIG_EXCERPT_H

#include "podop/span.h"

#include <stdbool.h>

/* Writes a line of the text, counted from 1, without the blanks around it. Of a long line, writes
 * the part around at, or the beginning if at is NULL. Writes nothing when the line may hold a
 * secret. */
void excerpt_line(struct span text, unsigned line, const char *at, char *out, size_t size);

/* Returns whether the line of the text around at may hold a secret. */
bool excerpt_may_hold_secret(struct span text, const char *at);

#endif
