/* server_reload.h - replaces the configuration of a running server. */
#ifndef PODOP_SERVER_SERVER_RELOAD_H
#define PODOP_SERVER_SERVER_RELOAD_H

#include "reloads.h"

extern const struct reloads_ops server_reload_ops; /* arg: the struct server */

#endif
