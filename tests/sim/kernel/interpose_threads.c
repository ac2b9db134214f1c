/* interpose_threads.c - libc's threads and condition variables. Mutexes stay real: of podop's
 * threads only one runs, and none waits while it holds a lock. */
#include "kernel_state.h"
#include "real.h"
#include "threads.h"

#include <stddef.h>
#include <time.h>

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes,
                   void *(*run)(void *), void *restrict arg)
{
    if (!kernel_has_begun())
        return REAL(pthread_create)(thread, attributes, run, arg);
    return threads_create(thread, run, arg);
}

int pthread_join(pthread_t thread, void **result)
{
    if (!kernel_has_begun())
        return REAL(pthread_join)(thread, result);
    return threads_join(thread, result);
}

int pthread_detach(pthread_t thread)
{
    if (!kernel_has_begun())
        return REAL(pthread_detach)(thread);
    return threads_detach(thread);
}

int pthread_cond_init(pthread_cond_t *restrict condition,
                      const pthread_condattr_t *restrict attributes)
{
    clockid_t clock = CLOCK_REALTIME;

    if (!kernel_has_begun())
        return REAL(pthread_cond_init)(condition, attributes);
    if (attributes != NULL)
        pthread_condattr_getclock(attributes, &clock);
    return condition_init(condition, clock);
}

int pthread_cond_destroy(pthread_cond_t *condition)
{
    return kernel_has_begun() ? 0 : REAL(pthread_cond_destroy)(condition);
}

int pthread_cond_wait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock)
{
    if (!kernel_has_begun())
        return REAL(pthread_cond_wait)(condition, lock);
    return condition_wait(condition, lock, NULL);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock,
                           const struct timespec *restrict until)
{
    if (!kernel_has_begun())
        return REAL(pthread_cond_timedwait)(condition, lock, until);
    return condition_wait(condition, lock, until);
}

int pthread_cond_signal(pthread_cond_t *condition)
{
    if (!kernel_has_begun())
        return REAL(pthread_cond_signal)(condition);
    condition_signal(condition, false);
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t *condition)
{
    if (!kernel_has_begun())
        return REAL(pthread_cond_broadcast)(condition);
    condition_signal(condition, true);
    return 0;
}
