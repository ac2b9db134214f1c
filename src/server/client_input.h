/* client_input.h - reads a client's requests and passes them to its session. */
#ifndef PODOP_SERVER_CLIENT_INPUT_H
#define PODOP_SERVER_CLIENT_INPUT_H

#include "client_state.h"

enum {
    /* A client with more unread output than this is not read further in this wake-up. */
    OUT_BYTES_PER_WAKEUP = 4096,
};

void client_input_init(struct client *client);
/* Reads what has arrived, as far as the session has room for it. Returns false when the connection
 * is broken. */
bool client_input_read(struct client *client);
/* Passes bytes that were read earlier to the session, if it has room again. client->in must not be
 * empty. */
void client_input_feed_kept(struct client *client);
/* Reads and ignores what arrives. Returns false when the client has hung up. */
bool client_input_discard(struct client *client);

/* Reads only what has arrived by now, because podop stops. */
void client_input_read_last(struct client *client);
/* Returns the bytes that have arrived and are not read. */
size_t client_input_arrived_bytes(const struct client *client);
/* Logs why, and reads nothing more: the client gets its answers, then podop hangs up. */
void client_input_refuse(struct client *client, const char *why);

#endif
