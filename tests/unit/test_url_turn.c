#include "unit.h"

#include "table/url/url_turn.h"

#include <ev.h>

enum {
    MAX_CONNECTIONS = 2 * URL_TURNS_KEY_PART,
    FREE = MAX_CONNECTIONS / URL_TURNS_FREE_PART,
    PART = 2,
    TAKEN = FREE + PART,
    HASH = 77,
};

struct waiter {
    struct url_turn turn;
    unsigned calls;
    bool is_late;
};

static struct ev_loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

static void on_done(void *arg, bool is_late)
{
    struct waiter *w = arg;

    w->calls++;
    w->is_late = is_late;
}

static bool take(struct url_turns *turns, struct waiter *w, uint64_t hash)
{
    return url_turn_take(turns, &w->turn, MAX_CONNECTIONS) ||
           url_turn_take_of(turns, &w->turn, hash, MAX_CONNECTIONS);
}

static void wait_for_turn(struct url_turns *turns, struct waiter *w, uint64_t ms)
{
    url_turn_wait(turns, &w->turn, ms, on_done, w);
}

/* So many that the next of the same key has to wait. */
static void fill(struct url_turns *turns, struct waiter *taken)
{
    for (int i = 0; i < TAKEN; i++)
        assert_true(take(turns, &taken[i], HASH));
}

static void end_all(struct url_turns *turns, struct waiter *taken)
{
    for (int i = 0; i < TAKEN; i++)
        url_turn_end(turns, &taken[i].turn);
    assert_int_equal(turns->under_way, 0);
    for (int i = 0; i < URL_TURN_SLOTS; i++)
        assert_null(turns->slots[i]);
}

static void test_one_key_leaves_room(void **state)
{
    struct url_turns turns = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, first = {0}, second = {0}, other[PART + 1] = {0};

    (void)state;
    fill(&turns, taken);
    assert_false(take(&turns, &first, HASH));
    wait_for_turn(&turns, &first, service_now_ms(loop) + 1000000);
    assert_false(take(&turns, &second, HASH));
    wait_for_turn(&turns, &second, service_now_ms(loop) + 1000000);
    for (int i = 0; i < PART; i++)
        assert_true(take(&turns, &other[i], HASH + 2)); /* another key does not notice */
    assert_false(take(&turns, &other[PART], HASH + 2));
    url_turn_end(&turns, &other[PART].turn);
    url_turn_end(&turns, &taken[TAKEN - 1].turn);
    assert_int_equal(first.calls, 0); /* from the loop only */
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(first.calls, 1);
    assert_false(first.is_late);
    assert_int_equal(second.calls, 0);
    url_turn_end(&turns, &first.turn);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(second.calls, 1);
    url_turn_end(&turns, &second.turn);
    url_turn_end(&turns, &second.turn); /* any number of times */
    for (int i = 0; i < PART; i++)
        url_turn_end(&turns, &other[i].turn);
    end_all(&turns, taken);
}

static void test_its_time_is_over(void **state)
{
    struct url_turns turns = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, late = {0};

    (void)state;
    fill(&turns, taken);
    assert_false(take(&turns, &late, HASH));
    wait_for_turn(&turns, &late, service_now_ms(loop) + 1);
    while (late.calls == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_true(late.is_late);
    url_turn_end(&turns, &late.turn);
    end_all(&turns, taken);
}

/* Whoever goes in the queue, or with a turn that it has not heard of yet, gives way to the next. */
static void test_one_that_goes(void **state)
{
    struct url_turns turns = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, waiting[3] = {0};

    (void)state;
    fill(&turns, taken);
    for (int i = 0; i < 3; i++) {
        assert_false(take(&turns, &waiting[i], HASH));
        wait_for_turn(&turns, &waiting[i], service_now_ms(loop) + 1000000);
    }
    url_turn_end(&turns, &waiting[0].turn);
    url_turn_end(&turns, &taken[TAKEN - 1].turn); /* the second's turn, which goes */
    url_turn_end(&turns, &waiting[1].turn);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(waiting[0].calls + waiting[1].calls, 0);
    assert_int_equal(waiting[2].calls, 1);
    url_turn_end(&turns, &waiting[2].turn);
    end_all(&turns, taken);
}

/* A pool of few connections has none to spare, unless the key was slow before. */
static void test_small_pool(void **state)
{
    enum { FEW = 8 };
    struct url_turns turns = {.loop = loop};
    struct waiter any[100] = {0}, slow[2] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(any); i++)
        assert_true(url_turn_take(&turns, &any[i].turn, FEW));
    url_turns_add_slow(&turns, HASH);
    url_turns_add_slow(&turns, HASH);
    assert_int_equal(turns.slow_count, 1);
    assert_true(url_turns_is_slow(&turns, HASH));
    assert_false(url_turns_is_slow(&turns, HASH + 2));
    assert_true(url_turn_take_of(&turns, &slow[0].turn, HASH, FEW));
    assert_false(url_turn_take_of(&turns, &slow[1].turn, HASH, FEW));
    url_turns_remove_slow(&turns, HASH);
    assert_true(url_turn_take_of(&turns, &slow[1].turn, HASH, FEW));
    for (size_t i = 0; i < ARRAY_LEN(any); i++)
        url_turn_end(&turns, &any[i].turn);
    url_turn_end(&turns, &slow[0].turn);
    url_turn_end(&turns, &slow[1].turn);
    assert_int_equal(turns.under_way, 0);
}

static void test_as_many_slow_keys_as_there_is_room_for(void **state)
{
    struct url_turns turns = {.loop = loop};

    (void)state;
    for (uint64_t key = 1; key <= 3 * URL_SLOW_KEYS_MAX; key++)
        url_turns_add_slow(&turns, key);
    assert_int_equal(turns.slow_count, URL_SLOW_KEYS_MAX);
    assert_true(url_turns_is_slow(&turns, 3 * URL_SLOW_KEYS_MAX));
    assert_false(url_turns_is_slow(&turns, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_key_leaves_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_its_time_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_many_slow_keys_as_there_is_room_for, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
