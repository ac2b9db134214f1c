/* socket_address.h - where to listen or to connect: "/path", "unix:/path", "HOST:PORT",
 * "[::1]:PORT", "inet:HOST:PORT", and to listen only, "systemd:NAME". */
#ifndef PODOP_SOCKET_ADDRESS_H
#define PODOP_SOCKET_ADDRESS_H

#include "podop/error.h"

#include <sys/socket.h>
#include <sys/un.h>

struct address {
    char text[384]; /* for people: the path, or "[::1]:9100", or "127.0.0.1:9100", or what was
                     * handed over, "systemd:NAME=" and one of these */
    int fd;         /* borrowed: it listens there already; -1: a socket is to be made */
    union {
        struct sockaddr sa;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } u;
    socklen_t len;
};

/* Whether text is spelt as an address; asks nobody. 0, or -1 with ERR_CONFIG. */
int address_check(const char *text, struct error *err);

/* What is behind "systemd:", the name of sockets that systemd hands over, or NULL. */
const char *address_systemd_name(const char *text);

/* The address of a descriptor that was handed over under this name. 0, or -1 with errno. */
int address_of_descriptor(struct address *address, int fd, const char *name);

/* All addresses that text stands for (a host name may have several), at most max. Names are
 * resolved, which may block. The number of them (at least 1), or -1 with ERR_CONFIG or ERR_BIND.
 * "systemd:NAME" stands for none. */
int address_resolve(const char *text, struct address *addresses, int max, struct error *err);

#endif
