/* client_unread.h - watches clients that do not read their answers. A client with unread answers
 * has to read some of them within the reply timeout of its listener. */
#ifndef PODOP_SERVER_CLIENT_UNREAD_H
#define PODOP_SERVER_CLIENT_UNREAD_H

#include "client_state.h"

/* Starts, restarts or stops the deadline. Must be called after each attempt to write to the client.
 * has_progressed: some bytes were written. */
void client_unread_watch(struct client *client, bool has_progressed);
/* Must be called when unread_deadline has passed. Returns true when the client has read some
 * bytes in the meantime, and then waits again. */
bool client_unread_has_read(struct client *client);

/* Logs that the client is disconnected for this reason, and warns once a minute per listener. */
void client_unread_log(const struct client *client, const char *reason);

#endif
