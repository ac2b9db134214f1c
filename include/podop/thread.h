/* thread.h - starts threads that leave all signals to the thread of the loop. */
#ifndef PODOP_THREAD_H
#define PODOP_THREAD_H

#include <pthread.h>

/* Returns 0, or the number of the error as pthread_create() does. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
