#include "unit.h"

#include "monitor/shown_text.h"

struct shown_case {
    const char *text, *shown;
};

static void check(const struct shown_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char shown[200];

        AT_CASE("%zu", i);
        shown_text_print(span_of(cases[i].text), shown, sizeof(shown));
        assert_string_equal(shown, cases[i].shown);
    }
}

static void test_urls_are_cut_after_their_host(void **state)
{
    static const struct shown_case cases[] = {
        {"", ""},
        {"podop.conf:12: unknown setting 'tabels'", "podop.conf:12: unknown setting 'tabels'"},
        {"http://h:1", "http://h:1"},
        {"http://h:1/path?token=x#y is it", "http://h:1 is it"},
        {"'http://h?token=x'", "'http://h'"},
        {"(https://[::1]:8/a), (http://b/c)", "(https://[::1]:8), (http://b)"},
        {"'http://user:pa/ss@h/p'", "'http://h'"},
        {"'http://user:p'a s?s@h/p' is bad", "'http://h' is bad"},
        {"'http://user:p://a@h/p'", "'http://h'"},
        {"http://", "http://"},
    };

    (void)state;
    check(cases, ARRAY_LEN(cases));
}

static void test_faulty_urls_are_not_shown(void **state)
{
    static const struct shown_case cases[] = {
        {"/etc/p.conf:1: table 't': invalid URL 'http:/h/a?token=x': expected http:// or https://",
         "/etc/p.conf:1: table 't': invalid URL '...': expected http:// or https://"},
        {"table 't': invalid URL 'h:1/x': expected", "table 't': invalid URL '...': expected"},
        {"byte 0x20 in '/a b/{}?token=x' must be percent-encoded, %20",
         "byte 0x20 in '...' must be percent-encoded, %20"},
        {"'/a/../x' has a path segment . or ..", "'...' has a path segment . or .."},
        {"'http://h/a b?token=x' is bad", "'http://h' is bad"},
        {"'http://h/it's?token=x' is bad", "'http://h' is bad"},
        {"'http://h/a' b?token=x' is bad", "'http://h' is bad"},
        {"'http:/a' b?token=x' is bad", "'...' is bad"},
        {"the host of 'http://h\\x'", "the host of 'http://h'"},
        {"'param' must be a string, got \"a?token=x\"", "'param' must be a string, got \"...\""},
        {"'x/y://h/p'", "'...'"},
        {"'http:/a?token", "'..."},
        {"it's/here", "it's/here"},
        {"'a'b', 'c'", "'a'b', 'c'"},
        {"''", "''"},
        {"'", "'"},
    };

    (void)state;
    check(cases, ARRAY_LEN(cases));
}

static void test_values_are_not_shown(void **state)
{
    static const struct shown_case cases[] = {
        {"'headers' in table 't' expects a list of strings such as [ \"a\", \"b\" ], got \"X: k\"",
         "'headers' in table 't' expects a list of strings such as [ \"...\""},
        {"'auth' in table 't' expects a group, { ... }, got \"Bearer k\"",
         "'auth' in table 't' expects a group, { ... }, got \"...\""},
        {"f.json:1: duplicate key \"k\", which is in line 1 already",
         "f.json:1: duplicate key \"...\", which is in line 1 already"},
        {"got \"k\", \"k", "got \"...\", \"..."},
        {"got \"a://k\"", "got \"...\""},
        {"the header 'X k'", "the header '...'"},
    };

    (void)state;
    check(cases, ARRAY_LEN(cases));
}

static void test_long_text_is_cut_between_characters(void **state)
{
    char shown[6];

    (void)state;
    shown_text_print(SPAN("1234\xc3\xa9"), shown, sizeof(shown));
    assert_string_equal(shown, "1234");
    shown_text_print(SPAN("123\xc3\xa9"
                          "4"),
                     shown, sizeof(shown));
    assert_string_equal(shown, "123\xc3\xa9");
    shown_text_print(SPAN("a http://h"), shown, sizeof(shown));
    assert_string_equal(shown, "a htt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls_are_cut_after_their_host),
        cmocka_unit_test(test_faulty_urls_are_not_shown),
        cmocka_unit_test(test_values_are_not_shown),
        cmocka_unit_test(test_long_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
