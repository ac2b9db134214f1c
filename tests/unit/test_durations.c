#include "unit.h"

#include "podop/durations.h"

static void test_buckets(void **state)
{
    struct durations d = {0};

    (void)state;
    durations_add_at_once(&d);
    durations_add(&d, 100);
    durations_add(&d, 101);
    durations_add(&d, 10 * 1000 * 1000);
    durations_add(&d, UINT64_C(10) * 1000 * 1000 + 1);
    assert_int_equal(d.counts[0], 2);
    assert_int_equal(d.counts[1], 1);
    assert_int_equal(d.counts[DURATION_BUCKETS - 2], 1);
    assert_int_equal(d.counts[DURATION_BUCKETS - 1], 1);
    assert_int_equal(durations_count(&d), 5);
    assert_int_equal(d.sum_us, 20000202);
    for (size_t i = 1; i < DURATION_BUCKETS - 1; i++)
        assert_true(duration_bound_us[i] > duration_bound_us[i - 1]);
}

static void test_quantiles(void **state)
{
    struct durations d = {0}, earlier;

    (void)state;
    assert_int_equal(durations_quantile_us(&d, 500), DURATION_UNKNOWN);
    for (int i = 0; i < 100; i++)
        durations_add(&d, 7000); /* in the bucket from 5,000 to 10,000 */
    assert_int_equal(durations_quantile_us(&d, 500), 7500);
    assert_int_equal(durations_quantile_us(&d, 990), 9950);
    earlier = d;
    durations_add(&d, 60 * 1000 * 1000); /* 10 s is all that is known */
    assert_int_equal(durations_quantile_us(&d, 1000), 10 * 1000 * 1000);
    durations_subtract(&d, &earlier);
    assert_int_equal(durations_count(&d), 1);
    assert_int_equal(d.sum_us, 60 * 1000 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buckets),
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
