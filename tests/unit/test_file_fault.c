#include "unit.h"

#include "podop/file_fault.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DENIED                                                                                     \
    " by the sandbox or a security module, not by the permissions: a restart lets podop use new "  \
    "directories"

static void test_a_denial_despite_the_permissions(void **state)
{
    (void)state;
    assert_string_equal(file_denial(EACCES, "/", R_OK), DENIED);
    assert_string_equal(file_denial(EACCES, "/no-such-file", R_OK), "");
    assert_string_equal(file_denial(ENOENT, "/", R_OK), "");
    assert_string_equal(file_denial(EPERM, "/", R_OK), "");
}

static void test_the_permissions_are_the_reason(void **state)
{
    char path[] = "/tmp/podop-test-fault-XXXXXX";
    const int fd = mkstemp(path);

    (void)state;
    assert_int_not_equal(fd, -1);
    close(fd);
    assert_int_equal(chmod(path, 0), 0);
    /* root may read it all the same, but nobody can run it */
    assert_string_equal(file_denial(EACCES, path, X_OK), "");
    assert_string_equal(file_denial(EACCES, path, R_OK), geteuid() == 0 ? DENIED : "");
    unlink(path);
}

static void test_the_fault(void **state)
{
    struct error err = {0};

    (void)state;
    errno = ENOENT;
    assert_int_equal(file_fault(&err, "/a"), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_string_equal(err.text, "/a: No such file or directory");
    errno = EACCES;
    file_fault(&err, "/");
    assert_string_equal(err.text, "/: Permission denied" DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_denial_despite_the_permissions),
        cmocka_unit_test(test_the_permissions_are_the_reason),
        cmocka_unit_test(test_the_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
