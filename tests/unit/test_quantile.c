#include "unit.h"

#include "podop/quantile.h"

static void test_quantiles(void **state)
{
    static const uint32_t bounds[] = {100, 250, 500, 0};
    static const struct {
        uint64_t counts[4];
        unsigned per_mille;
        int64_t expected;
    } cases[] = {
        {{0, 0, 0, 0}, 500, QUANTILE_UNKNOWN},
        {{0, 100, 0, 0}, 0, 100},
        {{0, 100, 0, 0}, 500, 175},
        {{0, 100, 0, 0}, 1000, 250},
        {{100, 0, 100, 0}, 500, 100},
        {{100, 0, 100, 0}, 750, 375},
        {{1, 0, 0, 1}, 990, 500}, /* all that is known of the last bucket */
        {{4, 0, 0, 0}, 250, 25},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct histogram h = {.bounds = bounds, .counts = cases[i].counts, .buckets = 4};

        AT_CASE("%zu", i);
        assert_int_equal(quantile_of(&h, cases[i].per_mille), cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
