#include "socket.h"

#include "datagram.h"
#include "faults.h"

#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const int memory_errors[] = {ENOBUFS, ENOMEM};
static const int descriptor_errors[] = {EMFILE, ENFILE};

/* Reading and writing */

static struct socket *of(struct sim_file *file)
{
    return CONTAINER_OF(file, struct socket, file);
}

static ssize_t unconnected(struct socket *s, int otherwise)
{
    const int error = s->error;

    if (s->state == SOCKET_CONNECTING)
        return -EAGAIN;
    s->error = 0;
    return error != 0 ? -error : otherwise;
}

static ssize_t receive(struct sim_file *file, void *to, size_t max, int flags)
{
    struct socket *s = of(file);

    if (s->state != SOCKET_CONNECTED)
        return unconnected(s, s->family == AF_UNIX ? -EINVAL : -ENOTCONN);
    if (s->end->in.arrived > 0 && fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    return stream_receive(s->end, to, fault_shorten(max), (flags & MSG_PEEK) != 0);
}

static ssize_t send_bytes(struct sim_file *file, const void *bytes, size_t len)
{
    struct socket *s = of(file);

    if (s->state != SOCKET_CONNECTED)
        return unconnected(s, s->family == AF_UNIX ? -ENOTCONN : -EPIPE);
    if (fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    if (s->family != AF_UNIX && !s->end->is_gone && fault_hits(FAULT_SEND_FAILS))
        stream_break(s->end, fault_choose(2) == 0 ? ECONNRESET : EPIPE);
    if (s->family == AF_UNIX && fault_hits(FAULT_NO_MEMORY))
        return -ENOBUFS;
    return stream_send(s->end, bytes, fault_shorten(len));
}

/* As tcp_poll() and unix_poll() see a socket without a connection. */
static uint32_t events(struct sim_file *file)
{
    const struct socket *s = CONTAINER_OF(file, struct socket, file);

    switch (s->state) {
    case SOCKET_NEW: return EPOLLOUT | EPOLLWRNORM | EPOLLHUP;
    case SOCKET_LISTENING: return s->waiting > 0 ? EPOLLIN | EPOLLRDNORM : 0;
    case SOCKET_CONNECTING: return 0;
    case SOCKET_CONNECTED: return stream_events(s->end);
    case SOCKET_FAILED:
        return EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLOUT | EPOLLWRNORM | EPOLLHUP |
               (s->error != 0 ? EPOLLERR : 0U);
    }
    return 0;
}

static void free_socket(struct sim_file *file)
{
    struct socket *s = of(file);

    socket_stop_connecting(s);
    if (s->state == SOCKET_LISTENING)
        socket_stop_listening(s);
    if (s->end != NULL && s->is_in_repair)
        stream_forget(s->end);
    else if (s->end != NULL)
        stream_close(s->end);
    free(s);
}

static const struct file_ops stream_socket_ops = {.name = "socket",
                                                  .may_be_spurious = true,
                                                  .receive = receive,
                                                  .send = send_bytes,
                                                  .events = events,
                                                  .free = free_socket};

static void wake(void *arg)
{
    struct socket *s = arg;

    file_wake(&s->file);
}

static const struct stream_owner_ops owner_ops = {wake, wake};

static void keep_alive(const struct socket *s)
{
    static const int64_t second = 1000000000;

    if (s->end != NULL && s->keeps_alive)
        stream_keep_alive(s->end, s->keep_idle_s * second, s->keep_interval_s * second,
                          s->keep_count);
}

void socket_attach(struct socket *s, struct stream_end *end)
{
    s->end = end;
    s->state = SOCKET_CONNECTED;
    stream_own(end, &owner_ops, s);
    stream_set_user_timeout(end, s->user_timeout_ms);
    keep_alive(s);
    file_wake(&s->file);
}

/* Opening */

static int status_flags(int flags)
{
    return O_RDWR | ((flags & SOCK_NONBLOCK) != 0 ? O_NONBLOCK : 0);
}

static struct socket *socket_new(const struct file_ops *ops, int family, int type, int flags)
{
    struct socket *s = xcalloc(1, sizeof(*s));

    file_init(&s->file, ops, status_flags(flags));
    s->family = family;
    s->type = type;
    s->mode = 0777;
    s->keep_idle_s = 7200; /* net.ipv4.tcp_keepalive_time, and so on */
    s->keep_interval_s = 75;
    s->keep_count = 9;
    list_init(&s->backlog);
    list_init(&s->datagrams);
    return s;
}

static int open_failure(void)
{
    const int error = fault_error(FAULT_NO_DESCRIPTOR, descriptor_errors, 2);

    return error != 0 ? error : fault_error(FAULT_NO_MEMORY, memory_errors, 2);
}

int socket_open(int family, int type, int protocol)
{
    const int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int error = open_failure();
    struct socket *s;
    int fd;

    (void)protocol;
    if (family != AF_UNIX && family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
        return -EPROTONOSUPPORT;
    if (error != 0)
        return -error;
    s = socket_new(kind == SOCK_STREAM ? &stream_socket_ops : &datagram_ops, family, kind, type);
    fd = descriptor_open(&s->file, DESCRIPTOR_FIRST);
    if (fd < 0)
        free(s);
    else if (kind == SOCK_DGRAM)
        datagram_register(s);
    return fd;
}

int socket_open_connected(struct stream_end *end, const struct socket *listener, const char *remote,
                          int flags)
{
    struct socket *s = socket_new(&stream_socket_ops, listener->family, SOCK_STREAM, flags);
    const int fd = descriptor_open(&s->file, DESCRIPTOR_FIRST);

    if (fd < 0) {
        free(s);
        return fd;
    }
    memcpy(s->local, listener->local, sizeof(s->local));
    snprintf(s->remote, sizeof(s->remote), "%s", remote);
    s->keeps_alive = listener->keeps_alive;
    socket_attach(s, end);
    return fd;
}

struct socket *socket_of(int fd)
{
    struct sim_file *file = descriptor_file(fd);

    return file == NULL || (file->ops != &stream_socket_ops && file->ops != &datagram_ops)
               ? NULL
               : of(file);
}

/* Names and options */

void socket_name(struct socket *s)
{
    static unsigned port = 32768;

    if (s->family == AF_UNIX || s->local[0] != '\0')
        return;
    port = port == 60999 ? 32768 : port + 1;
    snprintf(s->local, sizeof(s->local), s->family == AF_INET6 ? "[::1]:%u" : "127.0.0.1:%u", port);
}

int socket_get_name(const struct socket *s, bool of_peer, struct sockaddr *address, socklen_t *len)
{
    if (of_peer && s->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    if (of_peer && s->family != AF_UNIX && s->end != NULL && s->end->is_gone)
        return -ENOTCONN;
    address_copy(of_peer ? s->remote : s->local, s->family, address, len);
    return 0;
}

static int take_error(struct socket *s)
{
    const int error = s->end != NULL ? stream_take_error(s->end) : s->error;

    s->error = 0;
    return error;
}

static int get_int(struct socket *s, int level, int name, int *value)
{
    if (level == IPPROTO_TCP && name == TCP_USER_TIMEOUT)
        *value = (int)s->user_timeout_ms;
    else if (level != SOL_SOCKET)
        return -ENOPROTOOPT;
    else if (name == SO_ERROR)
        *value = take_error(s);
    else if (name == SO_TYPE)
        *value = s->type;
    else if (name == SO_DOMAIN)
        *value = s->family;
    else if (name == SO_ACCEPTCONN)
        *value = s->state == SOCKET_LISTENING;
    else
        return -ENOPROTOOPT;
    return 0;
}

static int get_credentials(void *value, socklen_t *len)
{
    const struct ucred own = {getpid(), geteuid(), getegid()};

    memcpy(value, &own, *len < sizeof(own) ? *len : sizeof(own));
    *len = sizeof(own);
    return 0;
}

int socket_get_option(struct socket *s, int level, int name, void *value, socklen_t *len)
{
    int number, error;

    if (level == SOL_SOCKET && name == SO_PEERCRED && s->family == AF_UNIX)
        return get_credentials(value, len);
    error = get_int(s, level, name, &number);
    if (error != 0)
        return error;
    memcpy(value, &number, *len < sizeof(number) ? *len : sizeof(number));
    *len = sizeof(number);
    return 0;
}

static void set_user_timeout(struct socket *s, const void *value)
{
    memcpy(&s->user_timeout_ms, value, sizeof(s->user_timeout_ms));
    if (s->end != NULL)
        stream_set_user_timeout(s->end, s->user_timeout_ms);
}

static void set_keepalive(struct socket *s, int level, int name, int value)
{
    if (level == SOL_SOCKET && name == SO_KEEPALIVE)
        s->keeps_alive = value != 0;
    else if (level == IPPROTO_TCP && name == TCP_KEEPIDLE)
        s->keep_idle_s = value;
    else if (level == IPPROTO_TCP && name == TCP_KEEPINTVL)
        s->keep_interval_s = value;
    else if (level == IPPROTO_TCP && name == TCP_KEEPCNT)
        s->keep_count = value;
    else if (level == IPPROTO_TCP && name == TCP_REPAIR)
        s->is_in_repair = value == 1;
    else
        return;
    keep_alive(s);
}

int socket_set_option(struct socket *s, int level, int name, const void *value, socklen_t len)
{
    if (level != SOL_SOCKET && s->family == AF_UNIX)
        return -EOPNOTSUPP;
    if (level == IPPROTO_TCP && name == TCP_USER_TIMEOUT && len == sizeof(s->user_timeout_ms))
        set_user_timeout(s, value);
    else if (len == sizeof(int))
        set_keepalive(s, level, name, *(const int *)value);
    return 0;
}

int socket_shutdown(struct socket *s, int how)
{
    if (s->state != SOCKET_CONNECTED || s->end == NULL)
        return -ENOTCONN;
    return stream_shutdown(s->end, how);
}
