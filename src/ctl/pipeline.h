/* pipeline.h - sends a query for each key over one connection, without waiting for the answer to
 * the one before, and prints the answers in the order of the keys. Private to podopctl. */
#ifndef PODOP_CTL_PIPELINE_H
#define PODOP_CTL_PIPELINE_H

#include "client_protocol.h"
#include "keys.h"
#include "options.h"
#include "output.h"

/* Runs query for each of keys (query->key is overwritten) and prints the answers. Memory is bounded
 * for any number of keys. Nothing is sent a second time after a failure. */
enum exit_status pipeline_run(const struct options *options, struct query *query, struct keys *keys,
                              struct output *output);

/* Returns the protocol that the options and the operation select. */
const struct client_protocol *client_protocol_for(const struct options *options,
                                                  enum operation operation);

#endif
