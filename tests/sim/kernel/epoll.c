#include "epoll.h"

#include "faults.h"

#include "podop/list.h"
#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

struct epoll {
    struct sim_file file;
    struct list ready;  /* interests */
    struct list others; /* interests that have no events */
};

struct interest {
    struct epoll *epoll;
    struct list_node node; /* in ready or others */
    bool is_ready;
    struct sim_file *file;
    struct interest *next; /* of the same file */
    int fd;
    uint32_t events;
    epoll_data_t data;
};

static uint32_t events_of(const struct interest *i)
{
    struct sim_file *file = i->file;

    return file->ops->events(file) & (i->events | EPOLLERR | EPOLLHUP);
}

static void move(struct interest *i, bool is_ready)
{
    list_remove(&i->node);
    i->is_ready = is_ready;
    list_append(is_ready ? &i->epoll->ready : &i->epoll->others, &i->node);
}

static void look(struct interest *i)
{
    if (!i->is_ready && events_of(i) != 0)
        move(i, true);
}

void epoll_wake(struct sim_file *file)
{
    for (struct interest *i = file->interests; i != NULL; i = i->next)
        look(i);
}

/* The end */

static void interest_free(struct interest *i)
{
    struct interest **at = &i->file->interests;

    while (*at != i)
        at = &(*at)->next;
    *at = i->next;
    list_remove(&i->node);
    free(i);
}

void epoll_forget_file(struct sim_file *file)
{
    while (file->interests != NULL)
        interest_free(file->interests);
}

static void free_all(struct list *list)
{
    while (!list_is_empty(list))
        interest_free(CONTAINER_OF(list_first(list), struct interest, node));
}

static void epoll_free(struct sim_file *file)
{
    struct epoll *epoll = CONTAINER_OF(file, struct epoll, file);

    free_all(&epoll->ready);
    free_all(&epoll->others);
    free(epoll);
}

/* podop has no epoll within an epoll. */
static uint32_t no_events(struct sim_file *file)
{
    (void)file;
    return 0;
}

static const struct file_ops epoll_ops = {.name = "epoll", .events = no_events, .free = epoll_free};

static struct epoll *epoll_of(int fd)
{
    struct sim_file *file = descriptor_file(fd);

    return file == NULL || file->ops != &epoll_ops ? NULL : CONTAINER_OF(file, struct epoll, file);
}

int epoll_open(void)
{
    struct epoll *epoll = xcalloc(1, sizeof(*epoll));

    file_init(&epoll->file, &epoll_ops, O_RDWR);
    list_init(&epoll->ready);
    list_init(&epoll->others);
    return descriptor_open(&epoll->file, DESCRIPTOR_FIRST);
}

/* Interests */

static struct interest *find(const struct epoll *epoll, const struct sim_file *file, int fd)
{
    struct interest *i = file->interests;

    while (i != NULL && (i->epoll != epoll || i->fd != fd))
        i = i->next;
    return i;
}

static void add(struct epoll *epoll, struct sim_file *file, int fd, const struct epoll_event *event)
{
    struct interest *i = xmalloc(sizeof(*i));

    *i = (struct interest){.epoll = epoll,
                           .file = file,
                           .next = file->interests,
                           .fd = fd,
                           .events = event->events,
                           .data = event->data};
    file->interests = i;
    list_append(&epoll->others, &i->node);
    look(i);
}

int epoll_control(int fd, int operation, int of, const struct epoll_event *event)
{
    struct epoll *epoll = epoll_of(fd);
    struct sim_file *file = descriptor_file(of);
    struct interest *i;

    if (epoll == NULL || file == NULL)
        return file == NULL ? -EBADF : -EINVAL;
    i = find(epoll, file, of);
    if (operation == EPOLL_CTL_ADD && i != NULL)
        return -EEXIST;
    if (operation != EPOLL_CTL_ADD && i == NULL)
        return -ENOENT;
    if (operation == EPOLL_CTL_DEL) {
        interest_free(i);
    } else if ((event->events & (EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE)) != 0) {
        return -EINVAL;
    } else if (operation == EPOLL_CTL_ADD) {
        add(epoll, file, of, event);
    } else {
        i->events = event->events;
        i->data = event->data;
        look(i);
    }
    return 0;
}

/* Collecting */

/* Adds an event of which nothing is left when podop looks; see BUGS of select(2). */
static int add_spurious(struct epoll *epoll, struct epoll_event *event)
{
    struct interest *i;

    if (list_is_empty(&epoll->others) || !fault_hits(FAULT_SPURIOUS))
        return 0;
    i = CONTAINER_OF(list_first(&epoll->others), struct interest, node);
    move(i, false); /* it is the turn of another one next time */
    if ((i->events & EPOLLIN) == 0 || !i->file->ops->may_be_spurious)
        return 0;
    *event = (struct epoll_event){.events = EPOLLIN, .data = i->data};
    return 1;
}

/* As Linux does: what is reported goes to the end of the list, for the sake of fairness. */
int epoll_collect(int fd, struct epoll_event *events, int max)
{
    struct epoll *epoll = epoll_of(fd);
    struct list_node *last;
    int count = 0;

    if (epoll == NULL)
        return descriptor_file(fd) == NULL ? -EBADF : -EINVAL;
    last = list_last(&epoll->ready);
    for (bool is_last = last == NULL; !is_last && count < max;) {
        struct interest *i = CONTAINER_OF(list_first(&epoll->ready), struct interest, node);
        const uint32_t now = events_of(i);

        is_last = &i->node == last;
        move(i, now != 0);
        if (now != 0)
            events[count++] = (struct epoll_event){.events = now, .data = i->data};
    }
    if (count < max)
        count += add_spurious(epoll, &events[count]);
    return count;
}
