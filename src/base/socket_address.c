#include "podop/socket_address.h"

#include "podop/mem.h"
#include "podop/span.h"
#include "podop/systemd.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATH_BYTES_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1,
    NAME_BYTES_MAX = 255, /* systemd.socket(5), FileDescriptorName= */
};

/* The parts of "HOST:PORT" or "[HOST]:PORT". */
struct host_port {
    char host[256]; /* a DNS name has at most 253 */
    char port[6];
};

enum socket_kind socket_address_kind(const char *text, const char **bare)
{
    static const struct {
        const char *prefix;
        enum socket_kind kind;
    } prefixes[] = {{"unix:", SOCKET_PATH}, {"inet:", SOCKET_HOST}, {"systemd:", SOCKET_SYSTEMD}};

    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        size_t len = strlen(prefixes[i].prefix);

        if (strncmp(text, prefixes[i].prefix, len) == 0) {
            *bare = text + len;
            return prefixes[i].kind;
        }
    }
    *bare = text;
    return text[0] == '/' ? SOCKET_PATH : SOCKET_HOST;
}

static int check_path(const char *path, struct error *err)
{
    if (path[0] != '/')
        return error_set(err, ERR_CONFIG, "'unix:%s': the path of a socket must begin with '/'",
                         path);
    if (strlen(path) > PATH_BYTES_MAX)
        return error_set(err, ERR_CONFIG, "'%s' is too long for a socket: %zu bytes, at most %d",
                         path, strlen(path), PATH_BYTES_MAX);
    if (path[strlen(path) - 1] == '/')
        return error_set(err, ERR_CONFIG, "'%s' is a directory, not the path of a socket", path);
    return 0;
}

/* Splits host, which is text without its prefix. */
static int split_host_port(const char *text, const char *host, struct host_port *to,
                           struct error *err)
{
    const char *colon = strrchr(host, ':');
    size_t len = colon == NULL ? 0 : (size_t)(colon - host);
    bool is_bracketed = len >= 2 && host[0] == '[' && host[len - 1] == ']';
    char *end;
    unsigned long port;

    if (colon == NULL)
        return error_set(err, ERR_CONFIG,
                         "invalid address '%s': expected /PATH, HOST:PORT or [IPV6]:PORT", text);
    if (is_bracketed) {
        host++;
        len -= 2;
    } else if (memchr(host, ':', len) != NULL) {
        return error_set(err, ERR_CONFIG, "'%s': write an IPv6 address as [ADDRESS]:PORT", text);
    }
    if (len == 0 || len >= sizeof(to->host))
        return error_set(err, ERR_CONFIG, "invalid address '%s': the host is missing or too long",
                         text);
    port = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end != '\0' || port == 0 || port > 65535)
        return error_set(err, ERR_CONFIG,
                         "invalid address '%s': the port must be a number from 1 to 65535", text);
    memcpy(to->host, host, len);
    to->host[len] = '\0';
    snprintf(to->port, sizeof(to->port), "%u", (unsigned)port & 0xffff);
    return 0;
}

/* systemd.socket(5), FileDescriptorName=: ASCII without control characters and ':'. */
static int check_systemd_name(const char *name, struct error *err)
{
    if (!systemd_is_built_in())
        return error_set(err, ERR_CONFIG, "'systemd:%s': this podop was built without libsystemd",
                         name);
    if (name[0] == '\0' || strlen(name) > NAME_BYTES_MAX)
        return error_set(err, ERR_CONFIG,
                         "'systemd:%s': the name of a socket must have 1 to %d bytes", name,
                         NAME_BYTES_MAX);
    for (const char *c = name; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == ':')
            return error_set(err, ERR_CONFIG,
                             "'systemd:%s': the name of a socket must be ASCII without ':'", name);
    }
    return 0;
}

int socket_address_check(const char *text, struct error *err)
{
    struct host_port ignored;
    const char *bare;

    switch (socket_address_kind(text, &bare)) {
    case SOCKET_SYSTEMD: return check_systemd_name(bare, err);
    case SOCKET_PATH: return check_path(bare, err);
    case SOCKET_HOST: break;
    }
    return split_host_port(text, bare, &ignored, err);
}

static void describe(struct socket_address *a)
{
    char host[INET6_ADDRSTRLEN] = "";
    char port[6] = "";

    getnameinfo(&a->u.sa, a->len, host, sizeof(host), port, sizeof(port),
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(a->text, sizeof(a->text), a->u.sa.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
             port);
}

int socket_address_of_descriptor(struct socket_address *address, int fd, const char *name)
{
    struct socket_address at = {.len = sizeof(at.u)};

    if (getsockname(fd, &at.u.sa, &at.len) == -1)
        return -1;
    if (at.u.sa.sa_family != AF_UNIX)
        describe(&at);
    else if (at.u.un.sun_path[0] != '\0')
        snprintf(at.text, sizeof(at.text), "%.*s", PATH_BYTES_MAX, at.u.un.sun_path);
    else /* an abstract socket address */
        snprintf(at.text, sizeof(at.text), "@%.*s", PATH_BYTES_MAX - 1, at.u.un.sun_path + 1);
    *address = at;
    address->fd = fd;
    snprintf(address->text, sizeof(address->text), "systemd:%.*s=%.*s", NAME_BYTES_MAX, name,
             PATH_BYTES_MAX + 1, at.text);
    return 0;
}

static int resolve_host(const char *text, const char *bare, struct socket_address *addresses,
                        int max, struct error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    struct host_port at;
    int count = 0;
    int code;

    if (split_host_port(text, bare, &at, err) == -1)
        return -1;
    code = getaddrinfo(at.host, at.port, &hints, &found);
    if (code != 0)
        return error_set(err, ERR_BIND, "'%s': %s", text, gai_strerror(code));
    for (struct addrinfo *ai = found; ai != NULL && count < max; ai = ai->ai_next) {
        struct socket_address *a = &addresses[count++];

        memset(a, 0, sizeof(*a));
        memcpy(&a->u, ai->ai_addr, ai->ai_addrlen);
        a->len = ai->ai_addrlen;
        a->fd = -1;
        describe(a);
    }
    freeaddrinfo(found);
    return count;
}

int socket_address_resolve(const char *text, struct socket_address *addresses, int max,
                           struct error *err)
{
    const char *bare;
    const enum socket_kind kind = socket_address_kind(text, &bare);

    if (kind == SOCKET_SYSTEMD)
        return error_set(
            err, ERR_CONFIG,
            "'%s' is a socket that systemd passes to podop; podopctl cannot connect to it", text);
    if (kind == SOCKET_HOST)
        return resolve_host(text, bare, addresses, max, err);
    if (check_path(bare, err) == -1)
        return -1;
    memset(addresses, 0, sizeof(*addresses));
    addresses->u.un.sun_family = AF_UNIX;
    memcpy(addresses->u.un.sun_path, bare, strlen(bare));
    addresses->len = sizeof(addresses->u.un);
    addresses->fd = -1;
    snprintf(addresses->text, sizeof(addresses->text), "%s", bare);
    return 1;
}
