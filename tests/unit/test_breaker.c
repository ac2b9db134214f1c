#include "unit.h"

#include "podop/breaker.h"

static void fail_often(struct breaker *b, unsigned times, uint64_t now_ms)
{
    for (unsigned i = 0; i < times; i++)
        breaker_failed(b, false, now_ms);
}

static void test_breaker_opens_after_failures_in_a_row(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_FAILURES_MAX - 1, 10);
    assert_false(breaker_is_open(&b));
    breaker_worked(&b, false); /* not in a row any more */
    fail_often(&b, BREAKER_FAILURES_MAX - 1, 20);
    assert_false(breaker_is_open(&b));
    assert_false(breaker_take_trial(&b, 1000000)); /* nothing to try */
    breaker_failed(&b, false, 30);
    assert_true(breaker_is_open(&b));
}

static void test_breaker_one_trial_after_the_pause(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_FAILURES_MAX, 50);
    assert_false(breaker_take_trial(&b, 50));
    assert_false(breaker_take_trial(&b, 50 + BREAKER_PAUSE_MIN_MS - 1));
    assert_true(breaker_take_trial(&b, 50 + BREAKER_PAUSE_MIN_MS));
    assert_true(breaker_is_open(&b)); /* for all the others */
    assert_false(breaker_take_trial(&b, 50 + BREAKER_PAUSE_MIN_MS));
    assert_false(breaker_take_trial(&b, 1000000));
    breaker_worked(&b, true);
    assert_false(breaker_is_open(&b));
    fail_often(&b, BREAKER_FAILURES_MAX - 1, 2000000); /* it counts from the beginning */
    assert_false(breaker_is_open(&b));
}

static void test_breaker_pause_doubles_up_to_a_limit(void **state)
{
    static const uint32_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    struct breaker b = {0};
    uint64_t now_ms = 7;

    (void)state;
    fail_often(&b, BREAKER_FAILURES_MAX, now_ms);
    for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
        assert_false(breaker_take_trial(&b, now_ms + pauses_ms[i] - 1));
        now_ms += pauses_ms[i];
        assert_true(breaker_take_trial(&b, now_ms));
        now_ms += 100; /* it takes a while to fail; the pause counts from then */
        breaker_failed(&b, true, now_ms);
    }
    assert_true(breaker_take_trial(&b, now_ms + BREAKER_PAUSE_MAX_MS));
    breaker_worked(&b, true);
    fail_often(&b, BREAKER_FAILURES_MAX, now_ms); /* and from the shortest again */
    assert_true(breaker_take_trial(&b, now_ms + BREAKER_PAUSE_MIN_MS));
}

static void test_breaker_trial_given_up_is_free(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_FAILURES_MAX, 0);
    assert_true(breaker_take_trial(&b, 1000));
    breaker_drop_trial(&b);
    assert_true(breaker_is_open(&b));
    assert_true(breaker_take_trial(&b, 1000)); /* at once: nothing was learnt */
}

/* What was under way when it was left alone neither prolongs the pause nor ends it. */
static void test_breaker_late_ends_do_not_count(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_FAILURES_MAX + 64, 0);
    breaker_worked(&b, false);
    assert_true(breaker_is_open(&b));
    fail_often(&b, 64, 999);
    assert_true(breaker_take_trial(&b, 1000));
    fail_often(&b, 64, 1001);
    breaker_worked(&b, false);
    assert_true(breaker_is_open(&b));
    assert_false(breaker_take_trial(&b, 5000)); /* the trial still runs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_breaker_opens_after_failures_in_a_row),
        cmocka_unit_test(test_breaker_one_trial_after_the_pause),
        cmocka_unit_test(test_breaker_pause_doubles_up_to_a_limit),
        cmocka_unit_test(test_breaker_trial_given_up_is_free),
        cmocka_unit_test(test_breaker_late_ends_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
