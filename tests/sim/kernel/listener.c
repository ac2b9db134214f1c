/* listener.c - podop's listening sockets. That of a unix socket has a real file, made by mknod(2),
 * so that podop's stat(), rename() and unlink() are real; its inode leads to the listener. */
#include "faults.h"
#include "peer.h"
#include "server.h"
#include "socket.h"
#include "transcript.h"

#include "podop/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BACKLOG_MAX = 4096 }; /* net.core.somaxconn */

/* A connection that waits for accept4(). */
struct waiting {
    struct list_node node;
    struct stream_end *end;
    char remote[ADDRESS_BYTES];
};

static struct list listeners = {{&listeners.ring, &listeners.ring}};

static const int accept_errors[] = {ENOBUFS, ENOMEM};
static const int descriptor_errors[] = {EMFILE, ENFILE};

/* Binding */

static int bind_unix(struct socket *s)
{
    struct stat info;

    if (mknod(s->local, S_IFSOCK | (s->mode & 0777), 0) == -1 || stat(s->local, &info) == -1)
        return errno == EEXIST ? -EADDRINUSE : -errno;
    LIST_FOR_EACH (node, &listeners) { /* of a file that was removed: the number is used again */
        struct socket *other = CONTAINER_OF(node, struct socket, node);

        if (other->device == info.st_dev && other->inode == info.st_ino)
            other->inode = 0;
    }
    s->device = info.st_dev;
    s->inode = info.st_ino;
    return 0;
}

/* An address without a name: the kernel chooses one that is abstract. */
static void bind_anywhere(struct socket *s)
{
    static unsigned number;

    snprintf(s->local, sizeof(s->local), "@%05x", ++number & 0xfffff);
}

static bool is_taken(const char *address)
{
    struct sim_server *server;

    LIST_FOR_EACH (node, &listeners) {
        const struct socket *other = CONTAINER_OF(node, struct socket, node);

        if (address_covers(other->local, address) || address_covers(address, other->local))
            return true;
    }
    return server_ask(address, &server) != SERVER_NONE;
}

int socket_bind(struct socket *s, const struct sockaddr *address, socklen_t len)
{
    char text[ADDRESS_BYTES];

    if (s->local[0] != '\0')
        return -EINVAL;
    address_print(address, len, text);
    if (address->sa_family != s->family)
        return -EINVAL;
    if (s->family == AF_UNIX && text[0] == '\0') {
        bind_anywhere(s);
        return 0;
    }
    if (s->type == SOCK_STREAM && s->family != AF_UNIX && is_taken(text))
        return -EADDRINUSE;
    memcpy(s->local, text, sizeof(text));
    return s->family == AF_UNIX && s->type == SOCK_STREAM ? bind_unix(s) : 0;
}

int socket_listen(struct socket *s, int backlog)
{
    if (s->type != SOCK_STREAM || (s->state != SOCKET_NEW && s->state != SOCKET_LISTENING))
        return -EINVAL;
    s->backlog_max = backlog < BACKLOG_MAX ? (size_t)backlog : BACKLOG_MAX;
    if (s->state == SOCKET_LISTENING)
        return 0;
    socket_name(s);
    s->state = SOCKET_LISTENING;
    list_append(&listeners, &s->node);
    transcript_note("podop", "listens", s->family);
    return 0;
}

/* Connecting */

static struct socket *find_unix(const char *path)
{
    struct stat info = {0};

    if (*path != '@' && stat(path, &info) == -1)
        return NULL;
    LIST_FOR_EACH (node, &listeners) {
        struct socket *s = CONTAINER_OF(node, struct socket, node);

        if (s->family == AF_UNIX && s->device == info.st_dev && s->inode == info.st_ino &&
            (*path != '@' || strcmp(s->local, path) == 0))
            return s;
    }
    errno = ECONNREFUSED;
    return NULL;
}

static struct socket *find_inet(const char *address)
{
    LIST_FOR_EACH (node, &listeners) {
        struct socket *s = CONTAINER_OF(node, struct socket, node);

        if (s->family != AF_UNIX && address_covers(s->local, address))
            return s;
    }
    errno = ECONNREFUSED;
    return NULL;
}

struct socket *socket_find_listener(const char *address)
{
    struct socket *s = address_is_unix(address) ? find_unix(address) : find_inet(address);

    if (s != NULL && s->waiting > s->backlog_max) {
        errno = EAGAIN;
        return NULL;
    }
    return s;
}

void socket_add_waiting(struct socket *s, struct stream_end *end, const char *remote)
{
    struct waiting *w = xmalloc(sizeof(*w));

    w->node = (struct list_node){0};
    w->end = end;
    snprintf(w->remote, sizeof(w->remote), "%s", remote);
    list_append(&s->backlog, &w->node);
    s->waiting++;
    file_wake(&s->file);
}

struct sim_peer *sim_connect_from(const char *from, const char *address,
                                  const struct sim_peer_ops *ops, void *arg, struct sim_route route)
{
    struct socket *listener = socket_find_listener(address);
    struct stream *stream;
    struct sim_peer *peer;

    if (listener == NULL)
        return NULL;
    stream = stream_new(listener->family == AF_UNIX ? STREAM_UNIX : STREAM_TCP, &route);
    peer = peer_new(&stream->ends[0], "client");
    sim_peer_set(peer, ops, arg);
    socket_add_waiting(listener, &stream->ends[1], listener->family == AF_UNIX ? "" : from);
    return peer;
}

struct sim_peer *sim_connect(const char *address, const struct sim_peer_ops *ops, void *arg,
                             struct sim_route route)
{
    static unsigned port = 1024;
    char from[ADDRESS_BYTES];

    port = port == 32767 ? 1024 : port + 1;
    snprintf(from, sizeof(from), *address == '[' ? "[::1]:%u" : "127.0.0.1:%u", port);
    return sim_connect_from(from, address, ops, arg, route);
}

/* Accepting */

static int accept_failure(void)
{
    const int error = fault_error(FAULT_NO_DESCRIPTOR, descriptor_errors, 2);

    return error != 0 ? error : fault_error(FAULT_NO_MEMORY, accept_errors, 2);
}

int socket_accept(struct socket *s, struct sockaddr *address, socklen_t *len, int flags)
{
    struct waiting *w = LIST_ENTRY_OR_NULL(list_first(&s->backlog), struct waiting, node);
    const int error = accept_failure();
    int fd;

    if (s->state != SOCKET_LISTENING)
        return -EINVAL;
    if (error != 0)
        return -error;
    if (w == NULL || fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    fd = socket_open_connected(w->end, s, w->remote, flags);
    if (fd < 0)
        return fd;
    if (address != NULL)
        address_copy(w->remote, s->family, address, len);
    list_remove(&w->node);
    s->waiting--;
    free(w);
    return fd;
}

void socket_stop_listening(struct socket *s)
{
    struct waiting *w;

    list_remove(&s->node);
    while ((w = LIST_ENTRY_OR_NULL(list_pop(&s->backlog), struct waiting, node)) != NULL) {
        stream_reset(w->end);
        free(w);
    }
    s->waiting = 0;
}
