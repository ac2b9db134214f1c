/* interpose_sockets.c - libc's functions of sockets. */
#include "call.h"
#include "clock.h"
#include "datagram.h"
#include "descriptor.h"
#include "kernel_state.h"
#include "real.h"
#include "socket.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

/* With _GNU_SOURCE, glibc declares addresses as transparent unions. */
#define ADDRESS(name) (*(struct sockaddr *const *)&(name))
#define CONST_ADDRESS(name) (*(const struct sockaddr *const *)&(name))

/* In a function that passes descriptors of the real kernel on. */
#define FIND_SOCKET(s, fd)                                                                         \
    struct socket *s = socket_of(fd);                                                              \
    clock_spend();                                                                                 \
    if (s == NULL)                                                                                 \
    return (int)call_result(descriptor_file(fd) == NULL ? -EBADF : -ENOTSOCK)

int socket(int family, int type, int protocol)
{
    if (!kernel_has_begun())
        return REAL(socket)(family, type, protocol);
    clock_spend();
    return (int)call_result(socket_open(family, type, protocol));
}

int bind(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(bind)(fd, address, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_bind(s, CONST_ADDRESS(address), len));
}

int listen(int fd, int backlog)
{
    if (!descriptor_is_modelled(fd))
        return REAL(listen)(fd, backlog);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_listen(s, backlog));
}

int accept4(int fd, __SOCKADDR_ARG address, socklen_t *len, int flags)
{
    if (!descriptor_is_modelled(fd))
        return REAL(accept4)(fd, address, len, flags);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_accept(s, ADDRESS(address), len, flags));
}

int accept(int fd, __SOCKADDR_ARG address, socklen_t *len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(accept)(fd, address, len);
    return accept4(fd, address, len, 0);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(connect)(fd, address, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(s->type == SOCK_DGRAM ? datagram_connect(s, CONST_ADDRESS(address), len)
                                                  : socket_connect(s, CONST_ADDRESS(address), len));
}

int shutdown(int fd, int how)
{
    if (!descriptor_is_modelled(fd))
        return REAL(shutdown)(fd, how);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_shutdown(s, how));
}

int getsockname(int fd, __SOCKADDR_ARG address, socklen_t *restrict len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(getsockname)(fd, address, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_get_name(s, false, ADDRESS(address), len));
}

int getpeername(int fd, __SOCKADDR_ARG address, socklen_t *restrict len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(getpeername)(fd, address, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_get_name(s, true, ADDRESS(address), len));
}

int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(getsockopt)(fd, level, name, value, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_get_option(s, level, name, value, len));
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(setsockopt)(fd, level, name, value, len);
    FIND_SOCKET(s, fd);
    return (int)call_result(socket_set_option(s, level, name, value, len));
}

/* Reading and writing */

static ssize_t receive(int fd, void *to, size_t max, int flags, struct sockaddr *address,
                       socklen_t *len)
{
    struct socket *s = socket_of(fd);

    clock_spend();
    if (s == NULL)
        return descriptor_file(fd) == NULL ? -EBADF : -ENOTSOCK;
    if (s->type == SOCK_DGRAM)
        return datagram_receive_from(s, to, max, flags, address, len);
    return s->file.ops->receive(&s->file, to, max, flags);
}

static ssize_t send_to(int fd, const void *bytes, size_t len, const struct sockaddr *address,
                       socklen_t address_len)
{
    struct socket *s = socket_of(fd);

    clock_spend();
    if (s == NULL)
        return descriptor_file(fd) == NULL ? -EBADF : -ENOTSOCK;
    if (s->type == SOCK_DGRAM)
        return datagram_send_to(s, bytes, len, address, address_len);
    return s->file.ops->send(&s->file, bytes, len);
}

ssize_t recv(int fd, void *to, size_t max, int flags)
{
    if (!descriptor_is_modelled(fd))
        return REAL(recv)(fd, to, max, flags);
    return call_result(receive(fd, to, max, flags, NULL, NULL));
}

ssize_t recvfrom(int fd, void *restrict to, size_t max, int flags, __SOCKADDR_ARG address,
                 socklen_t *restrict len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(recvfrom)(fd, to, max, flags, address, len);
    return call_result(receive(fd, to, max, flags, ADDRESS(address), len));
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
    if (!descriptor_is_modelled(fd))
        return REAL(send)(fd, bytes, len, flags);
    return call_result(send_to(fd, bytes, len, NULL, 0));
}

ssize_t sendto(int fd, const void *bytes, size_t len, int flags, __CONST_SOCKADDR_ARG address,
               socklen_t address_len)
{
    if (!descriptor_is_modelled(fd))
        return REAL(sendto)(fd, bytes, len, flags, address, address_len);
    return call_result(send_to(fd, bytes, len, CONST_ADDRESS(address), address_len));
}

/* What podop's socket_io.h calls. */
long syscall(long number, ...)
{
    va_list args;
    long a[6];

    va_start(args, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_recvfrom && descriptor_is_modelled((int)a[0]))
        return call_result(receive((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], NULL, NULL));
    if (number == SYS_sendto && descriptor_is_modelled((int)a[0]))
        return call_result(send_to((int)a[0], (const void *)a[1], (size_t)a[2], NULL, 0));
    return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
