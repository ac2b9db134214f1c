#include "unit.h"

#include "server/privileges.h"

#include <sys/wait.h>
#include <unistd.h>

enum { UNUSED_ID = 1999999999 };

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
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_only_root_can_change),
        cmocka_unit_test(test_root_drops_its_privileges_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
