#include "unit.h"

#include "monitor/status_text.h"

#define THIN "\xe2\x80\xaf"
#define GAP "\xc2\xa0"

static struct buf out;

static void assert_added(const char *expected)
{
    assert_string_equal(buf_string(&out), expected);
    buf_clear(&out);
}

static void test_escapes(void **state)
{
    (void)state;
    status_add_text(&out, SPAN("<a b='c' d=\"e\">&amp; \xc3\xa9"));
    assert_added("&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;amp; \xc3\xa9");
    status_add_text(&out, SPAN("a\xff\xc3<"));
    assert_added("a\xef\xbf\xbd\xef\xbf\xbd&lt;");
}

static void test_numbers(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } counts[] = {
        {0, "0"},
        {999, "999"},
        {1000, "1" THIN "000"},
        {999999, "999" THIN "999"},
        {1234567, "1.23" GAP "M"},
        {UINT64_C(1234567890), "1.23" GAP "G"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        status_add_count(&out, counts[i].n);
        assert_added(counts[i].text);
    }
    status_add_rate(&out, 0);
    assert_added("0");
    status_add_rate(&out, 0.04);
    assert_added("0.0");
    status_add_rate(&out, 1234.4);
    assert_added("1" THIN "234");
    status_add_bytes(&out, 14200000);
    assert_added("14" GAP "MB");
}

static void test_shares(void **state)
{
    static const struct {
        uint64_t part, whole;
        const char *text;
    } cases[] = {
        {0, 0, "\xe2\x80\x93"}, {0, 5, "0" GAP "%"},  {1, 100000, "&lt;" GAP "0.1" GAP "%"},
        {1, 30, "3.3" GAP "%"}, {1, 3, "33" GAP "%"}, {99999, 100000, "&gt;" GAP "99.9" GAP "%"},
        {3, 3, "100" GAP "%"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu", i);
        status_add_share(&out, cases[i].part, cases[i].whole);
        assert_added(cases[i].text);
    }
}

static void test_times(void **state)
{
    (void)state;
    status_add_took(&out, -1);
    assert_added("\xe2\x80\x93");
    status_add_took(&out, 40);
    assert_added("\xe2\x89\xa4" GAP "0.1" GAP "ms");
    status_add_took(&out, 1250);
    assert_added("1.2" GAP "ms");
    status_add_took(&out, 248000);
    assert_added("248" GAP "ms");
    status_add_took(&out, 9950000);
    assert_added("9.9" GAP "s");
    status_add_lasted(&out, 59);
    assert_added("59" GAP "s");
    status_add_lasted(&out, 3661);
    assert_added("1" GAP "h" GAP "1" GAP "min");
    status_add_lasted(&out, 200000);
    assert_added("2" GAP "days");
    status_add_time(&out, 0);
    assert_added("<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00:00 UTC</time>");
}

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1000);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_times),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
