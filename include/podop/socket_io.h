/* socket_io.h - recv(2) and send(2) without thread cancellation. podop cancels no thread, and in a
 * process with threads the C library's functions cost thirty instructions more. */
#ifndef PODOP_SOCKET_IO_H
#define PODOP_SOCKET_IO_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(SYS_recvfrom) && defined(SYS_sendto)

static inline ssize_t socket_recv(int fd, void *to, size_t max, int flags)
{
    return (ssize_t)syscall(SYS_recvfrom, (long)fd, to, max, (long)flags, NULL, NULL);
}

static inline ssize_t socket_send(int fd, const void *bytes, size_t len, int flags)
{
    return (ssize_t)syscall(SYS_sendto, (long)fd, bytes, len, (long)flags, NULL, 0L);
}

#else /* some old systems have a single system call for all socket operations */

static inline ssize_t socket_recv(int fd, void *to, size_t max, int flags)
{
    return recv(fd, to, max, flags);
}

static inline ssize_t socket_send(int fd, const void *bytes, size_t len, int flags)
{
    return send(fd, bytes, len, flags);
}

#endif

#endif
