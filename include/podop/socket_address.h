/* socket_address.h - where to listen or to connect: "/path", "unix:/path", "HOST:PORT",
 * "[::1]:PORT", "inet:HOST:PORT", and to listen only, "systemd:NAME". */
#ifndef PODOP_SOCKET_ADDRESS_H
#define PODOP_SOCKET_ADDRESS_H

#include "podop/error.h"

#include <sys/socket.h>
#include <sys/un.h>

struct socket_address {
    char text[384]; /* for messages: the path, "[::1]:9100" or "127.0.0.1:9100"; with a socket of
                     * systemd, "systemd:NAME=" and one of these */
    union {
        struct sockaddr sa;
        struct sockaddr_un un;
        struct sockaddr_storage storage;
    } u;
    socklen_t len;
    int fd; /* borrowed: a socket that listens already; -1: none */
};

/* What socket_address_resolve() returned for a host name. */
enum { SOCKET_ADDRESSES_MAX = 16 };
struct socket_addresses {
    int count; /* -1: failure says why */
    struct error failure;
    struct socket_address at[SOCKET_ADDRESSES_MAX];
};

enum socket_kind { SOCKET_PATH, SOCKET_HOST, SOCKET_SYSTEMD };

/* Returns which kind of socket text names, by its first bytes alone, and stores where its path,
 * "HOST:PORT" or name begins, after a prefix such as "unix:". */
enum socket_kind socket_address_kind(const char *text, const char **bare);

/* Checks the syntax of text without resolving names. Returns 0, or -1 with ERR_CONFIG. */
int socket_address_check(const char *text, struct error *err);

/* Fills address for a descriptor that systemd passed under name. Returns 0, or -1 with errno. */
int socket_address_of_descriptor(struct socket_address *address, int fd, const char *name);

/* Fills at most max addresses for text; a host name may have several. Resolves names, which may
 * block. Returns the number of addresses, at least 1, or -1 with ERR_CONFIG or ERR_BIND.
 * "systemd:NAME" is an error. */
int socket_address_resolve(const char *text, struct socket_address *addresses, int max,
                           struct error *err);

#endif
