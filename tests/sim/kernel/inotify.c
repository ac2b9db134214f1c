#include "inotify.h"

#include "descriptor.h"
#include "faults.h"

#include "podop/list.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { QUEUE_BYTES = 64 * 1024, NAME_BYTES = 256 };

struct watch {
    struct list_node node;
    int number;
    uint32_t mask;
    dev_t device;
    ino_t inode;
};

struct inotify {
    struct sim_file file;
    struct list_node node;
    struct list watches;
    int last_number;
    char queue[QUEUE_BYTES]; /* struct inotify_event */
    size_t len;
};

static struct list instances = {{&instances.ring, &instances.ring}};

/* The size of the first event of the queue. */
static size_t first_bytes(const struct inotify *i)
{
    struct inotify_event event;

    memcpy(&event, i->queue, sizeof(event));
    return sizeof(event) + event.len;
}

/* Gives whole events. */
static ssize_t receive(struct sim_file *file, void *to, size_t max, int flags)
{
    struct inotify *i = CONTAINER_OF(file, struct inotify, file);
    size_t n = 0, bytes;

    (void)flags;
    if (i->len == 0)
        return -EAGAIN;
    while (i->len > 0 && (bytes = first_bytes(i)) <= max - n) {
        memcpy((char *)to + n, i->queue, bytes);
        i->len -= bytes;
        memmove(i->queue, i->queue + bytes, i->len);
        n += bytes;
    }
    return n == 0 ? -EINVAL : (ssize_t)n;
}

static uint32_t events(struct sim_file *file)
{
    return CONTAINER_OF(file, struct inotify, file)->len > 0 ? EPOLLIN | EPOLLRDNORM : 0;
}

static void free_inotify(struct sim_file *file)
{
    struct inotify *i = CONTAINER_OF(file, struct inotify, file);

    list_remove(&i->node);
    while (!list_is_empty(&i->watches))
        free(CONTAINER_OF(list_pop(&i->watches), struct watch, node));
    free(i);
}

static const struct file_ops inotify_ops = {
    .name = "inotify", .receive = receive, .events = events, .free = free_inotify};

int inotify_open(int flags)
{
    static const int errors[] = {EMFILE, ENFILE};
    const int error = fault_error(FAULT_NO_DESCRIPTOR, errors, 2);
    struct inotify *i;
    int fd;

    if (error != 0)
        return -error;
    i = xcalloc(1, sizeof(*i));
    file_init(&i->file, &inotify_ops, flags & IN_NONBLOCK);
    list_init(&i->watches);
    fd = descriptor_open(&i->file, DESCRIPTOR_FIRST);
    if (fd < 0)
        free(i);
    else
        list_append(&instances, &i->node);
    return fd;
}

static struct inotify *inotify_of(int fd)
{
    struct sim_file *file = descriptor_file(fd);

    return file == NULL || file->ops != &inotify_ops ? NULL
                                                     : CONTAINER_OF(file, struct inotify, file);
}

static struct watch *find(const struct inotify *i, const struct stat *info)
{
    LIST_FOR_EACH (node, &i->watches) {
        struct watch *w = CONTAINER_OF(node, struct watch, node);

        if (w->device == info->st_dev && w->inode == info->st_ino)
            return w;
    }
    return NULL;
}

int inotify_watch(int fd, const char *path, uint32_t mask)
{
    struct inotify *i = inotify_of(fd);
    struct stat info;
    struct watch *w;

    if (i == NULL)
        return -EBADF;
    if (stat(path, &info) == -1)
        return -errno;
    if ((mask & IN_ONLYDIR) != 0 && !S_ISDIR(info.st_mode))
        return -ENOTDIR;
    w = find(i, &info);
    if (w == NULL) {
        w = xcalloc(1, sizeof(*w));
        w->number = ++i->last_number;
        w->device = info.st_dev;
        w->inode = info.st_ino;
        list_append(&i->watches, &w->node);
    }
    w->mask = ((mask & IN_MASK_ADD) != 0 ? w->mask : 0) | (mask & IN_ALL_EVENTS);
    return w->number;
}

static void add(struct inotify *i, int watch, uint32_t mask, const char *name)
{
    struct inotify_event event = {.wd = watch, .mask = mask};
    char text[NAME_BYTES] = {0};
    /* padded to a whole number of headers, with at least one NUL; an event of no file has none */
    const size_t len = *name == '\0' ? 0 : (strlen(name) / sizeof(event) + 1) * sizeof(event);

    if (len > sizeof(text) || i->len + sizeof(event) + len > sizeof(i->queue))
        return;
    event.len = (uint32_t)len;
    snprintf(text, sizeof(text), "%s", name);
    memcpy(i->queue + i->len, &event, sizeof(event));
    memcpy(i->queue + i->len + sizeof(event), text, len);
    i->len += sizeof(event) + len;
    file_wake(&i->file);
}

int inotify_unwatch(int fd, int watch)
{
    struct inotify *i = inotify_of(fd);

    if (i == NULL)
        return -EBADF;
    LIST_FOR_EACH (node, &i->watches) {
        struct watch *w = CONTAINER_OF(node, struct watch, node);

        if (w->number == watch) {
            list_remove(&w->node);
            free(w);
            add(i, watch, IN_IGNORED, "");
            return 0;
        }
    }
    return -EINVAL;
}

void inotify_tell(const char *path, uint32_t event)
{
    const char *slash = strrchr(path, '/');
    char directory[4096];
    struct stat info;

    snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : (int)(slash - path),
             slash == NULL ? "." : path);
    if (stat(slash == path ? "/" : directory, &info) == -1)
        return;
    LIST_FOR_EACH (node, &instances) {
        struct inotify *i = CONTAINER_OF(node, struct inotify, node);
        const struct watch *w = find(i, &info);

        if (w != NULL && (w->mask & event) != 0)
            add(i, w->number, event, slash == NULL ? path : slash + 1);
    }
}
