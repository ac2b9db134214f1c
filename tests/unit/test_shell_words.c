#include "unit.h"

#include "podop/shell_words.h"

/* The words, each with a '|' after it; NULL: a fault. */
static const struct {
    const char *line, *words;
} cases[] = {
    {"python3 /etc/podop/tables.py", "python3|/etc/podop/tables.py|"},
    {"  a\tb \n c ", "a|b|c|"},
    {"a", "a|"},
    {"'a b' \"c d\"", "a b|c d|"},
    {"a'b'\"c\"d", "abcd|"},
    {"'' \"\" a", "||a|"},
    {"'a\\b' \"a\\b\"", "a\\b|a\\b|"},
    {"\"a\\\"b\\\\c\"", "a\"b\\c|"},
    {"a\\ b \\' \\\\ \\x", "a b|'|\\|x|"},
    {"'$HOME' '`' \\$x \"\\$y\"", "$HOME|`|$x|$y|"},
    {"--url='http://h/?a=1&b=2' x=*.y ~ #z", "--url=http://h/?a=1&b=2|x=*.y|~|#z|"},
    {"j\xc3\xb6rg", "j\xc3\xb6rg|"},
    {"", NULL},
    {" \t", NULL},
    {"a 'b", NULL},
    {"a \"b", NULL},
    {"a \"b\\\"", NULL},
    {"a b\\", NULL},
    {"a | b", NULL},
    {"a > b", NULL},
    {"a & b", NULL},
    {"a;b", NULL},
    {"$a", NULL},
    {"\"$a\"", NULL},
    {"`a`", NULL},
    {"(a)", NULL},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shell_words words = {0};
        struct error err = {0};
        char text[200] = "";

        if (shell_words_split(&words, cases[i].line, &err) == -1) {
            if (cases[i].words != NULL)
                fail_msg("%s: %s", cases[i].line, err.text);
            assert_int_equal(err.kind, ERR_CONFIG);
            assert_null(words.items);
            continue;
        }
        for (size_t n = 0; n < words.count; n++) {
            strcat(text, words.items[n]);
            strcat(text, "|");
        }
        assert_null(words.items[words.count]);
        if (cases[i].words == NULL)
            fail_msg("%s has no fault", cases[i].line);
        assert_string_equal(text, cases[i].words);
        shell_words_free(&words);
        shell_words_free(&words);
    }
}

static void test_words_tell_where(void **state)
{
    struct shell_words words;
    struct error err = {0};

    (void)state;
    shell_words_split(&words, "ab 'c", &err);
    assert_string_equal(err.text, "unclosed quote at character 4 of the command line");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_tell_where),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
