#include "eventfd.h"

#include "descriptor.h"

#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

struct eventfd {
    struct sim_file file;
    uint64_t value;
};

static ssize_t receive(struct sim_file *file, void *to, size_t max, int flags)
{
    struct eventfd *e = CONTAINER_OF(file, struct eventfd, file);

    (void)flags;
    if (max < sizeof(e->value))
        return -EINVAL;
    if (e->value == 0)
        return -EAGAIN;
    memcpy(to, &e->value, sizeof(e->value));
    e->value = 0;
    return sizeof(e->value);
}

static ssize_t add(struct sim_file *file, const void *bytes, size_t len)
{
    struct eventfd *e = CONTAINER_OF(file, struct eventfd, file);
    uint64_t more;

    if (len < sizeof(more))
        return -EINVAL;
    memcpy(&more, bytes, sizeof(more));
    e->value += more;
    file_wake(file);
    return sizeof(more);
}

static uint32_t events(struct sim_file *file)
{
    return EPOLLOUT | (CONTAINER_OF(file, struct eventfd, file)->value > 0 ? EPOLLIN : 0U);
}

static void free_eventfd(struct sim_file *file)
{
    free(CONTAINER_OF(file, struct eventfd, file));
}

static const struct file_ops eventfd_ops = {
    .name = "eventfd", .receive = receive, .send = add, .events = events, .free = free_eventfd};

int eventfd_open(unsigned value, int flags)
{
    struct eventfd *e = xcalloc(1, sizeof(*e));

    file_init(&e->file, &eventfd_ops, O_RDWR | (flags & EFD_NONBLOCK));
    e->value = value;
    return descriptor_open(&e->file, DESCRIPTOR_FIRST);
}
