#include "unit.h"

#include "server/privileges.h"

#include <sys/wait.h>
#include <unistd.h>

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
    assert_int_equal(privileges_find_user("1999999999", &uid, &gid, &err), 0);
    assert_true(uid == UNUSED_ID && gid == UNUSED_ID);
    gid = 1;
    assert_int_equal(privileges_find_group("1999999999", &gid, &err), 0);
    assert_true(gid == UNUSED_ID);
    assert_int_equal(privileges_find_user("4294967294", &uid, &gid, &err), 0); /* the largest */
    assert_true(uid == 4294967294U);
}

static void test_names(void **state)
{
    struct error err = {0};
    uid_t uid = 1;
    gid_t gid = 1;

    (void)state;
    assert_int_equal(privileges_find_user("root", &uid, &gid, &err), 0);
    assert_true(uid == 0 && gid == 0);
    gid = 1;
    assert_int_equal(privileges_find_group("root", &gid, &err), 0);
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
        if (privileges_find_user(unknown[i], &uid, &gid, &err) != -1)
            fail_msg("user '%s'", unknown[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_string_equal(err.text, expected);
        if (privileges_find_group(unknown[i], &gid, &err) != -1)
            fail_msg("group '%s'", unknown[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
    assert_true(uid == 1 && gid == 1);
}

static void test_nothing_to_do(void **state)
{
    struct error err = {0};
    char user[20], group[20];

    (void)state;
    assert_int_equal(privileges_drop(NULL, NULL, &err), 0);
    if (geteuid() == 0)
        return;
    snprintf(user, sizeof(user), "%u", (unsigned)geteuid());
    snprintf(group, sizeof(group), "%u", (unsigned)getegid());
    assert_int_equal(privileges_drop(user, group, &err), 0);
}

static void test_only_root_can_change(void **state)
{
    struct error err = {0};

    (void)state;
    if (geteuid() == 0)
        skip();
    assert_int_equal(privileges_drop("0", NULL, &err), -1);
    assert_int_equal(err.kind, ERR_BIND);
    assert_string_equal(err.text, "only root can change to user '0': start podop as root, or as "
                                  "that user");
    assert_int_equal(privileges_drop(NULL, "0", &err), -1);
    assert_string_equal(err.text, "only root can change to group '0': start podop as root");
}

/* In a child, because there is no way back. */
static int drop_for_ever(void)
{
    struct error err = {0};
    uid_t ruid, euid, suid;

    if (privileges_drop("1999999999", "1999999998", &err) == -1)
        return err.kind == ERR_BIND ? 77 : 1; /* root of a container may lack the capability */
    if (getresuid(&ruid, &euid, &suid) == -1 || ruid != UNUSED_ID || euid != ruid || suid != ruid)
        return 2;
    if (getegid() != UNUSED_ID - 1 || getgroups(0, NULL) != 0)
        return 3;
    return setresuid(0, 0, 0) == 0 ? 4 : 0;
}

static void test_root_drops_its_privileges_for_ever(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    pid = fork();
    assert_int_not_equal(pid, -1);
    if (pid == 0)
        _exit(drop_for_ever());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_need_no_entry),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown_ones),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_only_root_can_change),
        cmocka_unit_test(test_root_drops_its_privileges_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
