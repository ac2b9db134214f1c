#include "unit.h"

#include "ctl/options.h"

enum { WORDS_MAX = 10 };

struct parsed {
    const char *words[WORDS_MAX]; /* after the program's name */
    const char *args[WORDS_MAX];
    const char *where; /* NULL: the default */
};

static void assert_parsed(const struct parsed *want)
{
    char program[] = "podopctl", *argv[WORDS_MAX + 2] = {program};
    struct options options;
    struct error err = {0};
    int argc = 1;
    size_t count = 0;

    while (argc <= WORDS_MAX && want->words[argc - 1] != NULL) {
        argv[argc] = xstrdup(want->words[argc - 1]);
        argc++;
    }
    assert_int_equal(options_parse(&options, argc, argv, &err), 0);
    for (; want->args[count] != NULL; count++) {
        assert_true(count < options.count);
        assert_string_equal(options.args[count], want->args[count]);
    }
    assert_int_equal(options.count, count);
    assert_string_equal(options.where, want->where == NULL ? "/run/podop/podop.sock" : want->where);
    options_deinit(&options);
    for (int i = 1; i < argc; i++)
        free(argv[i]);
}

static const struct parsed cases[] = {
    {{"get", "t", "k", "--socket", "X"}, {"get", "t", "k"}, "X"},
    {{"get", "t", "-", "--socket", "X"}, {"get", "t", "-"}, "X"},
    {{"get", "t", "-", "-s", "X"}, {"get", "t", "-"}, "X"},
    {{"get", "-", "-", "-sX", "-"}, {"get", "-", "-", "-"}, "X"},
    {{"-", "-jRs", "X", "-"}, {"-", "-"}, "X"},
    {{"-jsX", "get", "-", "k"}, {"get", "-", "k"}, "X"},
    {{"inc", "t", "k", "-5", "-s", "X"}, {"inc", "t", "k", "-5"}, "X"},
    {{"get", "t", "-s", "-", "k"}, {"get", "t", "k"}, "-"},
    {{"get", "t", "--", "-", "-s"}, {"get", "t", "-", "-s"}, NULL},
    {{"get", "-", "--", "--socket", "X"}, {"get", "-", "--socket", "X"}, NULL},
    {{"-"}, {"-"}, NULL},
    {{NULL}, {NULL}, NULL},
};

static void test_options_stand_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_parsed(&cases[i]);
}

/* With POSIXLY_CORRECT, getopt() must not stop at the first argument. */
static void test_options_where_posix_is_asked_for(void **state)
{
    setenv("POSIXLY_CORRECT", "1", 1);
    test_options_stand_anywhere(state);
    unsetenv("POSIXLY_CORRECT");
}

static void assert_refused(const char *option, const char *text)
{
    char program[] = "podopctl", get[] = "get", hyphen[] = "-";
    char *word = xstrdup(option), *argv[] = {program, get, hyphen, word, NULL};
    struct options options;
    struct error err = {0};

    assert_int_equal(options_parse(&options, 4, argv, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_string_equal(err.text, text);
    free(word);
}

static void test_options_faults_after_a_lone_hyphen(void **state)
{
    (void)state;
    assert_refused("--sock", "'--sock' needs an argument");
    assert_refused("-s", "'-s' needs an argument");
    assert_refused("--nothing", "unknown option '--nothing'");
    assert_refused("-x", "unknown option '-x'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_stand_anywhere),
        cmocka_unit_test(test_options_where_posix_is_asked_for),
        cmocka_unit_test(test_options_faults_after_a_lone_hyphen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
