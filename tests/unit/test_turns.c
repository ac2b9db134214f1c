#include "unit.h"

#include "podop/turns.h"

enum { MS = 1000 };

static const uint64_t start_us = 5000 * MS;

static void turn(struct turns *t, uint64_t *now_us, uint64_t wait_ms, uint64_t work_ms)
{
    *now_us += wait_ms * MS;
    turns_begin(t, *now_us, *now_us);
    *now_us += work_ms * MS;
    turns_end(t, *now_us);
}

/* Returns turns after a first wait. */
static struct turns begun(uint64_t *now_us)
{
    struct turns t = {0};

    *now_us = start_us;
    turns_end(&t, *now_us);
    return t;
}

static void test_clock_goes_with_the_monotonic_one(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    for (int i = 0; i < 100; i++)
        turn(&t, &now_us, 30, 20);
    assert_int_equal(t.lost_us, 0);
    assert_int_equal(turns_now_ms(&t), 5000 + 100 * 50);
    assert_true(turns_may_judge(&t));
}

/* A wait without a planned end is not lost, because no request was under way. */
static void test_long_rest_is_no_loss(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    turns_begin(&t, now_us + 3600 * 1000 * (uint64_t)MS, 0);
    assert_int_equal(t.lost_us, 0);
    assert_int_equal(turns_now_ms(&t), 5000 + 3600 * 1000);
}

static void test_late_wake_up_is_lost(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    turns_begin(&t, now_us + 4000 * MS, now_us + 100 * MS);
    assert_int_equal(t.lost_us, (4000 - TURN_SLACK_MS) * MS);
    assert_int_equal(turns_now_ms(&t), 5000 + TURN_SLACK_MS);
}

/* Being late by no more than the slack is not lost time. */
static void test_slack_is_not_lost(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    turns_begin(&t, now_us + (100 + TURN_SLACK_MS) * MS, now_us + 100 * MS);
    assert_int_equal(t.lost_us, 0);
    turns_begin(&t, now_us + (100 + TURN_SLACK_MS) * MS, now_us + 100 * MS);
    assert_int_equal(t.lost_us, 0);
}

static void test_long_turn_is_lost(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    turn(&t, &now_us, 10, 3000);
    assert_int_equal(t.lost_us, (3000 - TURN_SLACK_MS) * MS);
    assert_int_equal(turns_now_ms(&t), 5000 + 10 + TURN_SLACK_MS);
    assert_int_equal(t.longest_us, 3000 * MS);
    /* The wait is late because of the long turn before, which has been counted. */
    turns_begin(&t, now_us + 1 * MS, now_us - 2000 * MS);
    assert_int_equal(t.lost_us, (3000 - TURN_SLACK_MS) * MS);
}

static void test_clock_never_goes_back(void **state)
{
    static const uint64_t work_ms[] = {0, 1, 49, 50, 51, 52, 1000, 3, 60, 60, 60, 0};
    uint64_t now_us, last_ms = 0;
    struct turns t = begun(&now_us);

    (void)state;
    for (size_t i = 0; i < sizeof(work_ms) / sizeof(*work_ms); i++) {
        now_us += 20 * MS * (i % 4) * (i % 4) * (i % 4);
        turns_begin(&t, now_us, start_us);
        assert_true(turns_now_ms(&t) >= last_ms);
        last_ms = turns_now_ms(&t);
        now_us += work_ms[i] * MS;
        turns_end(&t, now_us);
        assert_true(turns_now_ms(&t) >= last_ms);
        last_ms = turns_now_ms(&t);
    }
}

static void test_judging_waits_for_a_further_turn(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    now_us += 4000 * MS;
    turns_begin(&t, now_us, start_us);
    assert_false(turns_may_judge(&t));
    turns_end(&t, now_us);
    turns_begin(&t, now_us + (TURN_CATCH_UP_MS - 1) * MS, 0);
    assert_false(turns_may_judge(&t));
    turns_begin(&t, now_us + TURN_CATCH_UP_MS * MS, 0);
    assert_true(turns_may_judge(&t));
}

/* Catching up ends, even on a machine that is always late. */
static void test_catching_up_ends_though_all_turns_are_late(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);
    unsigned judged = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        now_us += 400 * MS;
        turns_begin(&t, now_us, now_us - 300 * MS);
        judged += turns_may_judge(&t);
        turns_end(&t, now_us);
    }
    assert_int_equal(judged, 10);
    assert_int_equal(turns_now_ms(&t), 5000 + 20 * TURN_SLACK_MS);
}

static void test_turns_are_counted_by_their_length(void **state)
{
    uint64_t now_us;
    struct turns t = begun(&now_us);

    (void)state;
    for (unsigned i = 0; i < TURN_BUCKETS - 1; i++) {
        for (unsigned n = 0; n <= i; n++)
            turn(&t, &now_us, 1, turn_bucket_ms[i]);
    }
    turn(&t, &now_us, 1, 501);
    for (unsigned i = 0; i < TURN_BUCKETS - 1; i++)
        assert_int_equal(t.count[i], i + 1);
    assert_int_equal(t.count[TURN_BUCKETS - 1], 1);
    assert_int_equal(t.longest_us, 501 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_goes_with_the_monotonic_one),
        cmocka_unit_test(test_long_rest_is_no_loss),
        cmocka_unit_test(test_late_wake_up_is_lost),
        cmocka_unit_test(test_slack_is_not_lost),
        cmocka_unit_test(test_long_turn_is_lost),
        cmocka_unit_test(test_clock_never_goes_back),
        cmocka_unit_test(test_judging_waits_for_a_further_turn),
        cmocka_unit_test(test_catching_up_ends_though_all_turns_are_late),
        cmocka_unit_test(test_turns_are_counted_by_their_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
