/* protocols.h - the protocols that podop speaks with its clients. A new protocol is one line here:
 * its protocol_ops is protocol_NAME. */
#ifndef PODOP_PROTOCOL_PROTOCOLS_H
#define PODOP_PROTOCOL_PROTOCOLS_H

#include "podop/protocol.h"

/* In the order in which messages name them. */
#define PROTOCOLS(PROTOCOL)                                                                        \
    PROTOCOL(socketmap)                                                                            \
    PROTOCOL(dict)                                                                                 \
    PROTOCOL(control)                                                                              \
    /* a new protocol is a line above this one */

#define PROTOCOL_DECLARE(name) extern const struct protocol_ops protocol_##name;
PROTOCOLS(PROTOCOL_DECLARE)

extern const struct protocol_ops *const protocols[]; /* all of them; a NULL ends it */

#endif
