/* control_request.h - the grammar of the control socket: a request is a JSON object on one line.
 * Pure functions over bytes. podop(8) describes the commands. */
#ifndef PODOP_PROTOCOL_CONTROL_REQUEST_H
#define PODOP_PROTOCOL_CONTROL_REQUEST_H

#include "podop/buf.h"

enum { CONTROL_LINE_BYTES_MAX = 256 * 1024 };

enum control_command {
    CONTROL_STATS,
    CONTROL_RELOAD,
    CONTROL_EXPLAIN,
    CONTROL_FLUSH,
    CONTROL_UNKNOWN, /* name is not a command */
};

struct control_request {
    enum control_command command;
    struct buf name; /* of the command, as it was written */
    struct buf table, key, user;
    bool has_key, has_user;
};

void control_request_init(struct control_request *request);
void control_request_deinit(struct control_request *request);

/* Parses a line without its line feed. Returns false when it is not a JSON object with a string
 * "command". Other members that are missing, or are not strings, count as absent. */
bool control_request_parse(struct control_request *request, struct span line);

#endif
