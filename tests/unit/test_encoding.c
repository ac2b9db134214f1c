#include "unit.h"

#include "podop/encoding.h"

static void test_encoding_mark(void **state)
{
    (void)state;
    assert_true(span_equal(encoding_skip_mark(SPAN("\xef\xbb\xbf{}")), SPAN("{}")));
    assert_true(span_equal(encoding_skip_mark(SPAN("\xef\xbb\xbf")), SPAN("")));
    assert_true(span_equal(encoding_skip_mark(SPAN("\xef\xbb")), SPAN("\xef\xbb")));
    assert_true(span_equal(encoding_skip_mark(SPAN("")), SPAN("")));
    assert_true(span_equal(encoding_skip_mark(SPAN(" \xef\xbb\xbf")), SPAN(" \xef\xbb\xbf")));
}

static void test_encoding_foreign(void **state)
{
    static const struct {
        struct span text;
        const char *encoding;
    } cases[] = {
        {TEXT(""), NULL},
        {TEXT("a"), NULL},
        {TEXT("a = 1;"), NULL},
        {TEXT("\xef\xbb\xbf{}"), NULL},
        {TEXT("\xe4\xf6\xfc"), NULL},
        {TEXT("a\0bc"), NULL}, /* a NUL byte alone is a fault of its own */
        {TEXT("\xff\xfe"), "UTF-16"},
        {TEXT("\xfe\xff\0a"), "UTF-16"},
        {TEXT("a\0b\0"), "UTF-16"},
        {TEXT("\0a\0b"), "UTF-16"},
        {TEXT("\xff\xfe\0\0a\0\0\0"), "UTF-32"},
        {TEXT("\0\0\xfe\xff"), "UTF-32"},
        {TEXT("a\0\0\0"), "UTF-32"},
        {TEXT("\0\0\0a"), "UTF-32"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *found = encoding_foreign(cases[i].text);

        if ((found == NULL) != (cases[i].encoding == NULL) ||
            (found != NULL && strcmp(found, cases[i].encoding) != 0))
            fail_msg("case %zu: %s", i, found == NULL ? "none" : found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encoding_mark),
        cmocka_unit_test(test_encoding_foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
