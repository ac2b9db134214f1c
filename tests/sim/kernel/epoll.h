/* epoll.h - epoll(7), level-triggered, and with EPOLLET and EPOLLONESHOT refused, which libev does
 * not use. An interest is in the ready list of its epoll while it may have events. */
#ifndef SIM_EPOLL_H
#define SIM_EPOLL_H

#include "descriptor.h"

#include <sys/epoll.h>

/* Each returns 0 or more, or a negative errno. */
int epoll_open(void);
int epoll_control(int fd, int operation, int of, const struct epoll_event *event);
/* Fills events with at most max that are ready now. */
int epoll_collect(int fd, struct epoll_event *events, int max);

void epoll_wake(struct sim_file *file);        /* its events may have changed */
void epoll_forget_file(struct sim_file *file); /* it is closed */

#endif
