/* excerpt.h - a line of a configuration file, for a message about it. Pure. Private to src/config.
 */
#ifndef PODOP_CONFIG_EXCERPT_H
#define PODOP_CONFIG_EXCERPT_H

#include "podop/span.h"

/* A line of the text, from 1: without the blanks around it, and cut where it is long. Empty where
 * the line may hold a secret. */
void excerpt_line(struct span text, unsigned line, char *out, size_t size);

#endif
