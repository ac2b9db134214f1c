#include "unit.h"

#include "podop/slices.h"

#include "podop/clock.h"

enum { SLICE_US = 2000 };

static struct ev_loop *loop;
static struct slices slices;
static unsigned steps, last_step;

static bool step(void *arg)
{
    (void)arg;
    return ++steps < last_step;
}

/* A step that uses up a slice. */
static bool long_step(void *arg)
{
    const uint64_t until_us = clock_now_us() + SLICE_US;

    (void)arg;
    while (clock_now_us() < until_us)
        ;
    return ++steps < last_step;
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    steps = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    slices_stop(&slices);
    ev_loop_destroy(loop);
    return 0;
}

static void test_runs_to_the_last_step(void **state)
{
    (void)state;
    slices_init(&slices, loop, SLICE_US, step, NULL);
    last_step = 10;
    slices_start(&slices);
    assert_int_equal(steps, 0); /* from the next turn on */
    ev_run(loop, 0);            /* until there is nothing left to do */
    assert_int_equal(steps, 10);
}

static void test_starting_twice_is_starting_once(void **state)
{
    (void)state;
    slices_init(&slices, loop, SLICE_US, step, NULL);
    last_step = 1;
    slices_start(&slices);
    slices_start(&slices);
    ev_run(loop, 0);
    assert_int_equal(steps, 1);
}

static void test_one_slice_in_a_turn(void **state)
{
    (void)state;
    slices_init(&slices, loop, SLICE_US, long_step, NULL);
    last_step = 3;
    slices_start(&slices);
    for (unsigned turn = 1; turn <= 3; turn++) {
        ev_run(loop, EVRUN_ONCE);
        assert_int_equal(steps, turn);
    }
    assert_false(ev_is_active(&slices.next_turn));
}

static void test_stop(void **state)
{
    struct slices unused = {0};

    (void)state;
    slices_stop(&unused);
    slices_init(&slices, loop, SLICE_US, step, NULL);
    last_step = 3;
    slices_start(&slices);
    slices_stop(&slices);
    ev_run(loop, 0);
    assert_int_equal(steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_runs_to_the_last_step, setup, teardown),
        cmocka_unit_test_setup_teardown(test_starting_twice_is_starting_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_slice_in_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
