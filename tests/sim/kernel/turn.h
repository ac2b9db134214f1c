/* turn.h - what happens while podop's main thread waits. */
#ifndef SIM_TURN_H
#define SIM_TURN_H

#include "kernel.h"

#include <sys/epoll.h>

/* Lets the world act that is due, and threads run. Then, unless that has changed anything, time
 * passes until the next event or until_ns. Returns false when until_ns is reached. */
bool turn_idle(int64_t until_ns);

/* As epoll_wait(2), with a negative errno. */
int turn_wait(int fd, struct epoll_event *events, int max, int timeout_ms);

uint64_t turns_count(void);
uint64_t turns_longest(void); /* in system calls */

#endif
