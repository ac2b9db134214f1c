#include "unit.h"

#include "monitor/outages.h"

#define BACKEND SPAN("http://h:1")

static void assert_newest(const struct outages *all, size_t count, uint64_t began_ms,
                          uint64_t ended_ms)
{
    struct outage_list list;

    outages_of(all, BACKEND, &list);
    assert_int_equal(list.count, count);
    assert_int_equal(list.items[count - 1].began_ms, began_ms);
    assert_int_equal(list.items[count - 1].ended_ms, ended_ms);
}

static void test_outage_of_several_tables_is_one(void **state)
{
    struct outages all;
    struct outage_list list;

    (void)state;
    outages_init(&all);
    outages_recovered(&all, BACKEND, 5); /* began before podop watched */
    outages_of(&all, BACKEND, &list);
    assert_int_equal(list.count, 0);
    outages_failed(&all, BACKEND, 10);
    outages_failed(&all, BACKEND, 11);
    outages_failed(&all, SPAN("http://h:10"), 11);
    outages_recovered(&all, BACKEND, 12);
    assert_newest(&all, 1, 10, 0);
    outages_recovered(&all, BACKEND, 13);
    assert_newest(&all, 1, 10, 13);
    outages_failed(&all, BACKEND, 20);
    assert_newest(&all, 2, 20, 0);
    outages_deinit(&all);
}

static void walk(struct outages *all, size_t failing, uint64_t now_ms)
{
    outages_begin(all);
    outages_see(all, BACKEND, false);
    for (size_t i = 0; i < failing; i++)
        outages_see(all, BACKEND, true);
    outages_end(all, now_ms);
}

static void test_outage_of_a_table_that_went(void **state)
{
    struct outages all;

    (void)state;
    outages_init(&all);
    walk(&all, 1, 9); /* began before podop watched */
    assert_newest(&all, 1, 9, 0);
    walk(&all, 0, 10);
    outages_failed(&all, BACKEND, 10);
    outages_failed(&all, BACKEND, 11);
    walk(&all, 1, 12);
    assert_newest(&all, 2, 10, 0);
    walk(&all, 0, 13);
    assert_newest(&all, 2, 10, 13);
    outages_begin(&all);
    outages_failed(&all, BACKEND, 14); /* after its table was walked */
    outages_end(&all, 15);
    assert_newest(&all, 3, 14, 0);
    outages_deinit(&all);
}

static void test_bounds(void **state)
{
    struct outages all;
    struct outage_list list;
    char name[20];

    (void)state;
    outages_init(&all);
    for (uint64_t i = 1; i <= OUTAGES_MAX + 5; i++) {
        outages_failed(&all, BACKEND, 10 * i);
        outages_recovered(&all, BACKEND, 10 * i + 1);
    }
    outages_of(&all, BACKEND, &list);
    assert_int_equal(list.count, OUTAGES_MAX);
    assert_int_equal(list.items[0].began_ms, 60);
    assert_newest(&all, OUTAGES_MAX, 250, 251);
    for (int i = 0; i < OUTAGE_BACKENDS_MAX; i++) {
        snprintf(name, sizeof(name), "http://h%d", i);
        outages_failed(&all, span_of(name), 1000);
    }
    assert_int_equal(all.count, OUTAGE_BACKENDS_MAX);
    assert_int_equal(list_count(&all.backends), OUTAGE_BACKENDS_MAX);
    outages_of(&all, BACKEND, &list);
    assert_int_equal(list.count, 0); /* the oldest one is forgotten */
    outages_of(&all, SPAN("http://h0"), &list);
    assert_int_equal(list.count, 1);
    outages_deinit(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outage_of_several_tables_is_one),
        cmocka_unit_test(test_outage_of_a_table_that_went),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
