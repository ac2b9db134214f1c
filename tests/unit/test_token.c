#include "unit.h"

#include "config/token.h"

/* Each token of a text as its kind, its line and its text: "N1 name|". */
static void write_tokens(const char *text, char *out, size_t size)
{
    static const char kinds[] = {
        [TOKEN_END] = 'E',  [TOKEN_NAME] = 'N', [TOKEN_NUMBER] = '#',  [TOKEN_STRING] = 'S',
        [TOKEN_MARK] = 'M', [TOKEN_WORD] = 'W', [TOKEN_STRANGE] = '?',
    };
    struct lexer lexer = {span_of(text), 1};
    struct token token;
    size_t len = 0;

    out[0] = '\0';
    do {
        token = token_next(&lexer);
        len += (size_t)snprintf(out + len, size - len, "%c%u %.*s|", kinds[token.kind], token.line,
                                (int)token.text.len, token.text.len == 0 ? "" : token.text.ptr);
        assert_true(len < size);
    } while (token.kind != TOKEN_END);
}

static void test_token_kinds(void **state)
{
    static const struct {
        const char *text, *tokens;
    } cases[] = {
        {"", "E1 |"},
        {" \t\r\n\f\v", "E2 |"},
        {"a = 1;", "N1 a|M1 =|#1 1|M1 ;|E1 |"},
        {"a:[b,(c){d}]", "N1 a|M1 :|M1 [|N1 b|M1 ,|M1 (|N1 c|M1 )|M1 {|N1 d|M1 }|M1 ]|E1 |"},
        {"*a-b_c", "N1 *a-b_c|E1 |"},
        {"a.b", "W1 a.b|E1 |"},
        {"a+b", "W1 a+b|E1 |"},
        {"5s", "W1 5s|E1 |"},
        {"-", "W1 -|E1 |"},
        {"-1.5e3 +2 7L", "#1 -1.5e3|#1 +2|#1 7L|E1 |"},
        {"0xffL 0xfg 0x", "#1 0xffL|W1 0xfg|W1 0x|E1 |"},
        {"1LL . 1. +.5e-3 0b101 0o17 1E5",
         "#1 1LL|#1 .|#1 1.|#1 +.5e-3|#1 0b101|#1 0o17|#1 1E5|E1 |"},
        {"127.0.0.1 1.5.1 1e 1e+ 1-2 1L5 0b2 0xL + e5 1.5L",
         "W1 127.0.0.1|W1 1.5.1|W1 1e|W1 1e+|W1 1-2|W1 1L5|W1 0b2|W1 0xL|W1 +|N1 e5|W1 1.5L|E1 |"},
        {"\"a\\\"b\" \"\"", "S1 \"a\\\"b\"|S1 \"\"|E1 |"},
        {"\"a\nb\" c", "S1 \"a\nb\"|N2 c|E2 |"},
        {"\"open", "S1 \"open|E1 |"},
        {"\"open\\", "S1 \"open\\|E1 |"},
        {"a # b\nc", "N1 a|N2 c|E2 |"},
        {"a // b", "N1 a|E1 |"},
        {"a /* b\n */ c", "N1 a|N2 c|E2 |"},
        {"a /* b", "N1 a|E1 |"},
        {"/", "?1 /|E1 |"},
        {"\xe2\x80\x9c", "?1 \xe2\x80\x9c|E1 |"},
        {"\xff", "?1 \xff|E1 |"},
    };
    char tokens[500];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_tokens(cases[i].text, tokens, sizeof(tokens));
        if (strcmp(tokens, cases[i].tokens) != 0)
            fail_msg("case %zu: '%s' is %s, not %s", i, cases[i].text, tokens, cases[i].tokens);
    }
}

static void test_token_nul_is_strange(void **state)
{
    struct lexer lexer = {SPAN("\0a"), 1};
    struct token token = token_next(&lexer);

    (void)state;
    assert_int_equal(token.kind, TOKEN_STRANGE);
    assert_int_equal(token.text.len, 1);
    assert_int_equal(token_next(&lexer).kind, TOKEN_NAME);
}

static void test_token_lines(void **state)
{
    struct lexer lexer = {SPAN("\n\"a\n\nb\"\nc"), 1};
    struct token token = token_next(&lexer);

    (void)state;
    assert_int_equal(token.line, 2);
    assert_int_equal(token.last_line, 4);
    token = token_next(&lexer);
    assert_int_equal(token.line, 5);
    assert_int_equal(token.last_line, 5);
}

static void test_token_is(void **state)
{
    static const struct {
        const char *text;
        bool is_bool, is_brace;
    } cases[] = {
        {"true", true, false},    {"FALSE", true, false}, {"True", true, false},
        {"truest", false, false}, {"tru", false, false},  {"\"true\"", false, false},
        {"{", false, true},       {"}", false, false},    {"\"{\"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lexer lexer = {span_of(cases[i].text), 1};
        struct token token = token_next(&lexer);

        if (token_is_bool(&token) != cases[i].is_bool || token_is(&token, '{') != cases[i].is_brace)
            fail_msg("case %zu: %s", i, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_kinds),
        cmocka_unit_test(test_token_nul_is_strange),
        cmocka_unit_test(test_token_lines),
        cmocka_unit_test(test_token_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
