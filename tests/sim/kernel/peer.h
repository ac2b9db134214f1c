/* peer.h - the world's ends of connections. */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "stream.h"

/* Owns the end. Its ops are set by sim_peer_set(); nothing is read before. */
struct sim_peer *peer_new(struct stream_end *end, const char *name);

#endif
