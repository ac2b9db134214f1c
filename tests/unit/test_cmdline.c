#include "unit.h"

#include "podop/cmdline.h"
#include "podop/table.h"

#include "config/config_type.h"

enum { WORDS_MAX = 32 };

static const char default_config[] = "/etc/podop.conf";

/* A command line in writable memory, as getopt() needs it. */
struct shell_words {
    char *argv[WORDS_MAX + 2];
    char *text;
    int argc;
};

/* Splits line at its blanks, and puts "podop" before the words. */
static struct shell_words words_of(const char *line)
{
    struct shell_words words = {.argv = {0}};
    char *rest;

    words.text = xmalloc(strlen(line) + sizeof("podop "));
    memcpy(words.text, "podop ", strlen("podop "));
    memcpy(words.text + strlen("podop "), line, strlen(line) + 1);
    rest = words.text;
    for (char *word = strsep(&rest, " "); word != NULL; word = strsep(&rest, " ")) {
        if (*word != '\0' && words.argc <= WORDS_MAX)
            words.argv[words.argc++] = word;
    }
    return words;
}

static void test_cmdline_tables_in_any_order(void **state)
{
    static const char *const lines[] = {
        "--name a --type url --param X --name b --type json --param Y",
        "--name a --name b --type url --type json --param X --param Y",
        "--param X --param Y --type url --type json --name a --name b",
        "-n a -T url -p X -n b -T json -p Y",
        "-na -Turl --param=X --name=b -Tjson -pY",
        "--na a --ty url --pa X --na b --ty json --pa Y",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct shell_words words = words_of(lines[i]);
        struct cmdline cmdline;
        struct error err = {0};

        assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), 0);
        assert_int_equal(cmdline.action, CMDLINE_RUN);
        assert_int_equal(cmdline.source.table_count, 2);
        assert_string_equal(cmdline.source.tables[0].name, "a");
        assert_string_equal(cmdline.source.tables[0].type, "url");
        assert_string_equal(cmdline.source.tables[0].param, "X");
        assert_string_equal(cmdline.source.tables[1].name, "b");
        assert_string_equal(cmdline.source.tables[1].type, "json");
        assert_string_equal(cmdline.source.tables[1].param, "Y");
        assert_null(cmdline.source.file);
        cmdline_deinit(&cmdline);
        free(words.text);
    }
}

/* The command line with which Mailu starts the Python podop. */
static void test_cmdline_of_python_podop(void **state)
{
    struct shell_words words =
        words_of("--socket /tmp/podop.socket --mode postfix "
                 "--name transport --type url --param http://a/transport/\xc2\xa7 "
                 "--name alias --type url --param http://a/alias/\xc2\xa7 -v");
    struct cmdline cmdline;
    struct error err = {0};

    (void)state;
    assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), 0);
    assert_int_equal(cmdline.source.socket_count, 1);
    assert_string_equal(cmdline.source.sockets[0].socket, "/tmp/podop.socket");
    assert_string_equal(cmdline.source.sockets[0].mode, "postfix");
    assert_int_equal(cmdline.source.table_count, 2);
    assert_string_equal(cmdline.source.tables[1].param, "http://a/alias/\xc2\xa7");
    assert_int_equal(cmdline.source.verbose, 1);
    assert_null(cmdline.source.file);
    cmdline_deinit(&cmdline);
    cmdline_deinit(&cmdline); /* twice is fine */
    free(words.text);
}

static void test_cmdline_modes_follow_sockets(void **state)
{
    struct shell_words words = words_of("-s /a -s /b -m dovecot -s /c --mode=postfix");
    struct cmdline cmdline;
    struct error err = {0};

    (void)state;
    assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), 0);
    assert_int_equal(cmdline.source.socket_count, 3);
    assert_string_equal(cmdline.source.sockets[0].mode, "dovecot");
    assert_string_equal(cmdline.source.sockets[1].mode, "postfix");
    assert_null(cmdline.source.sockets[2].mode);
    cmdline_deinit(&cmdline);
    free(words.text);
}

static void test_cmdline_sets(void **state)
{
    struct shell_words words = words_of("--set a.b=c=d --set x= --set=log.level=debug");
    struct cmdline cmdline;
    struct error err = {0};

    (void)state;
    assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), 0);
    assert_int_equal(cmdline.source.set_count, 3);
    assert_true(span_equal(cmdline.source.sets[0].path, SPAN("a.b")));
    assert_string_equal(cmdline.source.sets[0].value, "c=d");
    assert_true(span_equal(cmdline.source.sets[1].path, SPAN("x")));
    assert_string_equal(cmdline.source.sets[1].value, "");
    assert_true(span_equal(cmdline.source.sets[2].path, SPAN("log.level")));
    assert_string_equal(cmdline.source.sets[2].value, "debug");
    cmdline_deinit(&cmdline);
    free(words.text);
}

static void test_cmdline_actions(void **state)
{
    static const struct {
        const char *line;
        enum cmdline_action action;
        int verbose;
        const char *file; /* NULL: none */
    } cases[] = {
        {"", CMDLINE_RUN, 0, default_config},
        {"-v", CMDLINE_RUN, 1, default_config},
        {"-v -v", CMDLINE_RUN, 2, default_config},
        {"-vvvv", CMDLINE_RUN, 2, default_config},
        {"--verbose --verbose", CMDLINE_RUN, 2, default_config},
        {"-t", CMDLINE_CHECK, 0, default_config},
        {"--check -c x.conf", CMDLINE_CHECK, 0, "x.conf"},
        {"-tcx.conf", CMDLINE_CHECK, 0, "x.conf"},
        {"--config=x.conf --socket /a", CMDLINE_RUN, 0, "x.conf"},
        {"--socket /a", CMDLINE_RUN, 0, NULL},
        {"--set a=b", CMDLINE_RUN, 0, default_config},
        {"--", CMDLINE_RUN, 0, default_config},
        {"-V", CMDLINE_VERSION, 0, default_config},
        {"--version", CMDLINE_VERSION, 0, default_config},
        {"-h", CMDLINE_HELP, 0, default_config},
        {"-hv", CMDLINE_HELP, 0,
         default_config}, /* the rest of the word, v, must not reach the next parse */
        {"-t", CMDLINE_CHECK, 0, default_config},
        {"-v --help --nonsense stray", CMDLINE_HELP, 1, default_config},
        {"--set a=b --name x -V", CMDLINE_VERSION, 0, default_config},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shell_words words = words_of(cases[i].line);
        struct cmdline cmdline;
        struct error err = {0};

        assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), 0);
        assert_int_equal(cmdline.action, cases[i].action);
        assert_int_equal(cmdline.source.verbose, cases[i].verbose);
        if (cases[i].file == NULL)
            assert_null(cmdline.source.file);
        else
            assert_string_equal(cmdline.source.file, cases[i].file);
        cmdline_deinit(&cmdline);
        free(words.text);
    }
}

static void test_cmdline_wrong_usage(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"--name a --type url", "table 'a' (the 1st --name) has no --param"},
        {"--name a --param X", "table 'a' (the 1st --name) has no --type"},
        {"--name a", "table 'a' (the 1st --name) has no --type and no --param"},
        {"--name a --name b --type url --type url --param X",
         "table 'b' (the 2nd --name) has no --param"},
        {"--name a --name b --name c --type url --type url --param X",
         "table 'b' (the 2nd --name) has no --param; "
         "table 'c' (the 3rd --name) has no --type and no --param"},
        {"--type url --param X", "the 1st --type and --param have no --name"},
        {"--type url", "the 1st --type has no --name"},
        {"--name a --type url --param X --param Y", "the 2nd --param has no --name"},
        {"-na -nb -nc -nd -ne -nf -ng -nh -ni -nj -nk -Tt -Tt -Tt -Tt -Tt -Tt -Tt -Tt -Tt -Tt "
         "-Tt -px -px -px -px -px -px -px -px -px -px",
         "table 'k' (the 11th --name) has no --param"},
        {"--mode auto", "the 1st --mode ('auto') has no --socket"},
        {"-s /a -m auto -m dovecot", "the 2nd --mode ('dovecot') has no --socket"},
        {"stray", "unexpected argument 'stray'"},
        {"-v stray -v", "unexpected argument 'stray'"},
        {"-- -v", "unexpected argument '-v'"},
        {"-", "unexpected argument '-'"},
        {"--nonsense", "unknown option '--nonsense'"},
        {"--scoket /a", "unknown option '--scoket' (did you mean '--socket'?)"},
        {"--scoket=/a", "unknown option '--scoket' (did you mean '--socket'?)"},
        {"--s /a", "option '--s' is ambiguous"},
        {"-x", "unknown option '-x'"},
        {"-tx", "unknown option '-x'"},
        {"-xt", "unknown option '-x'"},
        {"-c", "option '--config' needs an argument"},
        {"--socket", "option '--socket' needs an argument"},
        {"-v --set", "option '--set' needs an argument"},
        {"--check=yes", "option '--check' takes no argument"},
        {"-c a -c b", "--config is given twice: 'a' and 'b'"},
        {"--set a", "--set expects PATH=VALUE, got 'a'"},
        {"--set ok=1 --set =5", "--set expects PATH=VALUE, got '=5'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct shell_words words = words_of(cases[i].line);
        struct cmdline cmdline;
        struct error err = {0};

        assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), -1);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_string_equal(err.text, cases[i].message);
        free(words.text);
    }
}

/* A message that is longer than an error's text is cut. */
static void test_cmdline_endless_complaint(void **state)
{
    char line[WORDS_MAX * 64] = "";
    struct shell_words words;
    struct cmdline cmdline;
    struct error err = {0};

    (void)state;
    for (int i = 0; i < WORDS_MAX; i++) {
        size_t len = strlen(line);

        snprintf(line + len, sizeof(line) - len, "--name=a-rather-long-name-of-a-table-%d ", i);
    }
    words = words_of(line);
    assert_int_equal(cmdline_parse(&cmdline, words.argc, words.argv, default_config, &err), -1);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    free(words.text);
}

static void test_cmdline_help_fits(void **state)
{
    static const char *const options[] = {"config", "socket", "mode",    "name",    "type", "param",
                                          "set",    "check",  "verbose", "version", "help"};
    size_t columns = 0;

    (void)state;
    for (const char *c = cmdline_help; *c != '\0'; c++) {
        bool is_inner = ((unsigned char)*c & 0xc0) == 0x80; /* of a UTF-8 character */

        columns = *c == '\n' ? 0 : columns + (is_inner ? 0 : 1);
        assert_true(columns < 80);
    }
    assert_int_equal(columns, 0);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        char option[20];

        snprintf(option, sizeof(option), " --%s ", options[i]);
        assert_non_null(strstr(cmdline_help, option));
    }
}

static void test_cmdline_help_names_all_types(void **state)
{
    char line[200] = "";

    (void)state;
    for (size_t i = 0; i < table_types.count; i++) {
        const size_t len = strlen(line);

        snprintf(line + len, sizeof(line) - len, "%s%s", i == 0 ? "the table's type: " : ", ",
                 table_types.items[i]->name);
    }
    if (strstr(cmdline_help, line) == NULL)
        fail_msg("--help has no '%s'", line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cmdline_tables_in_any_order),
        cmocka_unit_test(test_cmdline_of_python_podop),
        cmocka_unit_test(test_cmdline_modes_follow_sockets),
        cmocka_unit_test(test_cmdline_sets),
        cmocka_unit_test(test_cmdline_actions),
        cmocka_unit_test(test_cmdline_wrong_usage),
        cmocka_unit_test(test_cmdline_endless_complaint),
        cmocka_unit_test(test_cmdline_help_fits),
        cmocka_unit_test(test_cmdline_help_names_all_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
