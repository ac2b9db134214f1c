#include "unit.h"

#include "podop/durations.h"

static struct durations durations;

static int setup(void **state)
{
    (void)state;
    durations = (struct durations){0};
    return 0;
}

/* A bound belongs to the bucket below it. */
static void test_buckets(void **state)
{
    const struct histogram h = durations_histogram(&durations);

    (void)state;
    assert_int_equal(h.buckets, DURATION_BUCKETS);
    assert_int_equal(h.bounds[DURATION_BUCKETS - 1], 0);
    for (size_t i = 0; i + 1 < DURATION_BUCKETS; i++) {
        durations = (struct durations){0};
        durations_add(&durations, h.bounds[i]);
        assert_int_equal(durations.count[i], 1);
        durations_add(&durations, h.bounds[i] + 1);
        assert_int_equal(durations.count[i + 1], 1);
        if (i > 0)
            assert_true(h.bounds[i] > h.bounds[i - 1]);
    }
}

static void test_sum_and_total(void **state)
{
    (void)state;
    assert_int_equal(durations_total(&durations), 0);
    durations_add(&durations, 0);
    durations_add(&durations, 3000);
    durations_add(&durations, UINT64_C(1) << 40);
    assert_int_equal(durations_total(&durations), 3);
    assert_int_equal(durations.sum_us, 3000 + (UINT64_C(1) << 40));
    assert_int_equal(durations.count[0], 1);
    assert_int_equal(durations.count[DURATION_BUCKETS - 1], 1);
    assert_int_equal(durations_histogram(&durations).sum_us, durations.sum_us);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_buckets, setup),
        cmocka_unit_test_setup(test_sum_and_total, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
