#include "unit.h"

#include "podop/json_value.h"

#include "table/json_reply.h"

static bool is_json(struct span text)
{
    struct error err = {0};
    int status = json_check(text, &err);

    assert_int_equal(err.kind, status == 0 ? ERR_NONE : ERR_INPUT);
    return status == 0;
}

/* A text, and its value in compact form, for maps and for dicts (NULL: a miss). */
static const struct {
    struct span text;
    struct span compact, map, dict;
} good[] = {
    {TEXT("null"), TEXT("null"), {NULL, 0}, {NULL, 0}},
    {TEXT("true"), TEXT("true"), TEXT("true"), TEXT("true")},
    {TEXT("false"), TEXT("false"), TEXT(""), TEXT("false")},
    {TEXT(" false\n"), TEXT("false"), TEXT(""), TEXT("false")},
    {TEXT("\"false\""), TEXT("\"false\""), TEXT("false"), TEXT("false")},
    {TEXT("[false]"), TEXT("[false]"), TEXT(""), TEXT("[false]")},
    {TEXT("[ false , null , false ]"), TEXT("[false,null,false]"), TEXT(""),
     TEXT("[false,null,false]")},
    {TEXT("[false,\"a\",false,true,\"false\"]"), TEXT("[false,\"a\",false,true,\"false\"]"),
     TEXT("a,true,false"), TEXT("[false,\"a\",false,true,\"false\"]")},
    {TEXT("[[false]]"), TEXT("[[false]]"), TEXT("[[false]]"), TEXT("[[false]]")},
    {TEXT("{\"a\":false}"), TEXT("{\"a\":false}"), TEXT("{\"a\":false}"), TEXT("{\"a\":false}")},
    {TEXT("0"), TEXT("0"), TEXT("0"), TEXT("0")},
    {TEXT("-0"), TEXT("-0"), TEXT("-0"), TEXT("-0")},
    {TEXT("1.10"), TEXT("1.10"), TEXT("1.10"), TEXT("1.10")},
    {TEXT("-1.5e+10"), TEXT("-1.5e+10"), TEXT("-1.5e+10"), TEXT("-1.5e+10")},
    {TEXT("1E5"), TEXT("1E5"), TEXT("1E5"), TEXT("1E5")},
    {TEXT("0e0"), TEXT("0e0"), TEXT("0e0"), TEXT("0e0")},
    {TEXT("1e-400"), TEXT("1e-400"), TEXT("1e-400"), TEXT("1e-400")},
    {TEXT("1e400"), TEXT("1e400"), TEXT("1e400"), TEXT("1e400")},
    {TEXT("12345678901234567890"), TEXT("12345678901234567890"), TEXT("12345678901234567890"),
     TEXT("12345678901234567890")},
    {TEXT("-123456789012345678901234567890"), TEXT("-123456789012345678901234567890"),
     TEXT("-123456789012345678901234567890"), TEXT("-123456789012345678901234567890")},
    {TEXT(" \t\r\n1\n "), TEXT("1"), TEXT("1"), TEXT("1")},
    {TEXT("\"\""), TEXT("\"\""), TEXT(""), TEXT("")},
    {TEXT("\"a b\""), TEXT("\"a b\""), TEXT("a b"), TEXT("a b")},
    {TEXT("\"j\xc3\xb6rg\""), TEXT("\"j\xc3\xb6rg\""), TEXT("j\xc3\xb6rg"), TEXT("j\xc3\xb6rg")},
    {TEXT("\"\x7f\""), TEXT("\"\x7f\""), TEXT("\x7f"), TEXT("\x7f")},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
     TEXT("\"\\/\b\f\n\r\t"), TEXT("\"\\/\b\f\n\r\t")},
    {TEXT("\"\\u0061\\u00e4\\u20AC\""), TEXT("\"\\u0061\\u00e4\\u20AC\""),
     TEXT("a\xc3\xa4\xe2\x82\xac"), TEXT("a\xc3\xa4\xe2\x82\xac")},
    {TEXT("\"\\ud83d\\udce7\""), TEXT("\"\\ud83d\\udce7\""), TEXT("\xf0\x9f\x93\xa7"),
     TEXT("\xf0\x9f\x93\xa7")},
    {TEXT("\"\\uDBFF\\uDFFF\""), TEXT("\"\\uDBFF\\uDFFF\""), TEXT("\xf4\x8f\xbf\xbf"),
     TEXT("\xf4\x8f\xbf\xbf")},
    {TEXT("\"a\\u0000b\""), TEXT("\"a\\u0000b\""), TEXT("a\0b"), TEXT("a\0b")},
    {TEXT("\"\\\\ud800\""), TEXT("\"\\\\ud800\""), TEXT("\\ud800"),
     TEXT("\\ud800")}, /* not an escape */
    {TEXT("[]"), TEXT("[]"), TEXT(""), TEXT("[]")},
    {TEXT(" [ ] "), TEXT("[]"), TEXT(""), TEXT("[]")},
    {TEXT("[1]"), TEXT("[1]"), TEXT("1"), TEXT("[1]")},
    {TEXT("[ \"a\" , \"b, c\" ]"), TEXT("[\"a\",\"b, c\"]"), TEXT("a,b, c"),
     TEXT("[\"a\",\"b, c\"]")},
    {TEXT("[\"a\",null,1.10,true]"), TEXT("[\"a\",null,1.10,true]"), TEXT("a,1.10,true"),
     TEXT("[\"a\",null,1.10,true]")},
    {TEXT("[null,\"a\"]"), TEXT("[null,\"a\"]"), TEXT("a"), TEXT("[null,\"a\"]")},
    {TEXT("[null]"), TEXT("[null]"), TEXT(""), TEXT("[null]")},
    {TEXT("[\"\\u0061\"]"), TEXT("[\"\\u0061\"]"), TEXT("a"), TEXT("[\"\\u0061\"]")},
    {TEXT("[1, [2]]"), TEXT("[1,[2]]"), TEXT("[1,[2]]"), TEXT("[1,[2]]")},
    {TEXT("[[]]"), TEXT("[[]]"), TEXT("[[]]"), TEXT("[[]]")},
    {TEXT("[1,{}]"), TEXT("[1,{}]"), TEXT("[1,{}]"), TEXT("[1,{}]")},
    {TEXT("{}"), TEXT("{}"), TEXT("{}"), TEXT("{}")},
    {TEXT("{ \"a\" : 1 ,\n\"b\": [ 1, \"x y\" ] }"), TEXT("{\"a\":1,\"b\":[1,\"x y\"]}"),
     TEXT("{\"a\":1,\"b\":[1,\"x y\"]}"), TEXT("{\"a\":1,\"b\":[1,\"x y\"]}")},
    {TEXT("{\"{[,:\\\"\":\"]}\"}"), TEXT("{\"{[,:\\\"\":\"]}\"}"), TEXT("{\"{[,:\\\"\":\"]}\"}"),
     TEXT("{\"{[,:\\\"\":\"]}\"}")},
};

static void assert_reply(const struct reply *reply, struct span map, struct span dict)
{
    if (dict.ptr == NULL) {
        assert_int_equal(reply->status, REPLY_MISS);
        return;
    }
    assert_int_equal(reply->status, REPLY_FOUND);
    assert_true(span_equal(reply->map_value, map));
    assert_true(span_equal(reply->dict_value, dict));
}

static void test_json_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char *text = xmemdup0(good[i].text.ptr, good[i].text.len);
        struct span exact = {xmalloc(good[i].text.len), good[i].text.len}; /* no NUL after it */
        struct buf compact, scratch;
        struct reply reply, plain;
        struct error err = {0};

        memcpy((char *)(uintptr_t)exact.ptr, text, exact.len);
        buf_init(&compact, SIZE_MAX);
        buf_init(&scratch, SIZE_MAX);
        if (json_check(exact, &err) == -1)
            fail_msg("%s: %s", text, err.text);
        json_add_compact(&compact, exact);
        assert_true(span_equal(buf_span(&compact), good[i].compact));
        json_reply(exact, &scratch, &reply);
        assert_reply(&reply, good[i].map, good[i].dict);
        if (json_reply_plain(exact, &plain))
            assert_reply(&plain, good[i].map, good[i].dict);
        buf_deinit(&compact);
        buf_deinit(&scratch);
        free((char *)(uintptr_t)exact.ptr);
        free(text);
    }
}

/* A text that is cut off anywhere is not JSON, except for numbers and blanks at the end. */
static void test_json_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char first = *good[i].compact.ptr;

        if (strchr("\"[{tfn", first) == NULL)
            continue;
        for (size_t len = 0; len < good[i].compact.len; len++) {
            char *exact = xmalloc(len);

            memcpy(exact, good[i].compact.ptr, len);
            if (is_json((struct span){exact, len}))
                fail_msg("%.*s was taken", (int)len, exact);
            free(exact);
        }
    }
}

static void test_json_bad(void **state)
{
    static const struct span cases[] = {
        TEXT(""),
        TEXT(" "),
        TEXT("\n\t"),
        TEXT("\0"),
        TEXT("1\0"),
        TEXT("\"a\"\0"),
        TEXT("{}\0"),
        /* words and numbers */
        TEXT("nul"),
        TEXT("nulll"),
        TEXT("Null"),
        TEXT("NULL"),
        TEXT("True"),
        TEXT("TRUE"),
        TEXT("nan"),
        TEXT("NaN"),
        TEXT("Infinity"),
        TEXT("-Infinity"),
        TEXT("inf"),
        TEXT("-"),
        TEXT("+1"),
        TEXT("01"),
        TEXT("-01"),
        TEXT("00"),
        TEXT("1."),
        TEXT(".5"),
        TEXT("-.5"),
        TEXT("1.e5"),
        TEXT("1e"),
        TEXT("1e+"),
        TEXT("1e5.5"),
        TEXT("0x10"),
        TEXT("1_000"),
        TEXT("1a"),
        TEXT("--1"),
        TEXT("1-"),
        TEXT("1,"),
        TEXT("1 2"),
        TEXT("true false"),
        TEXT("nulltrue"),
        TEXT("1\"a\""),
        TEXT("undefined"),
        TEXT("\xef\xbb\xbf"
             "1"), /* a byte order mark */
        TEXT("\xc2\xa0"
             "1"),
        TEXT("1\v"),
        TEXT("1\f"),
        /* strings */
        TEXT("\""),
        TEXT("\"a"),
        TEXT("\"\\\""),
        TEXT("'a'"),
        TEXT("a"),
        TEXT("\"a\"b"),
        TEXT("\"a\"\"b\""),
        TEXT("\"\n\""),
        TEXT("\"\t\""),
        TEXT("\"\0\""),
        TEXT("\"\x1f\""),
        TEXT("\"\\a\""),
        TEXT("\"\\'\""),
        TEXT("\"\\0\""),
        TEXT("\"\\x41\""),
        TEXT("\"\\U0041\""),
        TEXT("\"\\u\""),
        TEXT("\"\\u004\""),
        TEXT("\"\\u004g\""),
        TEXT("\"\\u 041\""),
        TEXT("\"\\\n\""),
        TEXT("\"\\ud800\""),
        TEXT("\"\\udc00\""),
        TEXT("\"\\ud800x\""),
        TEXT("\"\\ud800\\n\""),
        TEXT("\"\\ud800\\u0041\""),
        TEXT("\"\\ud800\\ud800\""),
        TEXT("\"\\ud800\\ue000\""),
        TEXT("\"\\udbff\\uffff\""),
        TEXT("\"\\udc00\\ud800\""),
        TEXT("\"\\ud800\\\\udc00\""),
        TEXT("\"\\uD83D\\uDCE\""),
        TEXT("\"\xff\""),
        TEXT("\"\xc3\""),
        TEXT("\"\xc0\x80\""),
        TEXT("\"\xed\xa0\x80\""),
        TEXT("\"\xf4\x90\x80\x80\""),
        TEXT("\"\x80\""),
        /* structure */
        TEXT("["),
        TEXT("]"),
        TEXT("{"),
        TEXT("}"),
        TEXT("[1"),
        TEXT("[1,"),
        TEXT("[1,]"),
        TEXT("[,]"),
        TEXT("[,1]"),
        TEXT("[1,,2]"),
        TEXT("[1 2]"),
        TEXT("[1:2]"),
        TEXT("[1}"),
        TEXT("[]]"),
        TEXT("[][]"),
        TEXT("[] 1"),
        TEXT("{]"),
        TEXT("{\"a\"}"),
        TEXT("{\"a\":}"),
        TEXT("{\"a\":1,}"),
        TEXT("{,}"),
        TEXT("{\"a\" 1}"),
        TEXT("{\"a\"::1}"),
        TEXT("{\"a\":1 \"b\":2}"),
        TEXT("{\"a\":1,,\"b\":2}"),
        TEXT("{a:1}"),
        TEXT("{'a':1}"),
        TEXT("{1:1}"),
        TEXT("{null:1}"),
        TEXT("{[]:1}"),
        TEXT("{\"a\",1}"),
        TEXT("{:1}"),
        TEXT("{\"a\":1]"),
        TEXT(","),
        TEXT(":"),
        TEXT("[1]x"),
        TEXT("{}x"),
        TEXT("{} {}"),
        TEXT("/**/1"),
        TEXT("1//x"),
        TEXT("[1,/**/2]"),
        TEXT("[1,#\n2]"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *exact = xmalloc(cases[i].len);

        if (cases[i].len > 0)
            memcpy(exact, cases[i].ptr, cases[i].len);
        if (is_json((struct span){exact, cases[i].len}))
            fail_msg("%zu: %.*s was taken", i, (int)cases[i].len, cases[i].ptr);
        free(exact);
    }
}

/* Very deep nesting is refused, and uses no stack. */
static void test_json_depth(void **state)
{
    static char text[200000];

    (void)state;
    for (size_t depth = 1; depth < 300; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        if (depth <= 32)
            assert_true(is_json((struct span){text, 2 * depth}));
        if (depth > 64)
            assert_false(is_json((struct span){text, 2 * depth}));
    }
    memset(text, '[', sizeof(text));
    assert_false(is_json((struct span){text, sizeof(text)}));
    memset(text, ']', sizeof(text));
    assert_false(is_json((struct span){text, sizeof(text)}));
    for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
        memcpy(text + i, "{\"\":[", 5);
    assert_false(is_json((struct span){text, sizeof(text)}));
}

/* The place is the beginning of the token, and a column is a character. */
static void test_json_faults(void **state)
{
    static const struct {
        struct span text;
        const char *fault;
    } cases[] = {
        {TEXT(""), "the text is empty"},
        {TEXT(" \n"), "the text is empty"},
        {TEXT("hello"), "unexpected character 'h' at line 1, column 1"},
        {TEXT("\xc3\xa4"), "unexpected character '\xc3\xa4' at line 1, column 1"},
        {TEXT("{\n  \"a\": nul\n}"),
         "invalid word (JSON has true, false and null) at line 2, column 8"},
        {TEXT("{\"a\":True}"), "unexpected 'True' (JSON has true) at line 1, column 6"},
        {TEXT("{\"a\":None}"), "unexpected 'None' (JSON has null) at line 1, column 6"},
        {TEXT("[NaN]"), "unexpected 'NaN' (JSON has numbers and null only) at line 1, column 2"},
        {TEXT("[01]"), "invalid number at line 1, column 2"},
        {TEXT("[.5]"), "invalid number at line 1, column 2"},
        {TEXT("{'a':1}"), "unexpected ' (strings are in double quotes) at line 1, column 2"},
        {TEXT("{\xe2\x80\x9c"), "unexpected quotation mark"},
        {TEXT("{\xe2\x80\x98"), "unexpected quotation mark"},
        {TEXT("{\xe2\x80\x93"), "unexpected character '\xe2\x80\x93' (the name of a member"},
        {TEXT("{a:1}"), "unexpected character 'a' (the name of a member is in double quotes) at "
                        "line 1, column 2"},
        {TEXT("{1:1}"), "expected the name of a member, a string in double quotes at line 1, "
                        "column 2"},
        {TEXT("{} // x"), "JSON has no comments at line 1, column 4"},
        {TEXT("# x\n{}"), "JSON has no comments at line 1, column 1"},
        {TEXT("<html>"), "unexpected character '<' (is it HTML or XML?) at line 1, column 1"},
        {TEXT("{\"a\"=1}"), "unexpected character '=' (expected ':') at line 1, column 5"},
        {TEXT("{\n  \"a\": \"x\ny\"\n}"),
         "a line break in a string (is its closing quote missing?) at line 2, column 10"},
        {TEXT("[\"\t\"]"), "a tab in a string (write \\t) at line 1, column 3"},
        {TEXT("[\"\1\"]"), "a control byte in a string"},
        {TEXT("[1,\n\"\\ud800\"]"), "a lone surrogate at line 2, column 2"},
        {TEXT("[\"\xc3\xa4\xe2\x82\xac\\x\"]"), "invalid escape sequence at line 1, column 5"},
        {TEXT("[1,\n\"abc"), "unterminated string at line 2, column 1"},
        {TEXT("[1,\n2,]"), "unexpected ']' (is the comma before it one too many?) at line 2, "
                           "column 3"},
        {TEXT("{\"a\":1,}"), "unexpected '}' (is the comma before it one too many?)"},
        {TEXT("[1}"), "unexpected '}' (expected ']') at line 1, column 3"},
        {TEXT("{\"a\":1]"), "unexpected ']' (expected '}') at line 1, column 7"},
        {TEXT("{\"a\"}"), "unexpected '}' (expected a colon and a value) at line 1, column 5"},
        {TEXT("{\"a\":}"), "unexpected '}' (expected a value) at line 1, column 6"},
        {TEXT("[]]"), "unexpected ']', which closes nothing at line 1, column 3"},
        {TEXT("[,]"), "unexpected ',' at line 1, column 2"},
        {TEXT("[:]"), "unexpected ':' at line 1, column 2"},
        {TEXT("[1,\n 2 \"abc\"]"),
         "unexpected value (is a comma missing before it?) at line 2, column 4"},
        {TEXT("{\"a\":\"x\"\n\"bcd\":1}"),
         "unexpected value (is a comma missing before it?) at line 2, column 1"},
        {TEXT("[1 {}]"), "unexpected value (is a comma missing before it?) at line 1, column 4"},
        {TEXT("{\"a\":1\n,\"b\"\n 2}"),
         "unexpected value (is a colon missing before it?) at line 3, column 2"},
        {TEXT("[1,\n2"), "unexpected end of the text (is a ']' missing?) at line 2, column 2"},
        {TEXT("{\"a\":\n"), "unexpected end of the text (is a '}' missing?) at line 2, column 1"},
        {TEXT("[\n\"\xff\"]"), "byte 0xff is not UTF-8 (is the text in Latin-1?) at line 2, "
                               "column 2"},
        {TEXT("1\n2"), "unexpected text after the end of the value at line 2, column 1"},
        {TEXT("\xff\xfe{\0}\0"), "the text is in UTF-16, not in UTF-8"},
        {TEXT("{\0}\0"), "the text is in UTF-16, not in UTF-8"},
        {TEXT("\0{\0}"), "the text is in UTF-16, not in UTF-8"},
        {TEXT("{\0\0\0}\0\0\0"), "the text is in UTF-32, not in UTF-8"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        assert_int_equal(json_check(cases[i].text, &err), -1);
        if (strstr(err.text, cases[i].fault) == NULL)
            fail_msg("%zu: '%s' without '%s'", i, err.text, cases[i].fault);
    }
}

static void test_json_kinds(void **state)
{
    static const struct {
        const char *text;
        enum json_kind kind;
    } cases[] = {
        {"null", JSON_NULL},      {" null ", JSON_NULL},  {"\"null\"", JSON_STRING},
        {"\n\"x\"", JSON_STRING}, {"0", JSON_SCALAR},     {"-1", JSON_SCALAR},
        {"true", JSON_SCALAR},    {"false", JSON_SCALAR}, {"[]", JSON_ARRAY},
        {" [1]", JSON_ARRAY},     {"{}", JSON_OBJECT},    {"\t{\"a\":[]}", JSON_OBJECT},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(json_kind(span_of(cases[i].text)), cases[i].kind);
}

static void test_json_walk(void **state)
{
    static const char text[] =
        " { \"a\" : 1 , \"b\":[ 1 , {\"c\":2} ],\n\"\\u0063\": \"x,}\" ,\"\":null} ";
    static const struct {
        const char *name, *value;
    } members[] = {
        {"\"a\"", "1"},
        {"\"b\"", "[ 1 , {\"c\":2} ]"},
        {"\"\\u0063\"", "\"x,}\""},
        {"\"\"", "null"},
    };
    static const char *const items[] = {"1", "{\"c\":2}"};
    struct json_cursor cursor = json_walk(span_of(text));
    struct span name, value, array = {NULL, 0};

    (void)state;
    assert_true(is_json(span_of(text)));
    assert_true(cursor.is_object);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        assert_true(json_next(&cursor, &name, &value));
        assert_true(span_equal(name, span_of(members[i].name)));
        assert_true(span_equal(value, span_of(members[i].value)));
        if (i == 1)
            array = value;
    }
    assert_false(json_next(&cursor, &name, &value));
    assert_false(json_next(&cursor, &name, &value)); /* no more items after the end */

    cursor = json_walk(array); /* a part of it */
    assert_false(cursor.is_object);
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        assert_true(json_next(&cursor, &name, &value));
        assert_true(span_equal(value, span_of(items[i])));
    }
    assert_false(json_next(&cursor, &name, &value));

    cursor = json_walk(SPAN(" { } "));
    assert_false(json_next(&cursor, &name, &value));
    cursor = json_walk(SPAN("[]"));
    assert_false(json_next(&cursor, &name, &value));
}

static void test_json_select(void **state)
{
    /* RFC 6901 section 5, and more cases */
    static const char text[] =
        "{ \"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2, \"e^f\": 3, \"g|h\": 4,"
        " \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7, \"m~n\": 8, \"\\u00e4\": 9, \"o\": {\"p\": "
        "[[10]]},"
        " \"s\": \"text\", \"n\": null, \"0\": 11, \"~1\": 12 }";
    static const struct {
        const char *pointer, *value; /* NULL: there is no such part */
    } cases[] = {
        {"", text},
        {"/foo", "[\"bar\", \"baz\"]"},
        {"/foo/0", "\"bar\""},
        {"/foo/1", "\"baz\""},
        {"/", "0"},
        {"/a~1b", "1"},
        {"/c%d", "2"},
        {"/e^f", "3"},
        {"/g|h", "4"},
        {"/i\\j", "5"},
        {"/k\"l", "6"},
        {"/ ", "7"},
        {"/m~0n", "8"},
        {"/\xc3\xa4", "9"},
        {"/o/p/0/0", "10"},
        {"/n", "null"},
        {"/0", "11"},
        {"/~01", "12"},
        {"/foo/2", NULL},
        {"/foo/-", NULL},
        {"/foo/00", NULL},
        {"/foo/01", NULL},
        {"/foo/+1", NULL},
        {"/foo/ 1", NULL},
        {"/foo/1 ", NULL},
        {"/foo/", NULL},
        {"/foo/0/", NULL},
        {"/foo/0/0", NULL},
        {"/s/0", NULL},
        {"/n/0", NULL},
        {"/Foo", NULL},
        {"/fo", NULL},
        {"/fooo", NULL},
        {"//", NULL},
        {"/a/b", NULL},
        {"/m~n/x", NULL},
        {"/o/p/0/0/0", NULL},
        {"/foo/18446744073709551616", NULL},
    };

    (void)state;
    assert_true(is_json(span_of(text)));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span value = span_of(text);
        bool is_there = json_select(&value, span_of(cases[i].pointer));

        if (is_there != (cases[i].value != NULL))
            fail_msg("%s", cases[i].pointer);
        if (is_there)
            assert_true(span_equal(value, span_of(cases[i].value)));
    }
}

static void test_json_select_in_a_long_array(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, SIZE_MAX);
    buf_add(&text, SPAN("[0"));
    for (uint64_t i = 1; i <= 1000; i++) {
        buf_add_char(&text, ',');
        buf_add_uint(&text, i);
    }
    buf_add_char(&text, ']');
    for (unsigned i = 0; i <= 1001; i += 7) { /* 1001 is beyond the end */
        char pointer[16];
        struct span value = buf_span(&text);

        snprintf(pointer, sizeof(pointer), "/%u", i);
        assert_int_equal(json_select(&value, span_of(pointer)), i <= 1000);
        if (i <= 1000)
            assert_true(span_equal(value, span_of(pointer + 1)));
    }
    buf_deinit(&text);
}

/* The fast path accepts only texts that json_check() accepts, and gives the same result. */
static void test_json_plain_is_never_wrong(void **state)
{
    char text[8] = "\"";

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            struct span s = {text, 4};
            struct reply plain, full;
            struct error err = {0};
            struct buf scratch;

            text[1] = (char)first;
            text[2] = (char)second;
            text[3] = '"';
            if (!json_reply_plain(s, &plain))
                continue;
            assert_int_equal(json_check(s, &err), 0);
            buf_init(&scratch, SIZE_MAX);
            json_reply(s, &scratch, &full);
            assert_reply(&plain, full.map_value, full.dict_value);
            buf_deinit(&scratch);
        }
    }
}

/* Every byte at every position, in short and in long texts. */
static void test_json_plain_every_byte_anywhere(void **state)
{
    char text[20];

    (void)state;
    for (size_t len = 1; len <= sizeof(text) - 2; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                struct reply reply;
                bool is_plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';

                memset(text, 'a', sizeof(text));
                text[0] = text[len + 1] = '"';
                text[1 + at] = (char)byte;
                assert_int_equal(json_reply_plain((struct span){text, len + 2}, &reply), is_plain);
            }
        }
    }
}

static void test_json_pointer_enters(void **state)
{
    static const struct {
        const char *pointer, *name, *rest; /* NULL: it leads elsewhere */
    } cases[] = {
        {"/a", "\"a\"", ""},       {"/a/b/c", "\"a\"", "/b/c"},
        {"/a/", "\"a\"", "/"},     {"/", "\"\"", ""},
        {"//a", "\"\"", "/a"},     {"/a~1b/c", "\"a/b\"", "/c"},
        {"/~01", "\"~1\"", ""},    {"/\xc3\xa4", "\"\\u00e4\"", ""},
        {"/0", "\"0\"", ""},       {"/a", "\"b\"", NULL},
        {"/a", "\"aa\"", NULL},    {"/aa", "\"a\"", NULL},
        {"/a/b", "\"a/b\"", NULL}, {"/", "\"a\"", NULL},
        {"/a", "\"\"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span pointer = span_of(cases[i].pointer);
        const char *rest = cases[i].rest == NULL ? cases[i].pointer : cases[i].rest;

        AT_CASE("%s, %s", cases[i].pointer, cases[i].name);
        assert_int_equal(json_pointer_enters(&pointer, span_of(cases[i].name)),
                         cases[i].rest != NULL);
        assert_true(span_equal(pointer, span_of(rest)));
    }
}

static void test_json_plain(void **state)
{
    static const struct {
        struct span text, value; /* NULL: not plain */
    } cases[] = {
        {TEXT("\"abc\""), TEXT("abc")},
        {TEXT(" \"abc\"\r\n"), TEXT("abc")},
        {TEXT("\"\""), TEXT("")},
        {TEXT("\"\xc3\xb6\""), TEXT("\xc3\xb6")},
        {TEXT(""), {NULL, 0}},
        {TEXT("\""), {NULL, 0}},
        {TEXT(" \" "), {NULL, 0}},
        {TEXT("\"a\\n\""), {NULL, 0}},
        {TEXT("\"a\"b\""), {NULL, 0}},
        {TEXT("\"a\",\"b\""), {NULL, 0}},
        {TEXT("\"a\nb\""), {NULL, 0}},
        {TEXT("\"a\0b\""), {NULL, 0}},
        {TEXT("\"\xff\""), {NULL, 0}},
        {TEXT("[\"a\"]"), {NULL, 0}},
        {TEXT("'a'"), {NULL, 0}},
        {TEXT("\"a\"\0"), {NULL, 0}},
        {TEXT("\"a\"\xc2\xa0"), {NULL, 0}},
        {TEXT("1"), {NULL, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reply reply = {.status = REPLY_PERMANENT};
        bool is_plain = json_reply_plain(cases[i].text, &reply);

        assert_int_equal(is_plain, cases[i].value.ptr != NULL);
        if (is_plain)
            assert_reply(&reply, cases[i].value, cases[i].value);
    }
}

/* Encodes UTF-8 as in RFC 3629 section 3, independently of the decoder. */
static size_t utf8_of(uint32_t code, char *to)
{
    static const uint32_t ends[] = {0x80, 0x800, 0x10000, 0x110000};
    static const unsigned firsts[] = {0, 0xc0, 0xe0, 0xf0};
    size_t len = 1;

    while (code >= ends[len - 1])
        len++;
    for (size_t i = len - 1; i > 0; i--, code /= 64)
        to[i] = (char)(0x80 + code % 64);
    to[0] = (char)(firsts[len - 1] + code);
    return len;
}

static void assert_decodes(const char *escaped, struct span expected)
{
    struct buf string, text;
    struct error err = {0};

    buf_init(&string, SIZE_MAX);
    buf_init(&text, SIZE_MAX);
    buf_add(&string, SPAN("\"<"));
    buf_add(&string, span_of(escaped));
    buf_add(&string, SPAN(">\""));
    assert_int_equal(json_check(buf_span(&string), &err), 0);
    buf_add_char(&text, '!'); /* it is added to */
    json_add_text(&text, buf_span(&string));
    assert_int_equal(text.len, expected.len + 3);
    assert_memory_equal(text.ptr, "!<", 2);
    assert_memory_equal(text.ptr + 2, expected.ptr, expected.len);
    assert_int_equal(text.ptr[text.len - 1], '>');
    buf_deinit(&string);
    buf_deinit(&text);
}

static void test_json_every_escape(void **state)
{
    static const char letters[][3] = {"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"};
    static const char meant[] = "\"\\/\b\f\n\r\t";
    char escaped[20], expected[4];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        assert_decodes(letters[i], (struct span){&meant[i], 1});
    for (uint32_t code = 0; code < 0x110000; code += code < 0x10000 ? 1 : 0x101) {
        if (code >= 0xd800 && code <= 0xdfff)
            continue;
        if (code < 0x10000)
            snprintf(escaped, sizeof(escaped), code % 2 == 0 ? "\\u%04x" : "\\u%04X",
                     (unsigned)code);
        else
            snprintf(escaped, sizeof(escaped), "\\u%04x\\u%04X",
                     (unsigned)(0xd800 + ((code - 0x10000) >> 10)),
                     (unsigned)(0xdc00 + (code & 0x3ff)));
        assert_decodes(escaped, (struct span){expected, utf8_of(code, expected)});
    }
}

/* A pointer to the deepest level, in members that are followed by others. */
static void test_json_select_deep(void **state)
{
    struct buf text, pointer;
    struct span value;

    (void)state;
    buf_init(&text, SIZE_MAX);
    buf_init(&pointer, SIZE_MAX);
    for (int i = 0; i < 31; i++) {
        buf_add(&text, SPAN("{\"b\": [], \"\\u0061~/\": [0, "));
        buf_add(&pointer, SPAN("/a~0~1/1"));
    }
    buf_add(&text, SPAN(" \"it\" "));
    for (int i = 0; i < 31; i++)
        buf_add(&text, SPAN(", 2], \"c\": {}}"));
    value = buf_span(&text);
    assert_true(json_select(&value, buf_span(&pointer)));
    assert_true(span_equal(value, SPAN("\"it\"")));
    value = buf_span(&text);
    buf_add(&pointer, SPAN("/0"));
    assert_false(json_select(&value, buf_span(&pointer)));
    buf_deinit(&text);
    buf_deinit(&pointer);
}

static void test_json_text_beyond_the_limit(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4); /* as many as the escapes have bytes */
    json_add_text(&out, SPAN("\"\\n23\""));
    assert_false(out.is_over);
    json_add_text(&out, SPAN("\"\\n\""));
    assert_true(out.is_over);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_text_beyond_the_limit),
        cmocka_unit_test(test_json_good),
        cmocka_unit_test(test_json_cut_anywhere),
        cmocka_unit_test(test_json_bad),
        cmocka_unit_test(test_json_depth),
        cmocka_unit_test(test_json_faults),
        cmocka_unit_test(test_json_kinds),
        cmocka_unit_test(test_json_walk),
        cmocka_unit_test(test_json_select),
        cmocka_unit_test(test_json_pointer_enters),
        cmocka_unit_test(test_json_every_escape),
        cmocka_unit_test(test_json_select_deep),
        cmocka_unit_test(test_json_select_in_a_long_array),
        cmocka_unit_test(test_json_plain_is_never_wrong),
        cmocka_unit_test(test_json_plain_every_byte_anywhere),
        cmocka_unit_test(test_json_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
