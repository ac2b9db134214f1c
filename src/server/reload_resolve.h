/* reload_resolve.h - resolves the host names of sockets that a reload adds. Private to src/server.
 */
#ifndef PODOP_SERVER_RELOAD_RESOLVE_H
#define PODOP_SERVER_RELOAD_RESOLVE_H

struct config;

/* Resolves the host names of those sockets of config that previous (may be NULL) does not have, and
 * keeps addresses and failures in config. The others are open already. May block, and reads only
 * settings: for the thread of a reload. */
void reload_resolve(struct config *config, const struct config *previous);

#endif
