#include "threads.h"

#include "clock.h"
#include "events.h"
#include "faults.h"
#include "real.h"
#include "sanitizer.h"
#include "turn.h"

#include "podop/list.h"
#include "podop/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#ifdef SIM_HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    STACK_BYTES = 1 << 20,
    LATE_MS_MAX = 20,
};

struct sim_thread {
    struct list_node node;
    ucontext_t context;
    char *stack;
    void *(*run)(void *arg);
    void *arg;
    bool has_ended, is_detached;
    threads_test_fn *test; /* what it waits for; NULL: nothing */
    void *test_arg;
    int64_t until_ns;
    int64_t not_before_ns; /* a late thread */
    struct sim_event wake; /* at until_ns or not_before_ns */
    int saved_errno;
};

static struct list threads = {{&threads.ring, &threads.ring}};
static size_t count;
static uint64_t switches;
static bool are_prompt;            /* no thread is late */
static struct sim_thread *running; /* NULL: the main one */
static ucontext_t main_context;

/* AddressSanitizer has to know each change of the stack. It is told of them here, and its own
 * swapcontext() does no more than warn that it knows them only in part. */

#ifdef SIM_HAS_ASAN
static const void *main_stack;
static size_t main_stack_bytes;

static void begin_switch(void **fake_stack, const void *stack, size_t bytes)
{
    __sanitizer_start_switch_fiber(fake_stack, stack, bytes);
}

static void end_switch(void *fake_stack, bool is_from_main)
{
    __sanitizer_finish_switch_fiber(fake_stack, is_from_main ? &main_stack : NULL,
                                    is_from_main ? &main_stack_bytes : NULL);
}
#else
static const void *const main_stack;
static const size_t main_stack_bytes;

static void begin_switch(void **fake_stack, const void *stack, size_t bytes)
{
    (void)fake_stack;
    (void)stack;
    (void)bytes;
}

static void end_switch(void *fake_stack, bool is_from_main)
{
    (void)fake_stack;
    (void)is_from_main;
}
#endif

/* Switching */

/* Returns to the main thread, until that one switches back. */
static void leave(struct sim_thread *thread)
{
    void *fake_stack = NULL;

    thread->saved_errno = errno;
    begin_switch(thread->has_ended ? NULL : &fake_stack, main_stack, main_stack_bytes);
    LIBC(swapcontext)(&thread->context, &main_context);
    end_switch(fake_stack, true);
    errno = thread->saved_errno;
}

static void enter(struct sim_thread *thread)
{
    const int saved_errno = errno;
    void *fake_stack = NULL;

    running = thread;
    switches++;
    begin_switch(&fake_stack, thread->stack, STACK_BYTES);
    LIBC(swapcontext)(&main_context, &thread->context);
    end_switch(fake_stack, false);
    running = NULL;
    errno = saved_errno;
}

static void start(void)
{
    end_switch(NULL, true);
    running->run(running->arg);
    running->has_ended = true;
    leave(running);
}

static void thread_free(struct sim_thread *thread)
{
    sim_event_stop(&thread->wake);
    list_remove(&thread->node);
    count--;
    free(thread->stack);
    free(thread);
}

/* Scheduling */

static void on_wake(void *arg)
{
    (void)arg; /* threads_run() looks */
}

static bool is_late(struct sim_thread *thread)
{
    if (are_prompt)
        return false;
    if (thread->not_before_ns > clock_present_ns())
        return true;
    if (thread->not_before_ns != 0) { /* it was late, and is so only once */
        thread->not_before_ns = 0;
        return false;
    }
    if (!fault_hits(FAULT_LATE_THREAD))
        return false;
    thread->not_before_ns =
        clock_present_ns() + 1 + (int64_t)fault_choose(LATE_MS_MAX * UINT64_C(1000000));
    sim_event_at(&thread->wake, thread->not_before_ns);
    return true;
}

static bool can_run(struct sim_thread *thread)
{
    if (thread->has_ended)
        return false;
    if (thread->test != NULL && !thread->test(thread->test_arg) &&
        (thread->until_ns == NEVER_NS || thread->until_ns > clock_present_ns()))
        return false;
    return !is_late(thread);
}

static struct sim_thread *choose(void)
{
    struct sim_thread *able = NULL;
    uint64_t of = 0;

    LIST_FOR_EACH (node, &threads) {
        struct sim_thread *thread = CONTAINER_OF(node, struct sim_thread, node);

        if (can_run(thread) && (++of == 1 || fault_choose(of) == 0))
            able = thread;
    }
    return able;
}

void threads_run(void)
{
    struct sim_thread *thread;

    while (count > 0 && (thread = choose()) != NULL) {
        enter(thread);
        if (thread->has_ended && thread->is_detached)
            thread_free(thread);
    }
}

void threads_run_promptly(void)
{
    are_prompt = true;
    threads_run();
    are_prompt = false;
}

uint64_t threads_switches(void)
{
    return switches;
}

static bool wait_as_thread(struct sim_thread *thread, threads_test_fn *test, void *arg,
                           int64_t until_ns)
{
    thread->test = test;
    thread->test_arg = arg;
    thread->until_ns = until_ns;
    if (until_ns != NEVER_NS)
        sim_event_at(&thread->wake, until_ns);
    leave(thread);
    sim_event_stop(&thread->wake);
    thread->test = NULL;
    return test(arg);
}

bool threads_wait(threads_test_fn *test, void *arg, int64_t until_ns)
{
    if (running != NULL)
        return wait_as_thread(running, test, arg, until_ns);
    while (!test(arg)) {
        if (!turn_idle(until_ns))
            return test(arg);
    }
    return true;
}

/* The functions of pthreads */

int threads_create(pthread_t *pthread, void *(*run)(void *arg), void *arg)
{
    struct sim_thread *thread;

    if (fault_hits(FAULT_NO_THREAD))
        return EAGAIN;
    thread = xcalloc(1, sizeof(*thread));
    thread->run = run;
    thread->arg = arg;
    thread->stack = xmalloc(STACK_BYTES);
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = STACK_BYTES;
    LIBC(makecontext)(&thread->context, start, 0);
    sim_event_init(&thread->wake, on_wake, thread);
    list_append(&threads, &thread->node);
    count++;
    memcpy(pthread, &thread, sizeof(thread));
    return 0;
}

static struct sim_thread *thread_of(pthread_t pthread)
{
    struct sim_thread *thread;

    memcpy(&thread, &pthread, sizeof(thread));
    return thread;
}

static bool has_ended(void *arg)
{
    const struct sim_thread *thread = arg;

    return thread->has_ended;
}

int threads_join(pthread_t pthread, void **result)
{
    struct sim_thread *thread = thread_of(pthread);

    threads_wait(has_ended, thread, NEVER_NS);
    thread_free(thread);
    if (result != NULL)
        *result = NULL;
    return 0;
}

int threads_detach(pthread_t pthread)
{
    struct sim_thread *thread = thread_of(pthread);

    if (thread->has_ended)
        thread_free(thread);
    else
        thread->is_detached = true;
    return 0;
}

size_t threads_count(void)
{
    return count;
}

/* Conditions: kept in the memory of the pthread_cond_t. All zero is PTHREAD_COND_INITIALIZER. A
 * signal is only for those that wait already. */

struct waiter {
    struct waiter *next;
    bool is_woken;
};

struct condition {
    struct waiter *waiters; /* the newest first */
    clockid_t clock;
};

_Static_assert(sizeof(struct condition) <= sizeof(pthread_cond_t), "no room");

static struct condition load(const pthread_cond_t *from)
{
    struct condition c;

    memcpy(&c, from, sizeof(c));
    return c;
}

static void store(pthread_cond_t *to, struct condition c)
{
    memcpy(to, &c, sizeof(c));
}

int condition_init(pthread_cond_t *condition, clockid_t clock)
{
    memset(condition, 0, sizeof(*condition));
    store(condition, (struct condition){.clock = clock});
    return 0;
}

static void add_waiter(pthread_cond_t *condition, struct waiter *waiter)
{
    struct condition c = load(condition);

    waiter->next = c.waiters;
    c.waiters = waiter;
    store(condition, c);
}

static void remove_waiter(pthread_cond_t *condition, const struct waiter *waiter)
{
    struct condition c = load(condition);
    struct waiter **at = &c.waiters;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    store(condition, c);
}

static bool is_woken(void *arg)
{
    const struct waiter *waiter = arg;

    return waiter->is_woken;
}

static int64_t until_ns(clockid_t clock, const struct timespec *until)
{
    const int64_t ns = (int64_t)until->tv_sec * 1000000000 + until->tv_nsec;

    return clock == CLOCK_REALTIME ? ns - (sim_wall_now() - sim_now()) : ns;
}

int condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    const clockid_t clock = load(condition).clock;
    struct waiter own = {0};

    add_waiter(condition, &own);
    pthread_mutex_unlock(lock);
    threads_wait(is_woken, &own, until == NULL ? NEVER_NS : until_ns(clock, until));
    pthread_mutex_lock(lock);
    remove_waiter(condition, &own);
    return own.is_woken ? 0 : ETIMEDOUT;
}

void condition_signal(pthread_cond_t *condition, bool all)
{
    struct waiter *oldest = NULL;

    for (struct waiter *w = load(condition).waiters; w != NULL; w = w->next) {
        if (all)
            w->is_woken = true;
        else if (!w->is_woken)
            oldest = w;
    }
    if (oldest != NULL)
        oldest->is_woken = true;
}
