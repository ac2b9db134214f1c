/* shown_text.h - text of the configuration as it may be shown: of a URL only its scheme and host,
 * because the rest may have a password or a token. Pure. */
#ifndef PODOP_MONITOR_SHOWN_TEXT_H
#define PODOP_MONITOR_SHOWN_TEXT_H

#include "podop/span.h"

/* Writes text, of which each URL is cut after its host, as a C string of at most size bytes with
 * its NUL. Text that does not fit is cut between two characters. */
void shown_text_print(struct span text, char *out, size_t size);

#endif
