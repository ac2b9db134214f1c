/* client_relief.h - frees memory when all clients together leave too much unread. */
#ifndef PODOP_SERVER_CLIENT_RELIEF_H
#define PODOP_SERVER_CLIENT_RELIEF_H

#include "client_memory.h"

extern const struct client_memory_ops client_relief; /* arg: the struct clients */

#endif
