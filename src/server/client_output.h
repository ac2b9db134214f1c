/* client_output.h - writes answers to a client. An idle client has no output buffer: it borrows one
 * from the time when a request is read until the answers are written. */
#ifndef PODOP_SERVER_CLIENT_OUTPUT_H
#define PODOP_SERVER_CLIENT_OUTPUT_H

#include "client_state.h"

/* Sets up out without memory. The first answer of the session may allocate it. */
void client_output_init(struct client *client);
/* Lends the client a spare buffer, if it has none. Called before podop reads from the client. */
void client_output_prepare(struct client *client);
/* Takes the buffer back from a client whose out is empty. */
void client_output_release(struct client *client);
/* Writes what the kernel takes, and releases the buffer when all is written. Returns false when the
 * connection is broken. */
bool client_output_flush(struct client *client);

void client_output_free_spares(struct clients *clients);

#endif
