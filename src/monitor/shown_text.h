/* shown_text.h - faults and warnings of the configuration as they may be shown: no value, because
 * it may be a secret or a key, and of a URL only its scheme and host. Pure. */
#ifndef PODOP_MONITOR_SHOWN_TEXT_H
#define PODOP_MONITOR_SHOWN_TEXT_H

#include "podop/span.h"

/* Writes text as a C string of at most size bytes with its NUL. Each URL is cut after its host. A
 * quotation in double marks, and one in single marks that may be a path, a query or a URL without
 * "://", becomes "...". Text that does not fit is cut between two characters. */
void shown_text_print(struct span text, char *out, size_t size);

#endif
