#include "unit.h"

#include "podop/span.h"

static void test_span_compares_bytes(void **state)
{
    static const struct {
        struct span a, b;
        bool is_equal, starts;
    } cases[] = {
        {TEXT(""), TEXT(""), true, true},           {{NULL, 0}, TEXT(""), true, true},
        {TEXT("abc"), TEXT("abc"), true, true},     {TEXT("abc"), TEXT("abd"), false, false},
        {TEXT("abc"), TEXT("ab"), false, true},     {TEXT("ab"), TEXT("abc"), false, false},
        {TEXT("abc"), {NULL, 0}, false, true},      {{NULL, 0}, TEXT("a"), false, false},
        {TEXT("a\0b"), TEXT("a\0c"), false, false}, {TEXT("a\0b"), TEXT("a\0b"), true, true},
        {TEXT("ABC"), TEXT("abc"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(span_equal(cases[i].a, cases[i].b), cases[i].is_equal);
        assert_int_equal(span_equal(cases[i].b, cases[i].a), cases[i].is_equal);
        assert_int_equal(span_starts_with(cases[i].a, cases[i].b), cases[i].starts);
    }
}

static void test_span_skips_and_finds(void **state)
{
    const struct span s = SPAN("a\0b");
    const struct span none = {NULL, 0};

    (void)state;
    assert_true(span_equal(span_skip(s, 0), s));
    assert_true(span_equal(span_skip(s, 2), SPAN("b")));
    assert_int_equal(span_skip(s, 3).len, 0);
    assert_null(span_skip(none, 0).ptr);
    assert_true(span_has_byte(s, '\0'));
    assert_true(span_has_byte(s, 'b'));
    assert_false(span_has_byte(s, 'c'));
    assert_false(span_has_byte((struct span){s.ptr, 2}, 'b'));
    assert_false(span_has_byte(none, '\0'));
    assert_true(span_equal(span_of("xy"), SPAN("xy")));
    assert_int_equal(span_of("").len, 0);
}

/* Encodes code in len bytes, even if that is not the right number. */
static struct span encode(char to[4], unsigned long code, size_t len)
{
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = len; i > 1; i--) {
        to[i - 1] = (char)(unsigned char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    to[0] = (char)(unsigned char)(marks[len] | code);
    return (struct span){to, len};
}

static void test_span_utf8_every_code_point(void **state)
{
    static const unsigned long limits[] = {0, 0x80, 0x800, 0x10000, 0x200000};
    char bytes[4];

    (void)state;
    for (size_t len = 1; len <= 4; len++) {
        for (unsigned long code = 0; code < limits[len]; code++) {
            bool is_shortest = code >= limits[len - 1];
            bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
            bool is_valid = is_shortest && !is_surrogate && code <= 0x10ffff;
            size_t got = span_utf8_char(encode(bytes, code, len));

            if (got != (is_valid ? len : 0))
                fail_msg("U+%04lX in %zu bytes: %zu", code, len, got);
        }
    }
}

static void test_span_utf8_cut_or_broken(void **state)
{
    static const struct span chars[] = {TEXT("\xc3\xb6"), TEXT("\xe2\x82\xac"),
                                        TEXT("\xf0\x9f\x93\xa7")};
    static const unsigned char wrong[] = {0x00, 0x41, 0x7f, 0xc0, 0xc3, 0xe2, 0xf0, 0xff};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(chars); i++) {
        assert_int_equal(span_utf8_char(chars[i]), chars[i].len);
        for (size_t len = 1; len < chars[i].len; len++)
            assert_int_equal(span_utf8_char((struct span){chars[i].ptr, len}), 0);
        for (size_t at = 1; at < chars[i].len; at++) {
            for (size_t w = 0; w < ARRAY_LEN(wrong); w++) {
                char bytes[4];

                memcpy(bytes, chars[i].ptr, chars[i].len);
                bytes[at] = (char)wrong[w];
                assert_int_equal(span_utf8_char((struct span){bytes, chars[i].len}), 0);
            }
        }
    }
    for (unsigned byte = 0x80; byte < 0x100; byte++) { /* none of them is valid alone */
        const char c = (char)byte;

        assert_int_equal(span_utf8_char((struct span){&c, 1}), 0);
    }
}

/* Eight bytes are checked in one step: a fault must be found at every position. */
static void test_span_utf8_prefix_at_every_place(void **state)
{
    static const struct span chars[] = {TEXT("\xc3\xb6"), TEXT("\xe2\x82\xac"),
                                        TEXT("\xf0\x9f\x93\xa7")};
    char text[40];

    (void)state;
    for (size_t at = 0; at < sizeof(text); at++) {
        memset(text, 'a', sizeof(text));
        text[at] = (char)0xff;
        assert_int_equal(span_utf8_prefix((struct span){text, sizeof(text)}), at);
        assert_false(span_is_utf8((struct span){text, sizeof(text)}));
        assert_true(span_is_utf8((struct span){text, at}));
        for (size_t i = 0; i < ARRAY_LEN(chars) && at + chars[i].len <= sizeof(text); i++) {
            memset(text, 'a', sizeof(text));
            memcpy(text + at, chars[i].ptr, chars[i].len);
            assert_true(span_is_utf8((struct span){text, sizeof(text)}));
            for (size_t len = 1; len < chars[i].len; len++)
                assert_int_equal(span_utf8_prefix((struct span){text, at + len}), at);
        }
    }
    assert_true(span_is_utf8((struct span){NULL, 0}));
    assert_true(span_is_utf8(SPAN("a\0b"))); /* NUL is valid */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span_compares_bytes),
        cmocka_unit_test(test_span_skips_and_finds),
        cmocka_unit_test(test_span_utf8_every_code_point),
        cmocka_unit_test(test_span_utf8_cut_or_broken),
        cmocka_unit_test(test_span_utf8_prefix_at_every_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
