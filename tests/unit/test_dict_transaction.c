#include "unit.h"

#include "protocol/dict_transaction.h"

enum { OPEN_MAX = 1024, CHANGES_MAX = 4096, OPEN_BYTES_MAX = 16 * 1024 * 1024 };

static struct dict_transactions all;

static int setup(void **state)
{
    (void)state;
    dict_transactions_init(&all);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dict_transactions_deinit(&all);
    assert_int_equal(all.count, 0);
    assert_int_equal(all.bytes, 0);
    return 0;
}

/* Takes the transaction and asserts its fault, which may be NULL. */
static struct transaction *take(uint32_t id, const char *expected)
{
    char *fault;
    struct transaction *t = dict_transaction_take(&all, id, &fault);

    if (expected == NULL)
        assert_null(fault);
    else
        assert_string_equal(fault, expected);
    free(fault);
    return t;
}

static void test_changes_in_their_order(void **state)
{
    struct transaction *t;

    (void)state;
    assert_true(dict_transaction_begin(&all, 7, SPAN("bob"), 60));
    dict_transaction_set_time(&all, 7, SPAN("12"), SPAN("34"));
    dict_transaction_set(&all, 7, SPAN("priv/a"), SPAN("x"));
    dict_transaction_unset(&all, 7, SPAN("shared/b"));
    dict_transaction_increment(&all, 7, SPAN("priv/c"), SPAN("-5"));
    assert_true(all.bytes > 0);
    t = take(7, NULL);
    assert_int_equal(all.bytes, 0);
    assert_string_equal(t->user, "bob");
    assert_int_equal(t->expire_s, 60);
    assert_true(t->has_timestamp && t->timestamp_s == 12 && t->timestamp_ns == 34);
    assert_int_equal(t->count, 3);
    assert_int_equal(t->changes[0].kind, CHANGE_SET);
    assert_true(span_equal(t->changes[0].key.key, SPAN("a")));
    assert_true(span_equal(t->changes[0].key.user, SPAN("bob")));
    assert_true(span_equal(t->changes[0].value, SPAN("x")));
    assert_int_equal(t->changes[1].kind, CHANGE_UNSET);
    assert_false(t->changes[1].key.is_private);
    assert_int_equal(t->changes[2].kind, CHANGE_INCREMENT);
    assert_int_equal(t->changes[2].increment, -5);
    transaction_free(&t);
}

static void test_times_that_are_not_valid(void **state)
{
    static const struct {
        struct span seconds, nanoseconds;
    } cases[] = {
        {TEXT("x"), TEXT("1")},
        {TEXT("1"), TEXT("1000000000")},
        {TEXT("1"), TEXT("-1")},
        {TEXT(""), TEXT("")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct transaction *t;

        assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
        dict_transaction_set_time(&all, 1, cases[i].seconds, cases[i].nanoseconds);
        t = take(1, NULL);
        if (t->has_timestamp)
            fail_msg("case %zu", i);
        transaction_free(&t);
    }
}

/* Changes with an id that is not open have no effect, and a commit of that id fails. */
static void test_unknown_transactions(void **state)
{
    struct transaction *t;

    (void)state;
    assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
    dict_transaction_set(&all, 2, SPAN("shared/a"), SPAN("x"));
    dict_transaction_unset(&all, 2, SPAN("shared/a"));
    dict_transaction_increment(&all, 2, SPAN("shared/a"), SPAN("1"));
    dict_transaction_set_time(&all, 2, SPAN("1"), SPAN("1"));
    dict_transaction_rollback(&all, 2);
    assert_int_equal(all.count, 1);
    t = take(2, "unknown transaction");
    assert_int_equal(t->count, 0);
    transaction_free(&t);
    t = take(1, NULL);
    assert_int_equal(t->count, 0);
    transaction_free(&t);
}

static void test_ids_are_unique_while_open(void **state)
{
    (void)state;
    assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
    assert_false(dict_transaction_begin(&all, 1, SPAN(""), 0));
    dict_transaction_rollback(&all, 1);
    assert_int_equal(all.count, 0);
    assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
    assert_false(dict_transaction_begin(&all, 2, SPAN("a\0b"), 0));
}

/* A transaction keeps its first fault, and none of its changes is committed. */
static void test_faults(void **state)
{
    static const struct {
        const char *name, *amount, *fault; /* amount NULL: a value is set */
    } cases[] = {
        {"a", NULL, "a key must begin with priv/ or shared/"},
        {"priv/a", NULL, "a priv/ key needs a user"},
        {"shared/a", "x", "the increment is not a number"},
        {"shared/a", "", "the increment is not a number"},
        {"a", "1", "a key must begin with priv/ or shared/"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct span name = span_of(cases[i].name);
        struct transaction *t;

        assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
        dict_transaction_set(&all, 1, SPAN("shared/good"), SPAN("x"));
        if (cases[i].amount == NULL)
            dict_transaction_set(&all, 1, name, SPAN("x"));
        else
            dict_transaction_increment(&all, 1, name, span_of(cases[i].amount));
        assert_int_equal(all.bytes, 0);
        dict_transaction_unset(&all, 1, SPAN("shared/good"));
        dict_transaction_unset(&all, 1, SPAN("another fault"));
        t = take(1, cases[i].fault);
        if (t->count != 0)
            fail_msg("case %zu", i);
        transaction_free(&t);
    }
}

static void test_open_transactions_are_limited(void **state)
{
    (void)state;
    for (uint32_t id = 0; id < OPEN_MAX; id++)
        assert_true(dict_transaction_begin(&all, id, SPAN("u"), 0));
    assert_false(dict_transaction_begin(&all, OPEN_MAX, SPAN("u"), 0));
    dict_transaction_rollback(&all, 5);
    assert_true(dict_transaction_begin(&all, OPEN_MAX, SPAN("u"), 0));
}

static void test_changes_are_limited(void **state)
{
    struct transaction *t;

    (void)state;
    for (int more = 0; more < 2; more++) {
        assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
        for (int i = 0; i < CHANGES_MAX + more; i++)
            dict_transaction_unset(&all, 1, SPAN("shared/a"));
        t = take(1, more ? "the transaction has too many changes" : NULL);
        assert_int_equal(t->count, more ? 0 : CHANGES_MAX);
        transaction_free(&t);
    }
}

/* The limit is for all transactions of a connection. The bytes of one that fails do not count. */
static void test_bytes_are_limited(void **state)
{
    static char value[OPEN_BYTES_MAX / 4];
    const struct span quarter = {value, sizeof(value)};
    struct transaction *t;

    (void)state;
    assert_true(dict_transaction_begin(&all, 1, SPAN(""), 0));
    assert_true(dict_transaction_begin(&all, 2, SPAN(""), 0));
    for (int i = 0; i < 3; i++)
        dict_transaction_set(&all, 1, SPAN("shared/a"), quarter);
    dict_transaction_set(&all, 2, SPAN("shared/a"), quarter);
    t = take(2, "the open transactions of this connection are too large");
    transaction_free(&t);
    t = take(1, NULL);
    assert_int_equal(t->count, 3);
    transaction_free(&t);
}

#define WITH_ALL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_ALL(test_changes_in_their_order),
        WITH_ALL(test_times_that_are_not_valid),
        WITH_ALL(test_unknown_transactions),
        WITH_ALL(test_ids_are_unique_while_open),
        WITH_ALL(test_faults),
        WITH_ALL(test_open_transactions_are_limited),
        WITH_ALL(test_changes_are_limited),
        WITH_ALL(test_bytes_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
