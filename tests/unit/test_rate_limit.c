#include "podop/rate_limit.h"

#include "unit.h"

static void test_once_in_an_interval(void **state)
{
    static const struct {
        uint64_t now_ms;
        bool is_allowed;
    } events[] = {
        {0, true},       {0, false},   {99, false}, {100, true},
        {150, false},    {199, false}, {200, true}, {100000, true}, /* after a long silence: one */
        {100001, false},
    };
    struct rate_limit limit = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        if (rate_limit_allows(&limit, events[i].now_ms, 100) != events[i].is_allowed)
            fail_msg("event %zu, at %llu ms", i, (unsigned long long)events[i].now_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_once_in_an_interval)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
