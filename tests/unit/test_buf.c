#include "unit.h"

#include "podop/buf.h"

static void test_buf_stops_at_its_maximum(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 5);
    buf_add(&b, SPAN("abc"));
    buf_add(&b, SPAN("de"));
    assert_false(b.is_over);
    assert_true(span_equal(buf_span(&b), SPAN("abcde")));
    buf_add_char(&b, 'f');
    assert_true(b.is_over);
    assert_true(span_equal(buf_span(&b), SPAN("abcde")));
    buf_clear(&b);
    buf_add(&b, SPAN("xyz"));
    assert_false(b.is_over);
    assert_string_equal(buf_string(&b), "xyz");
    buf_deinit(&b);
}

static void test_buf_failure_is_sticky(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    buf_add(&b, SPAN("12345"));
    buf_add(&b, SPAN("1"));
    assert_true(b.is_over);
    assert_null(buf_string(&b));
    buf_deinit(&b);
}

static void test_buf_drop(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_add(&b, SPAN("hello world"));
    buf_drop(&b, 6);
    assert_true(span_equal(buf_span(&b), SPAN("world")));
    buf_drop(&b, 5);
    assert_int_equal(b.len, 0);
    buf_deinit(&b);
}

static void test_buf_numbers(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } cases[] = {{0, "0"}, {9, "9"}, {10, "10"}, {UINT64_MAX, "18446744073709551615"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;

        buf_init(&b, 100);
        buf_add_uint(&b, cases[i].n);
        assert_string_equal(buf_string(&b), cases[i].text);
        buf_deinit(&b);
    }
}

static void test_buf_percent_every_byte(void **state)
{
    static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const char c = (char)byte;
        char escaped[4];
        struct buf b;

        snprintf(escaped, sizeof(escaped), "%%%02X", byte);
        for (int keep_slash = 0; keep_slash < 2; keep_slash++) {
            bool stays = (c != '\0' && strchr(kept, c) != NULL) || (c == '/' && keep_slash);

            buf_init(&b, 8);
            buf_add_percent(&b, (struct span){&c, 1}, keep_slash);
            assert_true(span_equal(buf_span(&b), stays ? (struct span){&c, 1} : span_of(escaped)));
            buf_deinit(&b);
        }
    }
}

static void test_buf_percent_in_a_text(void **state)
{
    static const struct {
        struct span bytes;
        const char *text; /* with the slash kept */
    } cases[] = {
        {TEXT(""), ""},
        {TEXT("a"), "a"},
        {TEXT("%"), "%25"},
        {TEXT("/"), "/"},
        {TEXT("user@a.b"), "user%40a.b"},
        {TEXT("@user@"), "%40user%40"},
        {TEXT("@@"), "%40%40"},
        {TEXT("a/b c/"), "a/b%20c/"},
        {TEXT("\0\xff/~"), "%00%FF/~"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].text);

        for (size_t max = 0; max <= len + 1; max++) {
            struct buf b;

            buf_init(&b, max);
            buf_add_percent(&b, cases[i].bytes, true);
            assert_int_equal(b.is_over, max < len);
            if (max >= len)
                assert_true(span_equal(buf_span(&b), span_of(cases[i].text)));
            buf_deinit(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_stops_at_its_maximum),
        cmocka_unit_test(test_buf_failure_is_sticky),
        cmocka_unit_test(test_buf_drop),
        cmocka_unit_test(test_buf_numbers),
        cmocka_unit_test(test_buf_percent_every_byte),
        cmocka_unit_test(test_buf_percent_in_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
