#include "unit.h"

#include "podop/error.h"

#include <errno.h>

static void test_error_set(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(error_set(&err, ERR_LIMIT, "%s is %d", "x", 7), -1);
    assert_int_equal(err.kind, ERR_LIMIT);
    assert_string_equal(err.text, "x is 7");
    assert_int_equal(error_set(&err, ERR_INPUT, "y"), -1); /* the last call counts */
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.text, "y");
}

static void test_error_errno(void **state)
{
    struct error err = {0};

    (void)state;
    errno = ENOENT;
    assert_int_equal(error_errno(&err, "open %s", "/x"), -1);
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_string_equal(err.text, "open /x: No such file or directory");
}

static void test_error_prefix(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERR_BIND, "in use");
    assert_int_equal(error_prefix(&err, "listen on %s", "/a"), -1);
    assert_int_equal(err.kind, ERR_BIND); /* the kind stays the same */
    assert_string_equal(err.text, "listen on /a: in use");
    error_prefix(&err, "%s", "podop.conf:3");
    assert_string_equal(err.text, "podop.conf:3: listen on /a: in use");
}

/* Texts of any length are cut, end with a NUL, and keep their beginning. */
static void test_error_long_texts_are_cut(void **state)
{
    char text[2000];

    (void)state;
    for (size_t len = 0; len < sizeof(text); len += len < 600 ? 1 : 100) {
        struct error err = {0};
        size_t kept;

        memset(text, 'x', len);
        text[len] = '\0';
        error_set(&err, ERR_INPUT, "%s", text);
        kept = len < sizeof(err.text) ? len : sizeof(err.text) - 1;
        assert_int_equal(strlen(err.text), kept);
        error_prefix(&err, "file");
        assert_int_equal(strncmp(err.text, "file: x", len == 0 ? 6 : 7), 0);
        assert_true(strlen(err.text) < sizeof(err.text));
        error_prefix(&err, "%s", text);
        assert_true(strlen(err.text) < sizeof(err.text));
        errno = EACCES;
        error_errno(&err, "%s", text);
        assert_non_null(strstr(err.text, ": Permission denied"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_set),
        cmocka_unit_test(test_error_errno),
        cmocka_unit_test(test_error_prefix),
        cmocka_unit_test(test_error_long_texts_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
