/* idna.h - internationalised host names: in the form of a DNS query, and as parts of keys. */
#ifndef PODOP_MAIL_IDNA_H
#define PODOP_MAIL_IDNA_H

#include "podop/buf.h"
#include "podop/span.h"

enum { IDNA_NAME_BYTES = 254 }; /* 253 and a NUL */

/* Converts text to the form of a DNS query: lower case, A-labels, no dot at the end. It is a host
 * name in UTF-8 or ASCII, in upper or lower case, with or without a dot at the end. U-labels become
 * A-labels by IDNA2008 with the mapping of UTS #46, non-transitional, as in browsers. Returns false
 * when text is not a host name. As in Postfix, a host name consists of letters, digits, '-' and
 * '_', and is an address when its last label has nothing but digits. */
bool idna_of_host(struct span text, char domain[IDNA_NAME_BYTES]);

/* Does the same for the part of key after its last '@', or for the whole key when it has none. */
bool idna_of_key(struct span key, char domain[IDNA_NAME_BYTES]);

enum idna_labels { IDNA_A_LABELS, IDNA_U_LABELS };

/* Appends domain with all its labels as A-labels or as U-labels, in lower case; a dot at its
 * beginning or end stays. Returns false, and appends nothing, if there is nothing to convert:
 * domain is ASCII without A-labels, or it is not a host name, or it has labels that IDNA2008
 * does not allow. */
bool idna_convert(struct span domain, enum idna_labels labels, struct buf *out);

#endif
