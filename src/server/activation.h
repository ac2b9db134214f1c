/* activation.h - the listening sockets that systemd made and passed to podop (socket activation),
 * found by the names that their socket units gave them. */
#ifndef PODOP_SERVER_ACTIVATION_H
#define PODOP_SERVER_ACTIVATION_H

#include "podop/log.h"
#include "podop/socket_address.h"

#include <stddef.h>

struct activated {
    int fd;
    char *name;
    bool was_wanted;
};

/* The sockets stay open for the server's life, whether a listener uses them or not, so that one
 * reload can drop a socket and a later one can use it again. */
struct activation {
    struct activated *sockets;
    size_t count;
};

/* Takes all sockets that systemd passed, and removes them from the environment, so that neither a
 * child nor a second server takes them as well. */
void activation_init(struct activation *activation);
void activation_deinit(struct activation *activation); /* closes them; zeroed memory is fine */

/* Fills addresses with all sockets of that name, at most max, each with its descriptor, which is
 * borrowed. Returns their number, which is at least 1, or -1 with ERR_BIND. */
int activation_resolve(struct activation *activation, const char *name,
                       struct socket_address *addresses, int max, struct error *err);

/* Logs one warning with the names of all sockets that no listener has asked for so far. */
void activation_log_unused(const struct activation *activation, struct log *log);

#endif
