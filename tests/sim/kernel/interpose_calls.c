/* interpose_calls.c - libc's functions of descriptors of any kind, and epoll. */
#include "call.h"
#include "clock.h"
#include "descriptor.h"
#include "epoll.h"
#include "eventfd.h"
#include "events.h"
#include "kernel_state.h"
#include "log_pipe.h"
#include "pipe_file.h"
#include "poll_files.h"
#include "real.h"
#include "socket.h"
#include "turn.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

/* Reading and writing */

static ssize_t read_file(int fd, void *to, size_t max)
{
    struct sim_file *file = descriptor_file(fd);

    clock_spend();
    if (file == NULL)
        return -EBADF;
    return file->ops->receive == NULL ? -EINVAL : file->ops->receive(file, to, max, 0);
}

static ssize_t write_file(int fd, const void *bytes, size_t len)
{
    struct sim_file *file = descriptor_file(fd);

    clock_spend();
    if (file == NULL)
        return -EBADF;
    return file->ops->send == NULL ? -EINVAL : file->ops->send(file, bytes, len);
}

ssize_t read(int fd, void *to, size_t max)
{
    return descriptor_is_modelled(fd) ? call_result(read_file(fd, to, max))
                                      : REAL(read)(fd, to, max);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    if (fd == STDERR_FILENO && kernel_has_begun())
        return log_pipe_write(bytes, len);
    return descriptor_is_modelled(fd) ? call_result(write_file(fd, bytes, len))
                                      : REAL(write)(fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t all = 0;

    if (!descriptor_is_modelled(fd))
        return REAL(writev)(fd, parts, count);
    for (int i = 0; i < count; i++) {
        const ssize_t n = write_file(fd, parts[i].iov_base, parts[i].iov_len);

        if (n < 0)
            return all > 0 ? all : call_result(n);
        all += n;
        if ((size_t)n < parts[i].iov_len)
            break;
    }
    return all;
}

int close(int fd)
{
    if (!descriptor_is_modelled(fd))
        return REAL(close)(fd);
    clock_spend();
    return (int)call_result(descriptor_close(fd));
}

int pipe2(int ends[2], int flags)
{
    if (!kernel_has_begun())
        return REAL(pipe2)(ends, flags);
    clock_spend();
    return (int)call_result(pipe_open(ends, flags));
}

int pipe(int ends[2])
{
    return pipe2(ends, 0);
}

/* Flags */

static int duplicate(struct sim_file *file, int first)
{
    return descriptor_open(file, first < DESCRIPTOR_FIRST ? DESCRIPTOR_FIRST : first);
}

static int control(struct sim_file *file, int command, int number)
{
    if (file == NULL)
        return -EBADF;
    switch (command) {
    case F_GETFL: return file->status_flags;
    case F_SETFL: file->status_flags = O_RDWR | (number & O_NONBLOCK); return 0;
    case F_GETFD: return FD_CLOEXEC;
    case F_SETFD: return 0;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: return duplicate(file, number);
    default: return -EINVAL;
    }
}

int fcntl(int fd, int command, ...)
{
    va_list args;
    void *arg;

    va_start(args, command);
    arg = va_arg(args, void *);
    va_end(args);
    if (!descriptor_is_modelled(fd))
        return REAL(fcntl)(fd, command, arg);
    clock_spend();
    return (int)call_result(control(descriptor_file(fd), command, (int)(intptr_t)arg));
}

static int count_bytes(int fd, unsigned long request, int *bytes)
{
    const struct socket *s = socket_of(fd);

    if (s == NULL || s->end == NULL)
        return -EINVAL;
    if (request == FIONREAD)
        *bytes = (int)s->end->in.arrived;
    else if (request == SIOCOUTQ)
        *bytes = (int)stream_unsent(s->end);
    else
        return -ENOTTY;
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    void *arg;

    va_start(args, request);
    arg = va_arg(args, void *);
    va_end(args);
    if (!descriptor_is_modelled(fd))
        return REAL(ioctl)(fd, request, arg);
    clock_spend();
    return (int)call_result(count_bytes(fd, request, arg));
}

int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
    if (resource != RLIMIT_NOFILE || !kernel_has_begun())
        return REAL(getrlimit)(resource, limit);
    *limit = (struct rlimit){(rlim_t)descriptor_limit(), (rlim_t)descriptor_hard_limit()};
    return 0;
}

int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    if (resource != RLIMIT_NOFILE || !kernel_has_begun())
        return REAL(setrlimit)(resource, limit);
    descriptor_set_limit(limit->rlim_cur > DESCRIPTORS_ROOM ? DESCRIPTORS_ROOM
                                                            : (int)limit->rlim_cur);
    return 0;
}

/* Waiting */

int poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!kernel_has_begun() || !poll_is_modelled(fds, count))
        return REAL(poll)(fds, count, timeout_ms);
    clock_spend();
    return poll_files(fds, count, timeout_ms);
}

int epoll_create1(int flags)
{
    if (!kernel_has_begun())
        return REAL(epoll_create1)(flags);
    clock_spend();
    return (int)call_result(epoll_open());
}

int epoll_create(int size)
{
    (void)size;
    return epoll_create1(0);
}

int epoll_ctl(int fd, int operation, int of, struct epoll_event *event)
{
    if (!descriptor_is_modelled(fd))
        return REAL(epoll_ctl)(fd, operation, of, event);
    clock_spend();
    if (!descriptor_is_modelled(of)) /* a regular file, or none */
        return (int)call_result(REAL(fcntl)(of, F_GETFD) == -1 ? -EBADF : -EPERM);
    return (int)call_result(epoll_control(fd, operation, of, event));
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    if (!descriptor_is_modelled(fd))
        return REAL(epoll_wait)(fd, events, max, timeout_ms);
    clock_spend();
    return (int)call_result(turn_wait(fd, events, max, timeout_ms));
}

int eventfd(unsigned value, int flags)
{
    if (!kernel_has_begun())
        return REAL(eventfd)(value, flags);
    clock_spend();
    return (int)call_result(eventfd_open(value, flags));
}

int timerfd_create(int clock, int flags)
{
    if (!kernel_has_begun())
        return REAL(timerfd_create)(clock, flags);
    return (int)call_result(-ENOSYS);
}

int signalfd(int fd, const sigset_t *mask, int flags)
{
    if (!kernel_has_begun())
        return REAL(signalfd)(fd, mask, flags);
    return (int)call_result(-ENOSYS);
}
