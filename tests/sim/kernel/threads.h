/* threads.h - podop's threads as coroutines of one real thread: one runs until it waits. The main
 * thread is the scheduler: while it waits, events and other threads run. */
#ifndef SIM_THREADS_H
#define SIM_THREADS_H

#include "kernel.h"

#include <pthread.h>

struct sim_thread;

typedef bool threads_test_fn(void *arg);

/* Waits until the test is true or until_ns (NEVER_NS: no limit). Returns whether it is true. */
bool threads_wait(threads_test_fn *test, void *arg, int64_t until_ns);

/* Lets every thread run that can. */
void threads_run(void);
void threads_run_promptly(void); /* the same, and no thread is late */
uint64_t threads_switches(void); /* how often a thread has run */

/* As the functions of pthreads: 0 or an errno. */
int threads_create(pthread_t *thread, void *(*run)(void *arg), void *arg);
int threads_join(pthread_t thread, void **result);
int threads_detach(pthread_t thread);

int condition_init(pthread_cond_t *condition, clockid_t clock);
int condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);
void condition_signal(pthread_cond_t *condition, bool all);

size_t threads_count(void); /* without the main one */

#endif
