#include "unit.h"

#include "podop/tabline.h"

static const struct {
    struct span bytes, wire;
} escapes[] = {
    {TEXT(""), TEXT("")},
    {TEXT("plain"), TEXT("plain")},
    {TEXT("\0"), TEXT("\1"
                      "0")},
    {TEXT("\1"), TEXT("\1"
                      "1")},
    {TEXT("\t"), TEXT("\1t")},
    {TEXT("\r"), TEXT("\1r")},
    {TEXT("\n"), TEXT("\1n")},
    {TEXT("va l\tue\nx\1y\r"), TEXT("va l\1tue\1nx\1"
                                    "1y\1r")},
    {TEXT("\1t"), TEXT("\1"
                       "1t")}, /* two bytes, not a tab */
    {TEXT("\0\0\1\1\t\t"), TEXT("\1"
                                "0\1"
                                "0\1"
                                "1\1"
                                "1\1t\1t")},
    {TEXT("j\xc3\xb6rg \xff\x80 %\\\"/"), TEXT("j\xc3\xb6rg \xff\x80 %\\\"/")},
};

static struct span copy_of(struct span s)
{
    char *bytes = xmalloc(s.len == 0 ? 1 : s.len);

    if (s.len > 0)
        memcpy(bytes, s.ptr, s.len);
    return (struct span){bytes, s.len};
}

static void test_tabline_escape(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
        struct buf out;

        buf_init(&out, SIZE_MAX);
        tabline_escape(&out, escapes[i].bytes);
        assert_true(span_equal(buf_span(&out), escapes[i].wire));
        buf_clear(&out);
        tabline_unescape(&out, escapes[i].wire);
        assert_true(span_equal(buf_span(&out), escapes[i].bytes));
        buf_deinit(&out);
    }
}

/* Escapes that Dovecot never writes are read as Dovecot reads them. */
static void test_tabline_unescape_of_others(void **state)
{
    static const struct {
        struct span wire, bytes;
    } cases[] = {
        {TEXT("\1x"), TEXT("x")},     {TEXT("a\1"), TEXT("a")},
        {TEXT("\1"), TEXT("")},       {TEXT("\1\1"), TEXT("\1")},
        {TEXT("\1\1t"), TEXT("\1t")}, {TEXT("\1\0z"), TEXT("\0z")},
        {TEXT("a\0b"), TEXT("a\0b")}, {TEXT("\1T\1N\1R"), TEXT("TNR")},
        {TEXT("\1n\1"), TEXT("\n")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span exact = copy_of(cases[i].wire);
        struct buf out;

        buf_init(&out, SIZE_MAX);
        tabline_unescape(&out, exact);
        assert_true(span_equal(buf_span(&out), cases[i].bytes));
        buf_deinit(&out);
        free((char *)(uintptr_t)exact.ptr);
    }
}

static void test_tabline_every_byte_comes_back(void **state)
{
    char all[256 * 2];
    struct buf out, back;

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)(i % 256);
    buf_init(&out, SIZE_MAX);
    buf_init(&back, SIZE_MAX);
    tabline_escape(&out, (struct span){all, sizeof(all)});
    for (size_t i = 0; i < out.len; i++)
        assert_null(memchr("\t\r\n", out.ptr[i], 4)); /* and no NUL */
    tabline_unescape(&back, buf_span(&out));
    assert_true(span_equal(buf_span(&back), (struct span){all, sizeof(all)}));
    buf_deinit(&out);
    buf_deinit(&back);
}

/* A byte is escaped at every position of texts of every length, and no other byte is. */
static void test_tabline_escape_anywhere(void **state)
{
    static const char bytes[] = {'\0', '\1', '\t', '\n', '\v', '\r', 14, ' ', 127, '\x80', '\xff'};
    char text[20], expected[40];

    (void)state;
    for (size_t len = 1; len <= sizeof(text); len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t i = 0; i < sizeof(bytes); i++) {
                static const char escaped[] = "01tn\0r"; /* of the first six */
                bool is_escaped = i < 6 && escaped[i] != '\0';
                struct buf out;

                memset(text, 'x', len);
                text[at] = bytes[i];
                memset(expected, 'x', sizeof(expected));
                expected[at] = is_escaped ? '\1' : bytes[i];
                if (is_escaped)
                    expected[at + 1] = escaped[i];
                buf_init(&out, SIZE_MAX);
                tabline_escape(&out, (struct span){text, len});
                assert_int_equal(out.len, len + is_escaped);
                assert_memory_equal(out.ptr, expected, out.len);
                buf_deinit(&out);
            }
        }
    }
}

static void test_tabline_parse_cut_anywhere(void **state)
{
    static const struct span lines[] = {TEXT("\n"), TEXT("L\n"), TEXT("Lshared/key\tuser\n"),
                                        TEXT("\r\n"), TEXT("a\0b\n")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct span line = {NULL, 0};
        size_t used = 0;

        for (size_t len = 0; len < lines[i].len; len++) {
            struct span cut = copy_of((struct span){lines[i].ptr, len});

            assert_int_equal(tabline_parse(cut, 64, &line, &used), PARSE_MORE);
            free((char *)(uintptr_t)cut.ptr);
        }
        assert_int_equal(tabline_parse(lines[i], 64, &line, &used), PARSE_DONE);
        assert_int_equal(used, lines[i].len);
        assert_int_equal(line.len, lines[i].len - 1);
        assert_ptr_equal(line.ptr, lines[i].ptr);
    }
    assert_int_equal(tabline_parse((struct span){NULL, 0}, 0, &(struct span){0}, &(size_t){0}),
                     PARSE_MORE);
}

static void test_tabline_parse_takes_one_line(void **state)
{
    struct span in = SPAN("one\n\nthree\nfo"), line;
    static const char *const expected[] = {"one", "", "three"};
    size_t used;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_int_equal(tabline_parse(in, 5, &line, &used), PARSE_DONE);
        assert_true(span_equal(line, span_of(expected[i])));
        in = span_skip(in, used);
    }
    assert_int_equal(tabline_parse(in, 5, &line, &used), PARSE_MORE);
}

static void test_tabline_parse_limit(void **state)
{
    struct span line;
    size_t used;

    (void)state;
    assert_int_equal(tabline_parse(SPAN("12345\n"), 5, &line, &used), PARSE_DONE);
    assert_int_equal(tabline_parse(SPAN("12345"), 5, &line, &used), PARSE_MORE);
    assert_int_equal(tabline_parse(SPAN("123456"), 5, &line, &used), PARSE_BAD);
    assert_int_equal(tabline_parse(SPAN("123456\n"), 5, &line, &used), PARSE_BAD);
    assert_int_equal(tabline_parse(SPAN("12345\n123456"), 5, &line, &used), PARSE_DONE);
    assert_int_equal(tabline_parse(SPAN("\n"), 0, &line, &used), PARSE_DONE);
    assert_int_equal(tabline_parse(SPAN("1"), 0, &line, &used), PARSE_BAD);
}

static void test_tabline_next(void **state)
{
    static const struct {
        struct span line;
        const char *fields[4]; /* a NULL ends them */
    } cases[] = {
        {TEXT(""), {"", NULL}},
        {TEXT("a"), {"a", NULL}},
        {TEXT("a\t"), {"a", "", NULL}},
        {TEXT("\t"), {"", "", NULL}},
        {TEXT("\ta"), {"", "a", NULL}},
        {TEXT("a\tb\tc"), {"a", "b", "c", NULL}},
        {TEXT("a\t\tc"), {"a", "", "c", NULL}},
        {TEXT("a\1tb\tc"), {"a\1tb", "c", NULL}}, /* still escaped */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span rest = cases[i].line, field = {0};

        for (size_t n = 0; cases[i].fields[n] != NULL; n++) {
            assert_true(tabline_next(&rest, &field));
            assert_true(span_equal(field, span_of(cases[i].fields[n])));
        }
        assert_false(tabline_next(&rest, &field));
        assert_null(rest.ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tabline_escape),
        cmocka_unit_test(test_tabline_unescape_of_others),
        cmocka_unit_test(test_tabline_every_byte_comes_back),
        cmocka_unit_test(test_tabline_escape_anywhere),
        cmocka_unit_test(test_tabline_parse_cut_anywhere),
        cmocka_unit_test(test_tabline_parse_takes_one_line),
        cmocka_unit_test(test_tabline_parse_limit),
        cmocka_unit_test(test_tabline_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
