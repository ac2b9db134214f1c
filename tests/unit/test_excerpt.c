#include "unit.h"

#include "config/excerpt.h"

static void test_excerpt_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *excerpt;
    } cases[] = {
        {"a = 1;\n\tb = 2; \r\nc", 1, "a = 1;"},
        {"a = 1;\n\tb = 2; \r\nc", 2, "b = 2;"},
        {"a = 1;\n\tb = 2; \r\nc", 3, "c"},
        {"a\n", 2, ""},
        {"a", 9, ""},
        {"", 1, ""},
        {"  \t", 1, ""},
        /* 60 bytes are shown, and a character is not cut in two. */
        {"123456789012345678901234567890123456789012345678901234567890", 1,
         "123456789012345678901234567890123456789012345678901234567890"},
        {"1234567890123456789012345678901234567890123456789012345678901", 1,
         "123456789012345678901234567890123456789012345678901234567890..."},
        {"12345678901234567890123456789012345678901234567890123456789\xc3\xa4", 1,
         "12345678901234567890123456789012345678901234567890123456789..."},
        /* Lines that may have a secret are not shown. */
        {"auth = { user = \"u\"; };", 1, ""},
        {"Password = \"x\";", 1, ""},
        {"token_file = \"x\";", 1, ""},
        {"headers = [ \"X-Key: v\" ];", 1, ""},
        {"param = \"http://u@h/\";", 1, ""},
        {"my_SECRET = 1", 1, ""},
    };
    char out[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        excerpt_line(span_of(cases[i].text), cases[i].line, NULL, out, sizeof(out));
        if (strcmp(out, cases[i].excerpt) != 0)
            fail_msg("case %zu: '%s' is not '%s'", i, out, cases[i].excerpt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_excerpt_line)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
