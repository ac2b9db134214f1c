/* Every small mistake at every place of real configurations: config_load() reports its line and
 * names the character. */
#include "config_case.h"

#include "config/token.h"

#include "podop/buf.h"

enum { TEXT_BYTES_MAX = 32 * 1024, TOKENS_MAX = 2000 };

/* A configuration, and its tokens. */
struct example {
    char text[TEXT_BYTES_MAX];
    struct token tokens[TOKENS_MAX];
    size_t count;
};

/* What was reported about the mutations of one class. */
struct survey {
    unsigned valid; /* nothing: the file is still valid */
    unsigned exact; /* the line of the mutation */
    unsigned near;  /* a line from the token before to the token after */
    unsigned far;
    unsigned named; /* the message names the character */
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
    const char quoted[] = {'\'', mark, '\'', '\0'};

    if (mark == '"')
        return memmem(hint.ptr, hint.len, "quote", 5) != NULL;
    return memmem(hint.ptr, hint.len, quoted, 3) != NULL ||
           (mark == ',' && memmem(hint.ptr, hint.len, "comma", 5) != NULL);
}

/* Loads the example with len bytes at its place at replaced by by. */
static void mutate(struct survey *survey, const struct example *example, size_t token,
                   const char *at, size_t len, const char *by)
{
    struct buf text;
    struct reported reported;
    struct config *config;
    unsigned line = line_of(example, at), told = 0;
    unsigned low = token == 0 ? 1 : example->tokens[token - 1].last_line;
    unsigned high = example->tokens[token + 1].line;
    char kind;

    buf_init(&text, TEXT_BYTES_MAX * 2);
    buf_add(&text, (struct span){example->text, (size_t)(at - example->text)});
    buf_add(&text, span_of(by));
    buf_add(&text, span_of(at + len));
    write_text("podop.conf", buf_string(&text));
    buf_deinit(&text);
    config = load(&(struct config_source){.file = "podop.conf"}, &reported);
    if (config != NULL) {
        survey->valid++;
        config_unref(&config);
        return;
    }
    assert_int_equal(sscanf(reported.text, "podop.conf:%u%c", &told, &kind), 2);
    if (told == line)
        survey->exact++;
    else if (told >= low && told <= high)
        survey->near++;
    else
        survey->far++;
    survey->named += is_named(reported.text, *at);
    if (getenv("SHOW") != NULL &&
        (told < low || told > high || !is_named(reported.text, *at)))
        printf("%c line %u: %s", *at, line, reported.text);
}

static struct survey survey_mark(const struct example *example, char mark, const char *by)
{
    struct survey survey = {0};

    for (size_t i = 0; i < example->count; i++) {
        const struct token *token = &example->tokens[i];

        if (token->text.ptr[0] != mark)
            continue;
        mutate(&survey, example, i, token->text.ptr, 1, by);
        if (mark == '"')
            mutate(&survey, example, i, token->text.ptr + token->text.len - 1, 1, by);
    }
    return survey;
}

static void test_survey(void **state)
{
    static const char *const files[] = {"etc/podop.conf.example", "etc/podop.conf",
                                        "tests/unit/mutated.conf"};
    static struct example example;

    (void)state;
    for (size_t f = 0; f < 3; f++) {
        char path[300];

        snprintf(path, sizeof(path), "%s/%s", PODOP_SOURCE, files[f]);
        read_example(&example, path);
        for (const char *mark = ",=;(){}[]\""; *mark != '\0'; mark++) {
            for (int k = 0; k < 2; k++) {
                char twice[] = {*mark, *mark, '\0'};
                struct survey s = survey_mark(&example, *mark, k == 0 ? "" : twice);

                printf("## %s %c %s: valid %u exact %u near %u far %u named %u\n", files[f], *mark,
                       k == 0 ? "deleted" : "twice", s.valid, s.exact, s.near, s.far, s.named);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_survey)};

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
