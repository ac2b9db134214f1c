/* replies.h - decodes what a channel has received. Private to podopctl. */
#ifndef PODOP_CTL_REPLIES_H
#define PODOP_CTL_REPLIES_H

#include "channel.h"
#include "client_protocol.h"

/* Handles one reply, which is borrowed. Returns false if the reply makes no sense now. */
typedef bool reply_fn(void *arg, const struct decoded_reply *reply);

/* Decodes all complete replies that channel has received, calls take for each, and drops their
 * bytes. Returns 0, or -1 if the peer violates the protocol. */
int replies_decode(struct channel *channel, const struct client_protocol *protocol,
                   enum operation operation, struct buf *scratch, reply_fn *take, void *arg,
                   struct error *err);

#endif
