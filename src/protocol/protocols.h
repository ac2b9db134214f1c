/* protocols.h - the protocols that podop speaks with its clients. */
#ifndef PODOP_PROTOCOL_PROTOCOLS_H
#define PODOP_PROTOCOL_PROTOCOLS_H

#include "podop/protocol.h"

extern const struct protocol_ops protocol_control;
extern const struct protocol_ops protocol_dict;
extern const struct protocol_ops protocol_socketmap;

extern const struct protocol_ops *const protocols[]; /* all of them; a NULL ends it */

#endif
