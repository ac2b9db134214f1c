#include "unit.h"

#include "podop/account.h"

enum { UNUSED_ID = 1999999999 };

#include <errno.h>
#include <grp.h>
#include <pwd.h>

/* The user database: the errno of a search that finds nothing. */
static int database_errno;

struct passwd *getpwnam(const char *name)
{
    static struct passwd root;

    if (database_errno == 0 && strcmp(name, "root") == 0)
        return &root;
    errno = database_errno;
    return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
    (void)uid;
    errno = database_errno;
    return NULL;
}

struct group *getgrnam(const char *name)
{
    static struct group root;

    if (database_errno == 0 && strcmp(name, "root") == 0)
        return &root;
    errno = database_errno;
    return NULL;
}

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

/* What a system may say of an entry that does not exist, and of a search that failed. */
static void test_a_database_that_fails(void **state)
{
    static const struct {
        int code;
        enum error_kind kind;
    } cases[] = {{0, ERR_CONFIG},     {ENOENT, ERR_CONFIG}, {ESRCH, ERR_CONFIG},
                 {EPERM, ERR_CONFIG}, {EMFILE, ERR_SYSTEM}, {EIO, ERR_SYSTEM},
                 {ENOMEM, ERR_SYSTEM}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error user = {0}, group = {0};
        uid_t uid;
        gid_t gid;

        database_errno = cases[i].code;
        assert_int_equal(account_find_user("some", &uid, &gid, &user), -1);
        assert_int_equal(account_find_group("some", &gid, &group), -1);
        assert_int_equal(user.kind, cases[i].kind);
        assert_int_equal(group.kind, cases[i].kind);
        assert_int_equal(account_find_user("7", &uid, &gid, &user),
                         cases[i].kind == ERR_CONFIG ? 0 : -1);
        assert_int_equal(account_find_group("7", &gid, &group), 0);
    }
    database_errno = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_need_no_entry), cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_ones),          cmocka_unit_test(test_the_number_of_a_text),
        cmocka_unit_test(test_a_database_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
