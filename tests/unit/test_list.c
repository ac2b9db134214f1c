#include "podop/list.h"

#include "unit.h"

struct item {
    int number;
    struct list_node node;
};

static struct item *item_of(struct list_node *node)
{
    return LIST_ENTRY_OR_NULL(node, struct item, node);
}

/* The numbers of the list's items as decimal digits, read forwards; and backwards for the check. */
static int digits(const struct list *list)
{
    int forwards = 0, backwards = 0, place = 1;

    LIST_FOR_EACH (at, list)
        forwards = forwards * 10 + item_of(at)->number;
    for (struct list_node *at = list->ring.prev; at != &list->ring; at = at->prev, place *= 10)
        backwards += item_of(at)->number * place;
    assert_int_equal(forwards, backwards);
    return forwards;
}

static void test_empty(void **state)
{
    struct list list;

    (void)state;
    list_init(&list);
    assert_true(list_is_empty(&list));
    assert_null(list_first(&list));
    assert_null(list_pop(&list));
    assert_int_equal(list_count(&list), 0);
}

static void test_order(void **state)
{
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}};
    struct list list;

    (void)state;
    list_init(&list);
    list_append(&list, &items[1].node);
    list_append(&list, &items[2].node);
    list_prepend(&list, &items[0].node);
    list_insert_before(&items[2].node, &items[3].node);
    assert_int_equal(digits(&list), 1243);
    assert_int_equal(list_count(&list), 4);
    assert_ptr_equal(list_next(&list, &items[0].node), &items[1].node);
    assert_null(list_next(&list, &items[2].node));
    assert_ptr_equal(list_previous(&list, &items[1].node), &items[0].node);
    assert_null(list_previous(&list, &items[0].node));
}

static void test_remove_each(void **state)
{
    static const int left[] = {23, 13, 12};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
        struct list list;

        list_init(&list);
        for (size_t k = 0; k < ARRAY_LEN(items); k++)
            list_append(&list, &items[k].node);
        list_remove(&items[i].node);
        assert_false(list_has(&items[i].node));
        list_remove(&items[i].node); /* does nothing */
        assert_int_equal(digits(&list), left[i]);
        list_append(&list, &items[i].node); /* can be added again */
        assert_int_equal(digits(&list), left[i] * 10 + items[i].number);
    }
}

static void test_pop(void **state)
{
    struct item items[] = {{.number = 1}, {.number = 2}};
    struct list list;

    (void)state;
    list_init(&list);
    list_append(&list, &items[0].node);
    list_append(&list, &items[1].node);
    assert_ptr_equal(list_pop(&list), &items[0].node);
    assert_false(list_has(&items[0].node));
    assert_ptr_equal(list_pop(&list), &items[1].node);
    assert_null(list_pop(&list));
}

static void test_move_all(void **state)
{
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list from, to;

    (void)state;
    list_init(&from);
    list_init(&to);
    list_move_all(&to, &from); /* nothing to nothing */
    assert_true(list_is_empty(&to));
    list_append(&from, &items[1].node);
    list_append(&from, &items[2].node);
    list_append(&to, &items[0].node);
    list_move_all(&to, &from);
    assert_true(list_is_empty(&from));
    assert_int_equal(digits(&to), 123);
    list_move_all(&from, &to); /* to an empty one */
    assert_int_equal(digits(&from), 123);
    list_move_all(&from, &to); /* from an empty one */
    assert_int_equal(digits(&from), 123);
}

static void test_safe_walk(void **state)
{
    struct item items[] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list list;

    (void)state;
    list_init(&list);
    for (size_t k = 0; k < ARRAY_LEN(items); k++)
        list_append(&list, &items[k].node);
    LIST_FOR_EACH_SAFE (at, &list) {
        if (item_of(at)->number != 2)
            list_remove(at);
    }
    assert_int_equal(digits(&list), 2);
}

/* The macro evaluates its argument once, so that list_pop() takes one node. */
static void test_entry_of_a_popped_node(void **state)
{
    struct item items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
    struct list list;

    (void)state;
    list_init(&list);
    for (size_t k = 0; k < ARRAY_LEN(items); k++)
        list_append(&list, &items[k].node);
    assert_ptr_equal(LIST_ENTRY_OR_NULL(list_pop(&list), struct item, node), &items[0]);
    assert_int_equal(digits(&list), 23);
    list_init(&list);
    assert_null(LIST_ENTRY_OR_NULL(list_pop(&list), struct item, node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_remove_each),
        cmocka_unit_test(test_pop),
        cmocka_unit_test(test_move_all),
        cmocka_unit_test(test_safe_walk),
        cmocka_unit_test(test_entry_of_a_popped_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
