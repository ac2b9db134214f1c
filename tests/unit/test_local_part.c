#include "unit.h"

#include "mail/local_part.h"

static void test_is_quoted(void **state)
{
    static const struct {
        struct span text;
        size_t prefix;
    } cases[] = {
        {TEXT("\"a\""), 3},   {TEXT("\"\""), 2},     {TEXT("\"a\"b"), 3}, {TEXT("\"\\\"\""), 4},
        {TEXT("\"a\\\""), 0}, {TEXT("\"a\\"), 0},    {TEXT("\""), 0},     {TEXT("a\"b\""), 0},
        {TEXT("\"\0\""), 3},  {TEXT("\"\\\\\""), 4}, {TEXT("a"), 0},      {{NULL, 0}, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu: '%.*s'", i, (int)cases[i].text.len, cases[i].text.ptr);
        assert_int_equal(local_part_quoted_prefix(cases[i].text), cases[i].prefix);
        assert_int_equal(local_part_is_quoted(cases[i].text),
                         cases[i].prefix > 0 && cases[i].prefix == cases[i].text.len);
    }
}

static void test_quote(void **state)
{
    static const struct {
        struct span text, quoted;
    } cases[] = {
        {TEXT("bob"), TEXT("bob")},
        {TEXT("bob.smith"), TEXT("bob.smith")},
        {TEXT("a!#$%&'*+-/=?^_`{|}~b"), TEXT("a!#$%&'*+-/=?^_`{|}~b")},
        {TEXT("j\xc3\xb6rg"), TEXT("j\xc3\xb6rg")},
        {TEXT("\xff"), TEXT("\xff")},
        {TEXT("a b"), TEXT("\"a b\"")},
        {TEXT("a..b"), TEXT("\"a..b\"")},
        {TEXT(".a"), TEXT("\".a\"")},
        {TEXT("a."), TEXT("\"a.\"")},
        {TEXT(""), TEXT("\"\"")},
        {TEXT("a@b"), TEXT("\"a@b\"")},
        {TEXT("a\"b\\c"), TEXT("\"a\\\"b\\\\c\"")},
        {TEXT("a\rb"), TEXT("\"a\\\rb\"")},
        {TEXT("a\0b"), TEXT("\"a\0b\"")},
        {TEXT("a\x7f"), TEXT("\"a\x7f\"")},
        {TEXT("(a)"), TEXT("\"(a)\"")},
        {TEXT("<>"), TEXT("\"<>\"")},
        {TEXT("a,b;c:d[e]"), TEXT("\"a,b;c:d[e]\"")},
    };
    struct buf out, back;

    (void)state;
    buf_init(&out, BUF_LIMITED_BY_INPUT);
    buf_init(&back, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu: '%.*s'", i, (int)cases[i].text.len, cases[i].text.ptr);
        buf_clear(&out);
        buf_clear(&back);
        local_part_quote(cases[i].text, &out);
        assert_true(span_equal(buf_span(&out), cases[i].quoted));
        assert_int_equal(local_part_needs_quotes(cases[i].text),
                         local_part_is_quoted(buf_span(&out)));
        if (local_part_is_quoted(buf_span(&out))) {
            local_part_unquote(buf_span(&out), &back);
            assert_true(span_equal(buf_span(&back), cases[i].text));
        }
    }
    buf_deinit(&out);
    buf_deinit(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_quoted),
        cmocka_unit_test(test_quote),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
