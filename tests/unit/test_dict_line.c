#include "unit.h"

#include "protocol/dict_line.h"

static void assert_text(struct span got, const char *expected)
{
    if (!span_equal(got, span_of(expected)))
        fail_msg("'%.*s' instead of '%s'", (int)got.len, got.ptr, expected);
}

static void test_dict_line_parse(void **state)
{
    static const struct {
        struct span line;
        enum dict_command command;
        size_t count;
        struct span field[3];
    } cases[] = {
        {TEXT("L"), DICT_LOOKUP, 1, {TEXT("")}},
        {TEXT("Lshared/a"), DICT_LOOKUP, 1, {TEXT("shared/a")}},
        {TEXT("Lshared/a\tbob"), DICT_LOOKUP, 2, {TEXT("shared/a"), TEXT("bob")}},
        {TEXT("Lshared/a\t"), DICT_LOOKUP, 2, {TEXT("shared/a"), TEXT("")}},
        {TEXT("S1\tpriv/a\tva l\1tue\1nx\1"
              "1y\1r"),
         DICT_SET,
         3,
         {TEXT("1"), TEXT("priv/a"), TEXT("va l\tue\nx\1y\r")}},
        {TEXT("S1\tk\tab\1"
              "0cd"),
         DICT_SET,
         3,
         {TEXT("1"), TEXT("k"), TEXT("ab\0cd")}},
        {TEXT("S1\tk\tabc\r"), DICT_SET, 3, {TEXT("1"), TEXT("k"), TEXT("abc")}},
        {TEXT("S1\tk\tabc\r\r"), DICT_SET, 3, {TEXT("1"), TEXT("k"), TEXT("abc\r")}},
        {TEXT("S1\tk\ta b "), DICT_SET, 3, {TEXT("1"), TEXT("k"), TEXT("a b ")}},
        {TEXT("S1\tk\t"), DICT_SET, 3, {TEXT("1"), TEXT("k"), TEXT("")}},
        {TEXT("V1\t\t"), DICT_HIDE_VALUES, 3, {TEXT("1"), TEXT(""), TEXT("")}},
        {TEXT("I\r"), DICT_ITERATE, 1, {TEXT("")}},
    };
    struct dict_line parsed;
    struct buf text;

    (void)state;
    buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(dict_line_parse(cases[i].line, &parsed, &text));
        assert_int_equal(parsed.command, cases[i].command);
        if (parsed.count != cases[i].count)
            fail_msg("case %zu: %zu fields", i, parsed.count);
        for (size_t n = 0; n < cases[i].count; n++)
            assert_true(span_equal(parsed.field[n], cases[i].field[n]));
        for (size_t n = cases[i].count; n < DICT_FIELDS_NAMED; n++)
            assert_int_equal(parsed.field[n].len, 0);
    }
    buf_deinit(&text);
}

/* Every possible first byte of a line: with a transaction id, without one, and with a bad one. */
static void test_dict_line_commands(void **state)
{
    static const char without_id[] = "HLI", with_id[] = "BCDRSUATV";
    struct dict_line parsed;
    struct buf text;

    (void)state;
    buf_init(&text, SIZE_MAX);
    assert_false(dict_line_parse(SPAN(""), &parsed, &text));
    for (int byte = 0; byte < 256; byte++) {
        const char with[] = {(char)byte, '4', '2'}, bad[] = {(char)byte, 'x'};
        const bool is_plain = byte != 0 && strchr(without_id, byte) != NULL;
        const bool has_id = byte != 0 && strchr(with_id, byte) != NULL;

        if (dict_line_parse((struct span){with, 3}, &parsed, &text) != (is_plain || has_id) ||
            (has_id && (parsed.id != 42 || (int)parsed.command != byte)))
            fail_msg("byte 0x%02x", (unsigned)byte);
        if (dict_line_parse((struct span){bad, 2}, &parsed, &text) != is_plain ||
            dict_line_parse((struct span){bad, 1}, &parsed, &text) != is_plain)
            fail_msg("byte 0x%02x without an id", (unsigned)byte);
    }
    assert_true(dict_line_parse(SPAN("C4294967295"), &parsed, &text));
    assert_true(parsed.id == UINT32_MAX);
    assert_false(dict_line_parse(SPAN("C4294967296"), &parsed, &text));
    buf_deinit(&text);
}

static void test_dict_optional_number(void **state)
{
    uint64_t number = 5;

    (void)state;
    assert_true(dict_optional_number(SPAN(""), 9, &number));
    assert_int_equal(number, 0);
    assert_true(dict_optional_number(SPAN("7"), 9, &number));
    assert_int_equal(number, 7);
    assert_false(dict_optional_number(SPAN("10"), 9, &number));
    assert_false(dict_optional_number(SPAN("x"), 9, &number));
}

static void test_dict_line_many_fields(void **state)
{
    struct dict_line parsed;
    struct buf line, text;

    (void)state;
    buf_init(&line, SIZE_MAX);
    buf_init(&text, SIZE_MAX);
    buf_add_char(&line, 'I');
    for (uint64_t i = 0; i < 1000; i++) {
        buf_add_uint(&line, i);
        buf_add_char(&line, '\t');
    }
    assert_true(dict_line_parse(buf_span(&line), &parsed, &text));
    assert_int_equal(parsed.count, DICT_FIELDS_MAX);
    assert_text(parsed.field[0], "0");
    assert_text(parsed.field[DICT_FIELDS_MAX - 1], "15");
    buf_deinit(&line);
    buf_deinit(&text);
}

static void test_dict_number(void **state)
{
    static const struct {
        const char *text;
        uint64_t max;
        bool is_good;
        uint64_t number;
    } cases[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"007", 9, true, 7},
        {"4294967295", UINT32_MAX, true, UINT32_MAX},
        {"4294967296", UINT32_MAX, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999999", UINT64_MAX, false, 0},
        {"", 9, false, 0},
        {"-1", UINT64_MAX, false, 0},
        {"+1", UINT64_MAX, false, 0},
        {" 1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"1x", 99, false, 0},
        {"\xb1", 9, false, 0},
    };
    uint64_t number;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (dict_number(span_of(cases[i].text), cases[i].max, &number) != cases[i].is_good)
            fail_msg("'%s'", cases[i].text);
        if (cases[i].is_good)
            assert_true(number == cases[i].number);
    }
    assert_false(dict_number((struct span){NULL, 0}, 9, &number));
}

static void test_dict_signed_number(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t number;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"-580", true, -580},
        {"+5", true, 5},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"+", false, 0},
        {"--1", false, 0},
        {"+-1", false, 0},
        {"1.5", false, 0},
        {" 1", false, 0},
    };
    int64_t number;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (dict_signed_number(span_of(cases[i].text), &number) != cases[i].is_good)
            fail_msg("'%s'", cases[i].text);
        if (cases[i].is_good)
            assert_true(number == cases[i].number);
    }
}

static void test_dict_key(void **state)
{
    static const struct {
        const char *name, *user, *key; /* key NULL: name or user is refused */
        bool is_private;
    } cases[] = {
        {"shared/a", "bob", "a", false},
        {"shared/a", "", "a", false},
        {"shared/", "", "", false},
        {"shared//a/b", "bob", "/a/b", false},
        {"shared/priv/a", "bob", "priv/a", false},
        {"priv/a", "bob", "a", true},
        {"priv/", "bob", "", true},
        {"priv/a", "", NULL, false},
        {"priv", "bob", NULL, false},
        {"shared", "bob", NULL, false},
        {"a", "bob", NULL, false},
        {"", "bob", NULL, false},
        {"/shared/a", "bob", NULL, false},
        {"Shared/a", "bob", NULL, false},
        {"private/a", "bob", NULL, false},
    };
    struct table_key key;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span name = span_of(cases[i].name);
        const char *fault = dict_key(name, span_of(cases[i].user), &key);

        if ((fault == NULL) != (cases[i].key != NULL))
            fail_msg("'%s': %s", cases[i].name, fault);
        if (fault != NULL)
            continue;
        assert_text(key.key, cases[i].key);
        assert_ptr_equal(key.key.ptr + key.key.len, name.ptr + name.len);
        assert_int_equal(key.is_private, cases[i].is_private);
        assert_text(key.user, cases[i].is_private ? cases[i].user : "");
    }
    assert_non_null(dict_key(SPAN("priv/a"), SPAN("b\0b"), &key));
    assert_null(dict_key(SPAN("shared/a"), SPAN("b\0b"), &key));
}

/* Version 4.0 has minor 0 and still knows ids. */
static void test_dict_knows_async(void **state)
{
    (void)state;
    assert_false(dict_knows_async(2, 0));
    assert_true(dict_knows_async(2, 1));
    assert_true(dict_knows_async(2, 2));
    assert_true(dict_knows_async(3, 0));
    assert_true(dict_knows_async(3, 2));
    assert_true(dict_knows_async(4, 0));
}

static void test_dict_lookup_replies(void **state)
{
    static const struct {
        struct reply reply;
        const char *line;
    } cases[] = {
        {{.status = REPLY_FOUND, .map_value = TEXT("x"), .dict_value = TEXT("va\tl\n")},
         "Ova\1tl\1n\n"},
        {{.status = REPLY_FOUND}, "O\n"},
        {{.status = REPLY_FOUND, .dict_value = TEXT("abc\r")}, "Oabc\1r\n"},
        {{.status = REPLY_MISS, .reason = TEXT("x")}, "N\n"},
        {{.status = REPLY_TEMPORARY, .reason = TEXT("a\tb\nc")}, "Fa\1tb\1nc\n"},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("slow")}, "Fslow\n"},
        {{.status = REPLY_PERMANENT}, "F\n"},
        {{.status = REPLY_UNCERTAIN, .reason = TEXT("x")}, "Fx\n"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        dict_add_lookup(&out, SPAN("meta"), &cases[i].reply);
        assert_text(buf_span(&out), cases[i].line);
    }
    buf_clear(&out); /* Dovecot would cut the value at its NUL byte */
    dict_add_lookup(&out, SPAN("meta"),
                    &(struct reply){.status = REPLY_FOUND, .dict_value = SPAN("a\0b")});
    assert_int_equal(*out.ptr, 'F');
    assert_int_equal(out.ptr[out.len - 1], '\n');
    buf_deinit(&out);
}

static void test_dict_commit_replies(void **state)
{
    static const struct {
        struct reply reply;
        const char *line;
    } cases[] = {
        {{.status = REPLY_FOUND}, "O7\n"},
        {{.status = REPLY_MISS}, "N7\n"},
        {{.status = REPLY_TEMPORARY, .reason = TEXT("a\tb")}, "F7\ta\1tb\n"},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("slow")}, "F7\tslow\n"},
        {{.status = REPLY_PERMANENT}, "F7\t\n"},
        {{.status = REPLY_UNCERTAIN, .reason = TEXT("x")}, "W7\tx\n"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&out);
        dict_add_commit(&out, 7, &cases[i].reply);
        assert_text(buf_span(&out), cases[i].line);
    }
    buf_clear(&out);
    dict_add_commit(&out, UINT32_MAX, &(struct reply){.status = REPLY_FOUND});
    assert_text(buf_span(&out), "O4294967295\n");
    buf_deinit(&out);
}

/* An iteration is never answered with N or with a row without a tab: Dovecot 2.3 crashes on both.
 */
static void test_dict_iteration_replies(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, SIZE_MAX);
    dict_add_row(&out, SPAN("priv/a\t/"), SPAN("b\n"), SPAN("c\1"));
    dict_add_row(&out, SPAN("shared/a/"), SPAN("b"), SPAN(""));
    dict_add_row(&out, SPAN("shared/a"), SPAN(""), SPAN("x"));
    assert_text(buf_span(&out), "Opriv/a\1t/b\1n\tc\1"
                                "1\nOshared/a/b\t\nOshared/a\tx\n");
    buf_clear(&out);
    dict_add_finish(&out, &(struct reply){.status = REPLY_FOUND});
    dict_add_finish(&out, &(struct reply){.status = REPLY_MISS});
    dict_add_finish(&out, &(struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("a\tb")});
    dict_add_finish(&out, &(struct reply){.status = REPLY_TIMEOUT, .reason = SPAN("")});
    assert_text(buf_span(&out), "\n\nFa\1tb\nF\n");
    buf_deinit(&out);
}

static void test_dict_ids(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, SIZE_MAX);
    dict_announce(&out, 1);
    dict_announce(&out, UINT32_MAX);
    dict_begin_reply(&out, 0);
    dict_begin_reply(&out, 12);
    assert_text(buf_span(&out), "*1\n*4294967295\n+12\t");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dict_line_parse),
        cmocka_unit_test(test_dict_line_commands),
        cmocka_unit_test(test_dict_optional_number),
        cmocka_unit_test(test_dict_line_many_fields),
        cmocka_unit_test(test_dict_number),
        cmocka_unit_test(test_dict_signed_number),
        cmocka_unit_test(test_dict_key),
        cmocka_unit_test(test_dict_knows_async),
        cmocka_unit_test(test_dict_lookup_replies),
        cmocka_unit_test(test_dict_commit_replies),
        cmocka_unit_test(test_dict_iteration_replies),
        cmocka_unit_test(test_dict_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
