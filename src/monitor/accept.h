/* accept.h - the header Accept of HTTP (RFC 9110, section 12.5.1). Functions of bytes. */
#ifndef PODOP_MONITOR_ACCEPT_H
#define PODOP_MONITOR_ACCEPT_H

#include "podop/span.h"

struct accept_quality {
    unsigned quality; /* 0: not accepted; 1000: preferred most */
    bool is_named;    /* the type itself is in the header, and not only a range such as text/... */
};

/* Returns what the header says of the media type, by the range in it that fits best. version is
 * the value of the parameter of this name that a range must have if it has one; an empty one: any.
 * Without a header (NULL), everything is accepted. */
struct accept_quality accept_quality(const char *header, struct span type, struct span version);

#endif
