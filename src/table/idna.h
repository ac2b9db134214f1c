/* idna.h - the host name in a key, as DNS is asked for it: lower case, A-labels, no dot at the
 * end. */
#ifndef PODOP_TABLE_IDNA_H
#define PODOP_TABLE_IDNA_H

#include "podop/span.h"

enum { IDNA_NAME_BYTES = 254 }; /* 253 and a NUL */

/* text is a host name: UTF-8 or ASCII, upper or lower case, with a dot at the end or without.
 * U-labels become A-labels by IDNA2008 with the mapping of UTS #46, non-transitional, as browsers
 * do it. false: it is none. Letters, digits, '-' and '_' are what a host name has in Postfix, too;
 * a last label of digits alone makes it an address, and no name. */
bool idna_of_host(struct span text, char domain[IDNA_NAME_BYTES]);

/* The same of what is behind the last '@', or of the whole key where there is none. */
bool idna_of_key(struct span key, char domain[IDNA_NAME_BYTES]);

#endif
