/* descriptor.h - open files of the model, and their numbers. The model's numbers begin at
 * DESCRIPTOR_FIRST; lower ones belong to the real kernel. */
#ifndef SIM_DESCRIPTOR_H
#define SIM_DESCRIPTOR_H

#include "kernel.h"

#include <sys/types.h>

enum {
    DESCRIPTOR_FIRST = 1000,
    DESCRIPTORS_ROOM = 1 << 15, /* numbers above the first */
};

struct sim_file;
struct interest; /* of an epoll descriptor in a file */

/* Results below 0 are negative errnos. A NULL member: the file does not have the operation. */
struct file_ops {
    const char *name;
    bool may_be_spurious; /* EPOLLIN, although there is nothing to read when podop looks */
    ssize_t (*receive)(struct sim_file *file, void *to, size_t max, int flags); /* MSG_PEEK */
    ssize_t (*send)(struct sim_file *file, const void *bytes, size_t len);
    uint32_t (*events)(struct sim_file *file); /* EPOLLIN and so on, as they are now */
    void (*free)(struct sim_file *file);       /* after its last descriptor was closed */
};

struct sim_file {
    const struct file_ops *ops;
    unsigned descriptors;
    int status_flags; /* O_NONBLOCK, O_RDWR */
    struct interest *interests;
};

void file_init(struct sim_file *file, const struct file_ops *ops, int status_flags);
/* What events() says may have changed: epoll and poll look again. */
void file_wake(struct sim_file *file);

/* Returns the lowest number that is free, at least first, or -EMFILE. The file is freed with its
 * last descriptor. */
int descriptor_open(struct sim_file *file, int first);
struct sim_file *descriptor_file(int fd); /* NULL: it is not open */
int descriptor_close(int fd);             /* 0 or -EBADF */
size_t descriptors_open(void);

int descriptor_limit(void); /* numbers are below it */
void descriptor_set_limit(int limit);
int descriptor_hard_limit(void);

static inline bool descriptor_is_modelled(int fd)
{
    return fd >= DESCRIPTOR_FIRST;
}

#endif
