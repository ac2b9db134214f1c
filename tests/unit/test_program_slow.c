#include "unit.h"

#include "table/program/program_slow.h"

static void test_remembered_until_removed(void **state)
{
    struct program_slow slow = {.count = 0};

    (void)state;
    assert_false(program_slow_has(&slow, 7));
    program_slow_add(&slow, 7);
    program_slow_add(&slow, 7);
    program_slow_add(&slow, 8);
    assert_int_equal(slow.count, 2);
    program_slow_remove(&slow, 9);
    program_slow_remove(&slow, 7);
    assert_false(program_slow_has(&slow, 7));
    assert_true(program_slow_has(&slow, 8));
}

static void test_no_key_is_never_slow(void **state)
{
    struct program_slow slow = {.count = 0};

    (void)state;
    program_slow_add(&slow, 0);
    assert_int_equal(slow.count, 0);
    assert_false(program_slow_has(&slow, 0));
}

static void test_oldest_is_forgotten(void **state)
{
    struct program_slow slow = {.count = 0};

    (void)state;
    for (uint64_t key = 1; key <= PROGRAM_SLOW_KEYS_MAX + 2; key++)
        program_slow_add(&slow, key);
    assert_false(program_slow_has(&slow, 1));
    assert_false(program_slow_has(&slow, 2));
    for (uint64_t key = 3; key <= PROGRAM_SLOW_KEYS_MAX + 2; key++)
        assert_true(program_slow_has(&slow, key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembered_until_removed),
        cmocka_unit_test(test_no_key_is_never_slow),
        cmocka_unit_test(test_oldest_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
