/* protocols.h - the protocols that podop speaks with its clients. A new protocol is one line here:
 * its protocol_ops is protocol_NAME. */
#ifndef PODOP_PROTOCOL_PROTOCOLS_H
#define PODOP_PROTOCOL_PROTOCOLS_H

#include "podop/protocol.h"

/* Messages name the protocols in this order. */
#define PROTOCOLS(PROTOCOL)                                                                        \
    PROTOCOL(socketmap)                                                                            \
    PROTOCOL(dict)                                                                                 \
    PROTOCOL(control)                                                                              \
    /* a new protocol is a line above this one */

#define PROTOCOL_DECLARE(name) extern const struct protocol_ops protocol_##name;
PROTOCOLS(PROTOCOL_DECLARE)

extern const struct protocol_ops *const protocols[]; /* all of them; a NULL ends it */

/* Returns the protocol that a listener of this mode speaks with a client that sends this first
 * byte, or NULL when no protocol claims the byte. */
const struct protocol_ops *protocol_find(enum listen_mode mode, char first_byte);
/* Appends "is not socketmap" or "is neither socketmap nor dict", with the protocols of a listener
 * of this mode, for a message about an unknown first byte. */
void protocol_add_refusal(struct buf *text, enum listen_mode mode);

#endif
