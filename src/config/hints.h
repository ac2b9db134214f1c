/* hints.h - what an unknown setting probably means. Pure. Private to src/config. */
#ifndef PODOP_CONFIG_HINTS_H
#define PODOP_CONFIG_HINTS_H

#include "schema.h"

/* Writes a hint in brackets about a name that none of the groups knows, such as " (did you mean
 * 'NAME'?)" or " (it belongs in 'GROUP')", or nothing. */
void hint_write(const struct setting_group *const groups[], size_t count, const char *name,
                char *out, size_t size);

#endif
