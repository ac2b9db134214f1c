/* Text of a known width, and numbers that are short. */
#include "unit.h"

#include "ctl/top/top_text.h"

#include <locale.h>

struct shown {
    const char *text;
    size_t columns;
    const char *want;
    size_t used;
};

static const struct shown cases[] = {
    {"", 5, "", 0},
    {"", 0, "", 0},
    {"abc", 0, "", 0},
    {"abc", 3, "abc", 3},
    {"abcd", 3, "ab~", 3},
    {"abcd", 1, "~", 1},
    /* wide characters take two columns, and are never cut in half */
    {"日本", 4, "日本", 4},
    {"日本", 3, "日~", 3},
    {"日本語", 4, "日~", 3},
    {"日", 1, "~", 1},
    {"ü", 1, "ü", 1},
    /* nothing moves the cursor, hides itself or turns the direction */
    {"a\033[2Jb", 20, "a\\x1b[2Jb", 9},
    {"a\nb\r\t\177", 30, "a\\x0ab\\x0d\\x09\\x7f", 18},
    {"a\xc2\x9b"
     "b",
     20, "a\\u009bb", 8},
    {"x\xe2\x80\xaey", 20, "x\\u202ey", 8},
    {"e\xcc\x81", 20, "e\\u0301", 7},
    {"\033", 3, "~", 1}, /* an escape is not cut either */
    {"\033x", 4, "~", 1},
    {"a\xff\xc3", 20, "a\\xff\\xc3", 9},
};

static void test_text(void **state)
{
    (void)state;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct shown *c = &cases[i];
        struct buf out;

        AT_CASE("%zu", i);
        buf_init(&out, 1000);
        buf_add(&out, SPAN("before "));
        assert_int_equal(top_text_add(&out, span_of(c->text), c->columns), c->used);
        assert_string_equal(buf_string(&out) + strlen("before "), c->want);
        buf_deinit(&out);
    }
}

static void test_text_of_another_locale(void **state)
{
    struct buf out;

    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C"));
    buf_init(&out, 1000);
    assert_int_equal(top_text_add(&out, SPAN("a\xc3\xbc"), 20), 9);
    assert_string_equal(buf_string(&out), "a\\xc3\\xbc");
    buf_deinit(&out);
}

static void test_rates(void **state)
{
    static const struct {
        double rate;
        const char *want;
    } rates[] = {
        {0, "0"},           {0.01, "<0.1"},   {0.1, "0.1"},          {9.96, "10.0"},
        {99.9, "99.9"},     {99.96, "100"},   {1234.4, "1234"},      {9999.4, "9999"},
        {9999.6, "10.0k"},  {99900, "99.9k"}, {99990, "100k"},       {9999000, "9999k"},
        {99999000, "100M"}, {1.5e9, "1500M"}, {1.8e19, "18000000T"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        char out[TOP_NUMBER_BYTES];

        top_text_rate(rates[i].rate, out);
        assert_string_equal(out, rates[i].want);
    }
}

static void test_counts_and_times(void **state)
{
    char out[TOP_NUMBER_BYTES];

    (void)state;
    top_text_count(9999, out);
    assert_string_equal(out, "9999");
    top_text_count(12345, out);
    assert_string_equal(out, "12.3k");
    top_text_us(100, out);
    assert_string_equal(out, "100us");
    top_text_us(2500, out);
    assert_string_equal(out, "2.5ms");
    top_text_us(250000, out);
    assert_string_equal(out, "250ms");
    top_text_us(10000000, out);
    assert_string_equal(out, "10s");
    top_text_age(59999, out);
    assert_string_equal(out, "59s");
    top_text_age(60000, out);
    assert_string_equal(out, "1m");
    top_text_age(7200000, out);
    assert_string_equal(out, "2h");
    top_text_age(3 * 86400000ULL, out);
    assert_string_equal(out, "3d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_of_another_locale),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_counts_and_times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
