/* deaf_client.h - a client that asks for much and reads nothing: podop must take a bounded part of
 * its requests only, and disconnect it in time (reply_timeout, and "Limits" in podop(8)). */
#ifndef SIM_DEAF_CLIENT_H
#define SIM_DEAF_CLIENT_H

#include "actor.h"

void deaf_client(struct actor *actor); /* an act */

#endif
