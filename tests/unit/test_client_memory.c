#include "unit.h"

#include "server/client_memory.h"

enum { MIB = 1024 * 1024, LIMIT = 64 * MIB, FINE = 48 * MIB, OF_ONE_TURN = 4 * MIB };

static struct ev_loop *loop;
static struct client_memory memory;
static size_t counted;
static size_t freed_by_tick;
static unsigned ticks, sparing_ticks, relieved_count;

static void relieve(void *arg, bool spares_readers)
{
    (void)arg;
    ticks++;
    sparing_ticks += spares_readers;
    client_memory_count(&memory, &counted, counted - freed_by_tick);
}

static void relieved(void *arg)
{
    (void)arg;
    relieved_count++;
}

static const struct client_memory_ops ops = {.relieve = relieve, .relieved = relieved};

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    client_memory_init(&memory, loop, &ops, NULL);
    counted = freed_by_tick = 0;
    ticks = sparing_ticks = relieved_count = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    client_memory_deinit(&memory);
    ev_loop_destroy(loop);
    return 0;
}

/* Lets the timer pass once, whatever the time is. */
static void tick(void)
{
    ev_feed_event(loop, &memory.tick, EV_TIMER);
    ev_invoke_pending(loop);
}

static void test_counts_the_sum(void **state)
{
    size_t first = 0, second = 0;

    (void)state;
    client_memory_count(&memory, &first, 100);
    client_memory_count(&memory, &second, 50);
    client_memory_count(&memory, &first, 30);
    assert_int_equal(memory.bytes, 80);
    assert_int_equal(first, 30);
    client_memory_count(&memory, &first, 0);
    client_memory_count(&memory, &second, 0);
    assert_int_equal(memory.bytes, 0);
}

static void test_a_turn_takes_only_so_much(void **state)
{
    (void)state;
    client_memory_count(&memory, &counted, OF_ONE_TURN);
    assert_false(memory.is_under_pressure);
    client_memory_count(&memory, &counted, OF_ONE_TURN + 1);
    assert_true(memory.is_under_pressure && client_memory_is_turn_over(&memory));
    client_memory_begin_turn(&memory);
    assert_false(memory.is_under_pressure || client_memory_is_turn_over(&memory));
}

static void test_relief_ends_well_below_the_limit(void **state)
{
    (void)state;
    client_memory_count(&memory, &counted, LIMIT);
    assert_false(memory.is_over_limit || ev_is_active(&memory.tick));
    client_memory_count(&memory, &counted, LIMIT + 1);
    assert_true(memory.is_over_limit && ev_is_active(&memory.tick));
    assert_false(client_memory_is_turn_over(&memory)); /* the pressure lasts longer than a turn */
    client_memory_begin_turn(&memory);
    assert_true(memory.is_under_pressure);
    freed_by_tick = 1;
    tick();
    assert_true(memory.is_over_limit); /* at the limit is not enough */
    freed_by_tick = LIMIT - FINE;
    tick();
    assert_false(memory.is_over_limit || memory.is_under_pressure || ev_is_active(&memory.tick));
    assert_int_equal(ticks, 2);
    assert_int_equal(relieved_count, 1);
}

static void test_slow_readers_are_spared_at_first(void **state)
{
    (void)state;
    client_memory_count(&memory, &counted, LIMIT + 1);
    for (int i = 0; i < 20; i++)
        tick();
    assert_int_equal(ticks, 20);
    assert_int_equal(sparing_ticks, 7);
    assert_int_equal(relieved_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_the_sum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_turn_takes_only_so_much, setup, teardown),
        cmocka_unit_test_setup_teardown(test_relief_ends_well_below_the_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_readers_are_spared_at_first, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
