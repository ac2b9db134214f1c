#include "unit.h"

#include "monitor/shown_text.h"

static void test_urls_are_cut_after_their_host(void **state)
{
    static const struct {
        const char *text, *shown;
    } cases[] = {
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
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char shown[100];

        AT_CASE("%zu", i);
        shown_text_print(span_of(cases[i].text), shown, sizeof(shown));
        assert_string_equal(shown, cases[i].shown);
    }
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
        cmocka_unit_test(test_long_text_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
