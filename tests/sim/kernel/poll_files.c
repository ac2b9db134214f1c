#include "poll_files.h"

#include "clock.h"
#include "descriptor.h"
#include "events.h"
#include "log_pipe.h"
#include "threads.h"

#include <unistd.h>

struct polled {
    struct pollfd *fds;
    nfds_t count;
    int ready;
};

bool poll_is_modelled(struct pollfd *fds, nfds_t count)
{
    return count > 0 && (descriptor_is_modelled(fds[0].fd) || fds[0].fd == STDERR_FILENO);
}

/* The bits of epoll are those of poll. */
static short events_of(const struct pollfd *p)
{
    struct sim_file *file = descriptor_file(p->fd);

    if (p->fd == STDERR_FILENO)
        return log_pipe_is_blocked() ? 0 : (short)(p->events & POLLOUT);
    if (file == NULL)
        return POLLNVAL;
    return (short)(file->ops->events(file) & (unsigned short)(p->events | POLLERR | POLLHUP));
}

static bool is_ready(void *arg)
{
    struct polled *polled = arg;

    polled->ready = 0;
    for (nfds_t i = 0; i < polled->count; i++) {
        polled->fds[i].revents = polled->fds[i].fd < 0 ? 0 : events_of(&polled->fds[i]);
        polled->ready += polled->fds[i].revents != 0;
    }
    return polled->ready > 0;
}

int poll_files(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    struct polled polled = {fds, count, 0};

    if (!is_ready(&polled) && timeout_ms != 0)
        threads_wait(is_ready, &polled,
                     timeout_ms < 0 ? NEVER_NS
                                    : clock_present_ns() + timeout_ms * INT64_C(1000000));
    return polled.ready;
}
