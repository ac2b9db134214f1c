#include "unit.h"

#include "podop/thread.h"

#include <signal.h>

/* Counts the signals that the thread may get. */
static void *count_signals(void *arg)
{
    size_t *count = arg;
    sigset_t blocked;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < 32; number++)
        *count += number != SIGKILL && number != SIGSTOP && sigismember(&blocked, number) == 0;
    return arg;
}

static void test_signals_are_blocked(void **state)
{
    size_t count = 0;
    sigset_t before, after;
    pthread_t thread;
    void *result;

    (void)state;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_int_equal(thread_start(&thread, count_signals, &count), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &count);
    assert_int_equal(count, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_signals_are_blocked)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
