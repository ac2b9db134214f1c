/* activation.h - the listening sockets that systemd made and handed over (socket activation), by
 * the names that their socket units gave them. */
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

/* They stay open for the server's life, whether a listener uses them or not, so that a reload can
 * let go of one and take it up again. */
struct activation {
    struct activated *sockets;
    size_t count;
};

/* Takes what there is; the environment tells nobody else of it. */
void activation_init(struct activation *activation);
void activation_deinit(struct activation *activation); /* closes them; zeroed memory is fine */

/* The addresses of all sockets of that name, at most max, each with its descriptor, which is
 * borrowed. The number of them (at least 1), or -1 with ERR_BIND. */
int activation_resolve(struct activation *activation, const char *name,
                       struct socket_address *addresses, int max, struct error *err);

/* One warning that names those that nobody has asked for so far. */
void activation_tell_unused(const struct activation *activation, struct log *log);

#endif
