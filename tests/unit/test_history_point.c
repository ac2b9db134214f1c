#include "unit.h"

#include "monitor/history_point.h"
#include "podop/quantile.h"

static void test_between(void **state)
{
    struct history_point from = {.at_ms = 1000, .lookups = 10, .found = 6, .miss = 3, .failed = 1};
    struct history_point to = {.at_ms = 61000, .lookups = 15, .found = 8, .miss = 5, .failed = 2};
    struct history_point between;

    (void)state;
    from.duration[0] = 9;
    to.duration[0] = 9;
    to.duration[1] = 5;
    between = history_point_between(&from, &to);
    assert_int_equal(between.at_ms, 60000);
    assert_int_equal(between.lookups, 5);
    assert_int_equal(between.found, 2);
    assert_int_equal(between.miss, 2);
    assert_int_equal(between.failed, 1);
    assert_int_equal(between.duration[0], 0);
    assert_int_equal(history_point_quantile_us(&between, 1000), 250);
}

static void test_counters_that_began_anew(void **state)
{
    const struct history_point from = {.at_ms = 1000, .lookups = 10, .found = 6};
    const struct history_point to = {.at_ms = 2000, .lookups = 3, .found = 2};
    const struct history_point between = history_point_between(&from, &to);

    (void)state;
    assert_int_equal(between.lookups, 3);
    assert_int_equal(between.found, 2);
    assert_int_equal(history_point_quantile_us(&between, 500), QUANTILE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between),
        cmocka_unit_test(test_counters_that_began_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
