#include "descriptor.h"

#include "epoll.h"

#include <errno.h>
#include <fcntl.h>

enum { SOFT_LIMIT = DESCRIPTOR_FIRST + 1024, HARD_LIMIT = DESCRIPTOR_FIRST + 8192 };

static struct sim_file *files[DESCRIPTORS_ROOM];
static int lowest_free; /* no index below it is free */
static size_t open_count;
static int limit = SOFT_LIMIT, hard_limit = HARD_LIMIT;

void file_init(struct sim_file *file, const struct file_ops *ops, int status_flags)
{
    *file = (struct sim_file){.ops = ops, .status_flags = status_flags};
}

void file_wake(struct sim_file *file)
{
    if (file->interests != NULL)
        epoll_wake(file);
}

int descriptor_open(struct sim_file *file, int first)
{
    int index = first - DESCRIPTOR_FIRST;

    if (index < lowest_free)
        index = lowest_free;
    while (index < limit - DESCRIPTOR_FIRST && files[index] != NULL)
        index++;
    if (first <= DESCRIPTOR_FIRST)
        lowest_free = index;
    if (index >= limit - DESCRIPTOR_FIRST)
        return -EMFILE;
    files[index] = file;
    file->descriptors++;
    open_count++;
    return index + DESCRIPTOR_FIRST;
}

struct sim_file *descriptor_file(int fd)
{
    const int index = fd - DESCRIPTOR_FIRST;

    return index < 0 || index >= DESCRIPTORS_ROOM ? NULL : files[index];
}

int descriptor_close(int fd)
{
    struct sim_file *file = descriptor_file(fd);
    const int index = fd - DESCRIPTOR_FIRST;

    if (file == NULL)
        return -EBADF;
    files[index] = NULL;
    open_count--;
    if (index < lowest_free)
        lowest_free = index;
    if (--file->descriptors > 0)
        return 0;
    epoll_forget_file(file);
    file->ops->free(file);
    return 0;
}

size_t descriptors_open(void)
{
    return open_count;
}

int descriptor_limit(void)
{
    return limit;
}

void descriptor_set_limit(int to)
{
    limit = to > hard_limit ? hard_limit : to;
}

int descriptor_hard_limit(void)
{
    return hard_limit;
}

void sim_descriptors_limit(size_t count)
{
    const size_t most = count < DESCRIPTORS_ROOM ? count : DESCRIPTORS_ROOM;

    hard_limit = DESCRIPTOR_FIRST + (int)most;
    if (limit > hard_limit)
        limit = hard_limit;
}
