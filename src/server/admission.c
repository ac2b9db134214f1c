#include "admission.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { PEER_TEXT_BYTES = 120 };

/* A client as the kernel describes it. */
struct client_peer {
    struct allow_peer peer;
    gid_t *groups; /* peer.groups */
    pid_t pid;     /* on a unix socket */
};

/* Reads the supplementary groups that the client had when it connected. A system that does not know
 * them (Linux before 4.13, emulations) leaves the client with its own group. */
static void read_groups(struct client_peer *client, int fd)
{
    gid_t none;
    socklen_t len = 0;
    int status = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, &none, &len);

    if (status == -1 && errno == ERANGE) { /* len is what they need */
        client->groups = xmalloc(len);
        status = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, client->groups, &len);
    }
    client->peer.groups = client->groups;
    client->peer.group_count = status == -1 ? 0 : len / sizeof(gid_t);
}

static int read_credentials(struct client_peer *client, int fd)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == -1)
        return -1;
    client->peer.is_unix = true;
    client->peer.uid = who.uid;
    client->peer.gid = who.gid;
    client->pid = who.pid;
    read_groups(client, fd);
    return 0;
}

static void set_address(struct endpoint *to, const struct sockaddr_storage *from)
{
    const struct sockaddr_in *in = (const void *)from;
    const struct sockaddr_in6 *in6 = (const void *)from;

    to->is_ipv6 = from->ss_family == AF_INET6;
    if (to->is_ipv6)
        memcpy(to->bytes, &in6->sin6_addr, sizeof(in6->sin6_addr));
    else
        memcpy(to->bytes, &in->sin_addr, sizeof(in->sin_addr));
    endpoint_unmap(to);
}

/* Returns 0, or -1 with errno when the client cannot be described, because it is gone already. */
static int read_peer(struct client_peer *client, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (getpeername(fd, (struct sockaddr *)&address, &len) == -1)
        return -1;
    if (address.ss_family == AF_UNIX)
        return read_credentials(client, fd);
    set_address(&client->peer.address, &address);
    return 0;
}

/* Writes "uid 33, gid 33, pid 4711" or the address. Numbers, because a search for the name could
 * block. */
static void describe(const struct client_peer *client, char text[PEER_TEXT_BYTES])
{
    char address[ENDPOINT_TEXT_BYTES];

    if (client->peer.is_unix)
        snprintf(text, PEER_TEXT_BYTES, "uid %u, gid %u, pid %d", (unsigned)client->peer.uid,
                 (unsigned)client->peer.gid, (int)client->pid);
    else
        snprintf(text, PEER_TEXT_BYTES, "%s", endpoint_print(&client->peer.address, address));
}

static void log_refused(struct admission *admission, const char *socket, const char *peer,
                        struct log *log)
{
    admission->refused++;
    if (rate_limit_allows(&admission->limit, clock_now_ms(), LOG_INTERVAL_MS))
        log_warning(log, "client_not_allowed", LOG_STR("socket", socket), LOG_STR("peer", peer),
                    LOG_UINT("count", admission->refused));
}

bool admission_check(struct admission *admission, const struct listen_config *listen, int fd,
                     const char *socket, struct log *log)
{
    struct client_peer client = {0};
    char text[PEER_TEXT_BYTES];
    bool is_allowed;

    if (!listen->allowed.is_limited)
        return true;
    if (read_peer(&client, fd) == -1) {
        snprintf(text, sizeof(text), "unknown: %s", strerror(errno));
        is_allowed = false;
    } else {
        describe(&client, text);
        is_allowed = allow_has(&listen->allowed, &client.peer);
    }
    if (!is_allowed)
        log_refused(admission, socket, text, log);
    free(client.groups);
    return is_allowed;
}
