#include "config_case.h"

#include "server/access.h"

static struct reported reported;

static const char *check(const char *user, enum path_need need, const char *path)
{
    static char origin[] = "podop.conf:7";
    char path_[100], user_[100];
    struct config_path paths[] = {{.origin = origin, .path = path_, .need = need}};
    struct config config = {.paths = paths, .path_count = 1, .user = user == NULL ? NULL : user_};

    snprintf(path_, sizeof(path_), "%s", path);
    snprintf(user_, sizeof(user_), "%s", user == NULL ? "" : user);
    reported.text[0] = '\0';
    access_check(&config, collect, &reported);
    return reported.text;
}

static void test_what_exists_and_is_allowed(void **state)
{
    (void)state;
    write_text("file", "");
    assert_string_equal(check("podop", PATH_READ, "file"), "");
    assert_string_equal(check("podop", PATH_MAKE_SOCKETS, "."), "");
    assert_string_equal(check("podop", PATH_RUN, "/bin/sh"), "");
    unlink("file");
}

static void test_warnings(void **state)
{
    (void)state;
    write_text("file", "");
    assert_string_equal(check("podop", PATH_READ, "none"),
                        "podop.conf:7: warning: user 'podop' cannot read none: "
                        "No such file or directory\n");
    assert_string_equal(check("podop", PATH_RUN, "file"),
                        "podop.conf:7: warning: user 'podop' cannot run file: "
                        "Permission denied\n");
    assert_string_equal(check("podop", PATH_MAKE_SOCKETS, "none"),
                        "podop.conf:7: warning: user 'podop' cannot make and remove sockets in "
                        "none: No such file or directory\n");
    unlink("file");
}

static void test_without_a_configured_user_the_number_is_named(void **state)
{
    char expected[200];

    (void)state;
    snprintf(expected, sizeof(expected),
             "podop.conf:7: warning: user %u cannot read none: No such file or directory\n",
             (unsigned)geteuid());
    assert_string_equal(check(NULL, PATH_READ, "none"), expected);
}

/* The service that makes the socket may start after podop. */
static void test_a_socket_may_be_missing(void **state)
{
    (void)state;
    assert_string_equal(check("podop", PATH_CONNECT, "none"), "");
    assert_string_equal(check("podop", PATH_CONNECT, "/bin/sh/none"),
                        "podop.conf:7: warning: user 'podop' cannot connect to /bin/sh/none: "
                        "Not a directory\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_exists_and_is_allowed),
        cmocka_unit_test(test_warnings),
        cmocka_unit_test(test_without_a_configured_user_the_number_is_named),
        cmocka_unit_test(test_a_socket_may_be_missing),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
