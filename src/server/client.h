/* client.h - one connection: moves bytes between a descriptor and a protocol's session, and knows
 * no protocol by name. */
#ifndef PODOP_SERVER_CLIENT_H
#define PODOP_SERVER_CLIENT_H

#include "client_state.h"

/* Adds a client of listener to clients. fd is taken. */
void client_new(struct clients *clients, struct listener *listener, int fd);
void client_free(struct client **client); /* hangs up; *client becomes NULL */

/* Passes bytes that were read earlier to the session, and writes its answers. May free the client.
 */
void client_serve(struct client *client);
/* Logs the reason and hangs up on a client that does not read. */
void client_disconnect(struct client **client, const char *reason);

#endif
