/* Every small mistake at every place of real configurations: config_load() reports its line and
 * names the character. */
#include "config_case.h"

#include "config/token.h"

#include "podop/buf.h"

#include <libconfig.h>

#define MARKS ",=;(){}[]\""

enum { TEXT_BYTES_MAX = 32 * 1024, TOKENS_MAX = 2000, EXAMPLES = 3 };
enum { TAKES_TWO_COMMAS = LIBCONFIG_VER_MAJOR > 1 || LIBCONFIG_VER_MINOR >= 7 };

/* A configuration, and its tokens. */
struct example {
    char text[TEXT_BYTES_MAX];
    struct token tokens[TOKENS_MAX];
    size_t count;
};

/* What was reported about the mutations of one kind. */
struct survey {
    unsigned valid; /* nothing: the file is still valid */
    unsigned exact; /* the line of the mutation */
    unsigned near;  /* a line from the token before to the token after */
    unsigned other; /* as the line of the bracket that seems to be wrong */
    unsigned far;
    unsigned unnamed; /* the message does not name the character */
};

/* A setting after a '#' is set. */
static void set_all(char *text)
{
    for (char *at = text; (at = strstr(at, "#")) != NULL; at++) {
        size_t name = strspn(at + 1, "abcdefghijklmnopqrstuvwxyz_");

        if (name > 0 && strncmp(at + 1 + name, " = ", 3) == 0)
            *at = ' ';
    }
}

static void split(struct example *example)
{
    struct lexer lexer = {span_of(example->text), 1};

    for (example->count = 0; example->count < TOKENS_MAX; example->count++) {
        example->tokens[example->count] = token_next(&lexer);
        if (example->tokens[example->count].kind == TOKEN_END)
            return;
    }
    fail_msg("more than %d tokens", TOKENS_MAX);
}

static void read_example(struct example *example, const char *file)
{
    FILE *f = fopen(file, "re");
    size_t len;

    assert_non_null(f);
    len = fread(example->text, 1, sizeof(example->text) - 1, f);
    assert_true(len < sizeof(example->text) - 1);
    example->text[len] = '\0';
    fclose(f);
    set_all(example->text);
    split(example);
}

static unsigned line_of(const struct example *example, const char *at)
{
    unsigned line = 1;

    for (const char *c = example->text; c < at; c++)
        line += *c == '\n';
    return line;
}

/* Returns whether the message has the character, or its name, before the lines that it shows. */
static bool is_named(const char *message, char mark)
{
    const char *end = strstr(message, ": '");
    const struct span hint = {message, end == NULL ? strlen(message) : (size_t)(end - message)};
    if (mark == '"')
        return memmem(hint.ptr, hint.len, "quote", 5) != NULL;
    if (mark == ',' && memmem(hint.ptr, hint.len, "comma", 5) != NULL)
        return true;
    return span_has_byte(hint, mark);
}

/* Returns the example, with one character at a place replaced by other text. */
static void write_mutation(const struct example *example, const char *at, const char *by)
{
    struct buf text;

    buf_init(&text, TEXT_BYTES_MAX * 2);
    buf_add(&text, (struct span){example->text, (size_t)(at - example->text)});
    buf_add(&text, span_of(by));
    buf_add(&text, span_of(at + 1));
    write_text("podop.conf", buf_string(&text));
    buf_deinit(&text);
}

/* Loads podop.conf. Returns false if it is valid. */
static bool load_bad(struct reported *reported)
{
    struct config *config = load(&(struct config_source){.file = "podop.conf"}, reported);

    if (config == NULL)
        return true;
    config_unref(&config);
    return false;
}

static bool names_line(const char *message, unsigned line)
{
    char other[40];

    snprintf(other, sizeof(other), " podop.conf:%u ", line);
    return strstr(message, other) != NULL;
}

/* Adds to the survey what is reported when a character of a token is replaced. */
static void mutate(struct survey *survey, const struct example *example, size_t token,
                   const char *at, const char *by)
{
    const unsigned line = line_of(example, at), high = example->tokens[token + 1].line;
    const unsigned low = token == 0 ? 1 : example->tokens[token - 1].last_line;
    struct reported reported;
    unsigned told;

    write_mutation(example, at, by);
    if (!load_bad(&reported)) {
        survey->valid++;
        return;
    }
    assert_int_equal(strncmp(reported.text, "podop.conf:", 11), 0);
    told = (unsigned)strtoul(reported.text + 11, NULL, 10);
    if (told == line)
        survey->exact++;
    else if (told >= low && told <= high)
        survey->near++;
    else if (names_line(reported.text, line))
        survey->other++;
    else
        survey->far++;
    survey->unnamed += !is_named(reported.text, *at);
    if (told < low || told > high || !is_named(reported.text, *at))
        print_message("'%c' to '%s' in line %u: %s", *at, by, line, reported.text);
}

/* Replaces each mark: a character, or for a quote both quotes of each string. */
static void survey_mark(struct survey *survey, const struct example *example, char mark,
                        const char *by)
{
    for (size_t i = 0; i < example->count; i++) {
        const struct token *token = &example->tokens[i];

        if (token->text.ptr[0] != mark)
            continue;
        mutate(survey, example, i, token->text.ptr, by);
        if (mark == '"')
            mutate(survey, example, i, token->text.ptr + token->text.len - 1, by);
    }
}

static void read_examples(struct example *examples)
{
    static const char *const files[EXAMPLES] = {"etc/podop.conf.example", "etc/podop.conf",
                                                "tests/unit/mutated.conf"};

    for (size_t i = 0; i < EXAMPLES; i++) {
        char path[1000];

        snprintf(path, sizeof(path), "%s/%s", PODOP_SOURCE, files[i]);
        read_example(&examples[i], path);
    }
}

static struct survey survey_all(const struct example *examples, char mark, const char *by)
{
    struct survey survey = {0};

    for (size_t i = 0; i < EXAMPLES; i++)
        survey_mark(&survey, &examples[i], mark, by);
    return survey;
}

/* A missing character: only a ';' can be left out, and a comma between two strings. */
static void test_missing(void **state)
{
    static struct example examples[EXAMPLES];

    (void)state;
    read_examples(examples);
    for (const char *mark = MARKS; *mark != '\0'; mark++) {
        const struct survey survey = survey_all(examples, *mark, "");

        if (*mark == ';')
            assert_int_equal(survey.exact + survey.near + survey.other + survey.far, 0);
        else
            assert_int_equal(survey.valid, *mark == ',');
        assert_int_equal(survey.other + survey.far + survey.unnamed, 0);
        assert_true(survey.near == 0 || *mark == '{' || *mark == '}');
        assert_true(survey.valid + survey.exact > 0);
    }
}

/* A character twice, which libconfig 1.7 takes for commas between groups. After "((", the line in
 * which the list ends is as good as the line in which it begins, and the message has both. */
static void test_doubled(void **state)
{
    static struct example examples[EXAMPLES];

    (void)state;
    read_examples(examples);
    for (const char *mark = MARKS; *mark != '\0'; mark++) {
        const char twice[] = {*mark, *mark, '\0'};
        const struct survey survey = survey_all(examples, *mark, twice);

        assert_int_equal(survey.valid > 0, *mark == ',' && TAKES_TWO_COMMAS);
        assert_int_equal(survey.near + survey.far + survey.unnamed, 0);
        assert_true(survey.other == 0 || *mark == '(');
        assert_true(survey.exact > 0);
    }
}

/* Another character: the line, and for brackets of the same side the character. */
static void test_replaced(void **state)
{
    static const struct {
        char mark;
        const char *by;
        bool is_named;
    } cases[] = {
        {'=', "<", true},  {'=', ";", true},  {'=', "(", true},
        {'=', " ", true},  {',', ";", true},  {',', ".", true},
        {',', " ", true},  {'"', "'", false}, {'"', "`", false},
        {'"', " ", true},  {'"', ";", false}, {'"', "\xe2\x80\x9c", false},
        {';', ":", false}, {';', "=", false}, {';', "<", false},
        {'(', "<", false}, {'(', "[", false}, {')', "]", true},
        {')', "}", true},  {'{', "(", true},  {'{', "[", true},
        {'{', " ", true},  {'[', "<", false}, {'[', " ", true},
        {']', "}", true},  {']', ")", true},  {']', ";", true},
        {'}', "]", false}, {'}', ")", false}, {'}', ";", true},
        {'}', " ", true},  {'(', "{", false}, {'}', "\xc2\xa0", false},
    };
    static struct example examples[EXAMPLES];

    (void)state;
    read_examples(examples);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct survey survey = survey_all(examples, cases[i].mark, cases[i].by);

        if (survey.far + survey.other > 0 || (cases[i].is_named && survey.unnamed > 0))
            fail_msg("'%c' replaced by '%s'", cases[i].mark, cases[i].by);
        assert_true(survey.valid + survey.exact > 0);
    }
}

static int depth_change(const struct token *token)
{
    if (token_is(token, '(') || token_is(token, '[') || token_is(token, '{'))
        return 1;
    return token_is(token, ')') || token_is(token, ']') || token_is(token, '}') ? -1 : 0;
}

/* A file that ends within a bracket: what is missing is named. */
static void assert_cut(const struct example *example, const struct token *token)
{
    struct reported reported;

    write_bytes("podop.conf", example->text,
                (size_t)(token->text.ptr - example->text) + (token->text.len + 1) / 2);
    if (load_bad(&reported) && (strstr(reported.text, "is missing") != NULL ||
                                strstr(reported.text, "must be in quotes") != NULL ||
                                strstr(reported.text, "no closing quote") != NULL))
        return;
    fail_msg("cut in line %u: %s", token->line, reported.text);
}

static void test_cut(void **state)
{
    static struct example examples[EXAMPLES];
    int depth = 0;

    (void)state;
    read_examples(examples);
    for (size_t i = 0; i < EXAMPLES; i++) {
        for (size_t k = 0; k < examples[i].count; k++) {
            depth += depth_change(&examples[i].tokens[k]);
            if (depth > 0)
                assert_cut(&examples[i], &examples[i].tokens[k]);
        }
        assert_int_equal(depth, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_doubled),
        cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_cut),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
