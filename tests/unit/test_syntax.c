#include "config_case.h"

#include "config/excerpt.h"
#include "config/syntax.h"

#define LISTEN_LINE "listen = ( { socket = \"/s\"; } );\n"

struct syntax_case {
    const char *text, *fault;
};

static void assert_told(const struct syntax_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_faults(cases[i].text, (struct config_source){0}, cases[i].fault);
}

static void test_syntax_commas(void **state)
{
    static const struct syntax_case cases[] = {
        {LISTEN_LINE "tables = (\n  { name = \"a\"; }\n  { name = \"b\"; }\n);\n",
         "podop.conf:3: syntax error: a comma is missing after '}', before the next element in "
         "podop.conf:4 ('{ name = \"b\"; }'): '{ name = \"a\"; }'\n"},
        {LISTEN_LINE "tables = (\n  { name = \"a\"; } # text, }\n\n  { name = \"b\"; }\n);\n",
         "podop.conf:3: syntax error: a comma is missing after '}', before the next element in "
         "podop.conf:5 ('{ name = \"b\"; }'): '{ name = \"a\"; } # text, }'\n"},
        {"tables = ( { name = \"a\"; } { name = \"b\"; } );\n",
         "podop.conf:1: syntax error: a comma is missing after '}', before '{': 'tables = ( { name "
         "= \"a\"; } { name = \"b\"; } );'\n"},
        {"skip = [ \"a\" 5 ];\n", "podop.conf:1: syntax error: a comma is missing after the "
                                  "element, before '5': 'skip = [ \"a\" 5 ];'\n"},
        {"skip = ( 5 \"a\" );\n", "podop.conf:1: syntax error: a comma is missing after the "
                                  "element, before '\"a\"': 'skip = ( 5 \"a\" );'\n"},
        {"listen = ( { socket = \"/s\"; } ;\ntables = ();\n",
         "podop.conf:1: syntax error: a ')' is missing before the ';', or a '}' is one too many, "
         "for the '(' of podop.conf:1: 'listen = ( { socket = \"/s\"; } ;'\n"},
        {"skip = \"x\", \"y\";\n",
         "podop.conf:1: syntax error: several values are written as a list, [ \"a\", \"b\" ] or ( "
         "404, \"5xx\" ): 'skip = \"x\", \"y\";'\n"},
        {"a = 1;;\n", "podop.conf:1: syntax error: this ';' is one too many: 'a = 1;;'\n"},
    };

    (void)state;
    assert_told(cases, ARRAY_LEN(cases));
}

static void test_syntax_quotes(void **state)
{
    static const struct syntax_case cases[] = {
        {"type = url;\n", "podop.conf:1: syntax error: the value of 'type' must be in quotes, "
                          "\"...\": 'type = url;'\n"},
        {"param = http://h/{};\n", "podop.conf:1: syntax error: the value of 'param' must be in "
                                   "quotes, \"...\": 'param = http://h/{};'\n"},
        {"socket = /s;\n", "podop.conf:1: syntax error: the value of 'socket' must be in quotes, "
                           "\"...\": 'socket = /s;'\n"},
        {"socket = 127.0.0.1;\n", "podop.conf:1: syntax error: the value of 'socket' must be in "
                                  "quotes, \"...\": 'socket = 127.0.0.1;'\n"},
        {"timeout = 5s;\n", "podop.conf:1: syntax error: the value of 'timeout' must be in quotes, "
                            "\"...\": 'timeout = 5s;'\n"},
        {"timeout = 5s = 6;\n", "podop.conf:1: syntax error: the value of 'timeout' must be in "
                                "quotes, \"...\": 'timeout = 5s = 6;'\n"},
        /* libconfig goes on after the 5, and would leak the string */
        {"timeout = 5s = 6 \"x\";\n", "podop.conf:1: syntax error: the value of 'timeout' must be "
                                      "in quotes, \"...\": 'timeout = 5s = 6 \"x\";'\n"},
        {"allow = [ group:mail ];\n", "podop.conf:1: syntax error: a string must be in quotes, "
                                      "\"...\": 'allow = [ group:mail ];'\n"},
        {"allow = group:mail;\n", "podop.conf:1: syntax error: the value of 'allow' must be in "
                                  "quotes, \"...\": 'allow = group:mail;'\n"},
        {"tables = [ alias ];\n", "podop.conf:1: syntax error: a string must be in quotes, "
                                  "\"...\": 'tables = [ alias ];'\n"},
        {"socket = \xe2\x80\x9c/s\xe2\x80\x9d;\n",
         "podop.conf:1: syntax error: write \", not \xe2\x80\x9c, around a string: 'socket = "
         "\xe2\x80\x9c/s\xe2\x80\x9d;'\n"},
        {"socket = '/s';\n",
         "podop.conf:1: syntax error: write \", not ', around a string: 'socket = '/s';'\n"},
        {"socket = \"/s;\nuser = \"x\";\n",
         "podop.conf:1: syntax error: a quote (\") is missing: the string that begins here goes on "
         "to podop.conf:2 ('user = \"x\";'): 'socket = \"/s;'\n"},
        {"socket = /s\";\nuser = \"x\";\n", "podop.conf:1: syntax error: the value of 'socket' "
                                            "must be in quotes, \"...\": 'socket = /s\";'\n"},
        {"socket = \"/s;\nuser = \"x;\n",
         "podop.conf:1: syntax error: a quote (\") is missing: the string that begins here goes on "
         "to podop.conf:2 ('user = \"x;'): 'socket = \"/s;'\n"},
        {"{ \"listen\" = 5; }\n", "podop.conf:1: syntax error: the file begins with a setting, "
                                  "NAME = VALUE;, not with '{': '{ \"listen\" = 5; }'\n"},
        {"\"listen\" = 5;\n", "podop.conf:1: syntax error: expected the name of a setting, without "
                              "quotes: '\"listen\" = 5;'\n"},
    };

    (void)state;
    assert_told(cases, ARRAY_LEN(cases));
}

static void test_syntax_brackets(void **state)
{
    static const struct syntax_case cases[] = {
        {"listen = { { socket = \"/s\"; } };\n",
         "podop.conf:1: syntax error: a '{' after a '{': one is too many, or a list of groups, ( { "
         "... }, { ... } ), is meant: 'listen = { { socket = \"/s\"; } };'\n"},
        {"listen = ( socket = \"/s\" );\n",
         "podop.conf:1: syntax error: a '{' is missing before 'socket': a list of groups is "
         "written ( { ... }, { ... } ), in the list of podop.conf:1: 'listen = ( socket = \"/s\" "
         ");'\n"},
        {"listen = [ { socket = \"/s\"; } ];\n",
         "podop.conf:1: syntax error: write ( ), not [ ], for a list of groups or lists, as in "
         "podop.conf:1: 'listen = [ { socket = \"/s\"; } ];'\n"},
        {"listen = ( { socket = \"/s\"; }\ntables = ();\n",
         "podop.conf:1: syntax error: a ')' may be missing before 'tables', for the '(' of "
         "podop.conf:1: 'listen = ( { socket = \"/s\"; }'\n"},
        {"listen = ( { socket = \"/s\"; );\n",
         "podop.conf:1: syntax error: a '}' is missing before the next ')', for the '{' of "
         "podop.conf:1: 'listen = ( { socket = \"/s\"; );'\n"},
        {"tables = (\n { name = \"a\"; }\n", "podop.conf:1: syntax error: a ')' is missing: the "
                                             "'(' in this line is never closed: 'tables = ('\n"},
        {"skip = ( \"a\", ; );\n",
         "podop.conf:1: syntax error: a value is missing before ';': 'skip = ( \"a\", ; );'\n"},
        {"skip = [ \"a\", } ;\n", "podop.conf:1: syntax error: this '}' is one too many, or a ']' "
                                  "is meant, for the '[' of podop.conf:1: 'skip = [ \"a\", } ;'\n"},
        {");\n", "podop.conf:1: syntax error: this ')' has no opening bracket: ');'\n"},
        {"listen ( );\n",
         "podop.conf:1: syntax error: a '=' is missing after 'listen': 'listen ( );'\n"},
        {"user \"x\";\n",
         "podop.conf:1: syntax error: a '=' is missing after 'user': 'user \"x\";'\n"},
    };

    (void)state;
    assert_told(cases, ARRAY_LEN(cases));
}

static void test_syntax_duplicates(void **state)
{
    static const struct syntax_case cases[] = {
        {"log = { level = \"info\"; level = \"debug\"; };\n",
         "podop.conf:1: duplicate setting name 'level': it is set in podop.conf:1 already\n"},
        {"log = {\n level = \"info\";\n format = \"text\";\n level = \"debug\";\n};\n",
         "podop.conf:4: duplicate setting name 'level': it is set in podop.conf:2 ('level = "
         "\"info\";') already\n"},
        {"a = ( { b = 1; }, { b = 1; c = 2; }\n, { b = 1; b\n = 2; } );\n",
         "podop.conf:2: duplicate setting name 'b': it is set in podop.conf:2 already\n"},
        {"a = 1;\n b = { a = 2; };\nc = 3;\na\n\n\n= {\n};\n",
         "podop.conf:4: duplicate setting name 'a': it is set in podop.conf:1 ('a = 1;') "
         "already\n"},
    };

    (void)state;
    assert_told(cases, ARRAY_LEN(cases));
}

/* Messages name lines that may have a secret by number only. */
static void test_syntax_secrets_are_not_shown(void **state)
{
    static const char *const secrets[] = {
        "auth = { type = \"bearer\"; token = s3cret };\n",
        "headers = [ \"X-Api-Key: s3cret\" 5 ];\n",
        "headers = (\n  \"X-Key: s3cret\"\n  5 );\n",
        "password = s3cret;\n",
        "param = \"http://joe:s3cret@h/\" 5;\n",
        "headers = [ \"X-Key: s3cret ];\nb = \"c\";\n",
        "headers = [ \"X-Key: \" s3cret\" ];\n",
        "headers = [ \"X-Key: 1\" s3cret ];\n",
    };
    struct reported reported;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        write_text("podop.conf", secrets[i]);
        assert_null(load(&(struct config_source){.file = "podop.conf"}, &reported));
        assert_non_null(strstr(reported.text, "podop.conf:"));
        assert_null(strstr(reported.text, "s3cret"));
    }
}

/* A text that libconfig accepts has no fault here, nor has any prefix that libconfig accepts. */
static void test_syntax_of_good_texts(void **state)
{
    static const char *const good[] = {
        "",
        "a = 1; b : 2, c = \"x\" \"y\" d = true\n",
        "a-b_c = 0x1f; *x = -1.5e3; y = [ ]; z = ( ); g = { }\n",
        "a = [ 1, 2 ]; /* } */ # )\nb = ( 1, \"x\" \"y\", ( ), [ TRUE ], { c = 1L } ); // (\n",
        "a = \"\\\" ; # not a comment\";\n",
    };
    struct syntax_fault fault;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_false(syntax_find(span_of(good[i]), SYNTAX_ANY_LINE, &fault));
        assert_string_equal(fault.hint, "");
    }
}

static void count_joined(void *arg, unsigned line)
{
    *(unsigned *)arg += line * 100 + 1;
}

static void test_syntax_joined(void **state)
{
    static const struct {
        const char *text;
        unsigned seen; /* the lines, times 100, and how many */
    } cases[] = {
        {"a = \"x\" \"y\"; b = [ \"x\", \"y\" ]; c = ( \"x\" );\n", 0},
        {"a = [ \"x\" \"y\" ];\n", 101},
        {"a = (\n \"x\"\n \"y\"\n \"z\", 5, \"u\" );\n", 702},
        {"a = ( { b = \"x\" \"y\"; } );\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned seen = 0;

        syntax_find_joined(span_of(cases[i].text), count_joined, &seen);
        assert_int_equal(seen, cases[i].seen);
    }
}

static void test_excerpt(void **state)
{
    char out[100];

    (void)state;
    excerpt_line(SPAN("a\n  b = 1; \nc"), 2, NULL, out, sizeof(out));
    assert_string_equal(out, "b = 1;");
    excerpt_line(SPAN("a\n  b = 1; \nc"), 3, NULL, out, sizeof(out));
    assert_string_equal(out, "c");
    excerpt_line(SPAN("a\n"), 9, NULL, out, sizeof(out));
    assert_string_equal(out, "");
    excerpt_line(SPAN("1234567890123456789012345678901234567890123456789012345678\xc2\xa7\xc2\xa7"),
                 1, NULL, out, sizeof(out));
    assert_string_equal(out,
                        "1234567890123456789012345678901234567890123456789012345678\xc2\xa7...");
}

/* Newer versions of libconfig accept such a list, so that only syntax_find() reports it. */
static void test_syntax_comma_at_the_end(void **state)
{
    struct syntax_fault fault;

    (void)state;
    assert_true(syntax_find(SPAN("skip = [ \"a\", ];\n"), 1, &fault));
    assert_string_equal(fault.hint, "the ',' before the ']' is one too many");
    assert_int_equal(fault.line, 1);
    assert_false(syntax_find(SPAN("skip = [ \"a\", ];\n\n"), 2, &fault));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syntax_comma_at_the_end),
        cmocka_unit_test(test_syntax_commas),
        cmocka_unit_test(test_syntax_quotes),
        cmocka_unit_test(test_syntax_brackets),
        cmocka_unit_test(test_syntax_duplicates),
        cmocka_unit_test(test_syntax_secrets_are_not_shown),
        cmocka_unit_test(test_syntax_of_good_texts),
        cmocka_unit_test(test_syntax_joined),
        cmocka_unit_test(test_excerpt),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
