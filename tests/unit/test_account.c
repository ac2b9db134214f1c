#include "unit.h"

#include "podop/account.h"

enum { UNUSED_ID = 1999999999 };

/* Neither a number nor a name that exists. */
static const char *const unknown[] = {"",    " 1",         "+1",          "-1",
                                      "12x", "4294967295", "99999999999", "no.such.name"};

static void test_numbers_need_no_entry(void **state)
{
    struct error err = {0};
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    assert_int_equal(account_find_user("1999999999", &uid, &gid, &err), 0);
    assert_true(uid == UNUSED_ID && gid == UNUSED_ID);
    gid = 1;
    assert_int_equal(account_find_group("1999999999", &gid, &err), 0);
    assert_true(gid == UNUSED_ID);
    assert_int_equal(account_find_user("4294967294", &uid, &gid, &err), 0); /* the largest */
    assert_true(uid == 4294967294U);
}

static void test_names(void **state)
{
    struct error err = {0};
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    assert_int_equal(account_find_user("root", &uid, &gid, &err), 0);
    assert_true(uid == 0 && gid == 0);
    gid = 1;
    assert_int_equal(account_find_group("root", &gid, &err), 0);
    assert_true(gid == 0);
}

static void test_unknown_ones(void **state)
{
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        struct error err = {0};
        char expected[100];

        snprintf(expected, sizeof(expected), "there is no user '%s'", unknown[i]);
        if (account_find_user(unknown[i], &uid, &gid, &err) != -1)
            fail_msg("user '%s'", unknown[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_string_equal(err.text, expected);
        if (account_find_group(unknown[i], &gid, &err) != -1)
            fail_msg("group '%s'", unknown[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
    assert_true(uid == 1 && gid == 1);
}

static void test_the_number_of_a_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++)
        assert_int_equal(account_number(unknown[i]), -1);
    assert_int_equal(account_number("0"), 0);
    assert_int_equal(account_number("4294967294"), 4294967294L);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_need_no_entry),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_ones),
        cmocka_unit_test(test_the_number_of_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
