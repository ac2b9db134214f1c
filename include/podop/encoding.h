/* encoding.h - recognises texts that are not in plain UTF-8. Pure. */
#ifndef PODOP_ENCODING_H
#define PODOP_ENCODING_H

#include "podop/span.h"

/* Returns text without the byte order mark that some editors write before UTF-8. */
struct span encoding_skip_mark(struct span text);

/* Returns "UTF-16" or "UTF-32" if text, which begins with a character of ASCII, is in one of them;
 * else NULL. */
const char *encoding_foreign(struct span text);

#endif
