#include "unit.h"

#include "monitor/warning_ring.h"

static void test_keeps_only_what_may_be_shown(void **state)
{
    struct warning_ring *ring = xcalloc(1, sizeof(*ring));
    const struct log_field fields[] = {
        LOG_STR("proto", "socketmap"), LOG_STR("table", "../secret"), {0},
        LOG_STR("nearest", "alias"),   LOG_STR("count", "text"),      LOG_UINT("socket", 5),
        LOG_UINT("count", 7)};
    const struct warning *w;

    (void)state;
    warning_ring_add(ring, 10, LOG_LEVEL_WARNING, "unknown_table", fields, ARRAY_LEN(fields));
    warning_ring_add(ring, 11, LOG_LEVEL_WARNING, "counters", fields, ARRAY_LEN(fields));
    warning_ring_add(ring, 11, LOG_LEVEL_WARNING, "of_tomorrow", fields, ARRAY_LEN(fields));
    assert_int_equal(warning_ring_count(ring), 1);
    w = warning_ring_at(ring, 0);
    assert_string_equal(w->kind->event, "unknown_table");
    assert_string_equal(w->texts[0], "socketmap");
    assert_string_equal(w->texts[1], "");
    assert_true(w->has_number[0]);
    assert_int_equal(w->numbers[0], 7);
    assert_int_equal(w->at_ms, 10);
    free(ring);
}

static void test_keeps_the_last(void **state)
{
    struct warning_ring *ring = xcalloc(1, sizeof(*ring));

    (void)state;
    for (unsigned i = 0; i < WARNING_RING_SIZE + 7; i++)
        warning_ring_add(ring, i, LOG_LEVEL_ERROR, "write_lost", &LOG_UINT("writes", i), 1);
    assert_int_equal(warning_ring_count(ring), WARNING_RING_SIZE);
    assert_int_equal(warning_ring_at(ring, 0)->numbers[0], 7);
    assert_int_equal(warning_ring_at(ring, WARNING_RING_SIZE - 1)->at_ms, WARNING_RING_SIZE + 6);
    free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_only_what_may_be_shown),
        cmocka_unit_test(test_keeps_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
