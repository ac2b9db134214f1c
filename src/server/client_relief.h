/* client_relief.h - disconnects clients when all of them together have too much unread output. */
#ifndef PODOP_SERVER_CLIENT_RELIEF_H
#define PODOP_SERVER_CLIENT_RELIEF_H

#include "client_memory.h"

extern const struct client_memory_ops client_relief; /* arg: the struct clients */

#endif
