#include "unit.h"

#include "table/url/url_error.h"

#include "podop/json_value.h"

#define BEGIN "the backend reports a failure at /e"

/* A value at /e, and the reason; NULL: it reports nothing. */
static const struct {
    const char *value, *why;
} cases[] = {
    {"null", NULL},
    {"false", NULL},
    {"\"\"", NULL},
    {"0", NULL},
    {"-0", NULL},
    {"0.0", NULL},
    {"-0.000", NULL},
    {"0e0", NULL},
    {"0E+7", NULL},
    {"0.0e-12", NULL},
    {"[]", NULL},
    {"[ ]", NULL},
    {"{}", NULL},
    {"{\n}", NULL},
    {"true", BEGIN},
    {"1", BEGIN},
    {"-1", BEGIN},
    {"0.01", BEGIN},
    {"10", BEGIN},
    {"1e0", BEGIN},
    {"500", BEGIN},
    {"[null]", BEGIN},
    {"[[]]", BEGIN},
    {"[0]", BEGIN},
    {"{\"a\":null}", BEGIN},
    {"\" \"", BEGIN ":  "},
    {"\"database down\"", BEGIN ": database down"},
    {"[\"database down\",\"x\"]", BEGIN ": database down"},
    {"[7,\"database down\"]", BEGIN ": database down"},
    {"[{\"code\":7,\"message\":\"database down\"},{\"message\":\"x\"}]", BEGIN ": database down"},
    {"{\"message\":\"database down\"}", BEGIN ": database down"},
    {"{\"a\":{\"b\":[\"database down\"]}}", BEGIN ": database down"},
    {"[[[[[[\"deep\"]]]]]]", BEGIN},
    {"[\"\"]", BEGIN},
    {"\"a\\tb\\u0000c\\u00e4d\"", BEGIN ": a?b"}, /* a C string ends there */
    {"\"a\\nb\\u00e4d\\u007f\"", BEGIN ": a?b??d?"},
};

static void assert_why(size_t i, bool has_failed, const char *why)
{
    if (has_failed != (cases[i].why != NULL) || (has_failed && strcmp(why, cases[i].why) != 0))
        fail_msg("%s: %s", cases[i].value, has_failed ? why : "no failure");
}

static void test_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[URL_ERROR_BYTES] = "";
        struct error err = {0};
        char body[200];

        snprintf(body, sizeof(body), " {\"x\": [1], \"e\" : %s , \"y\": 1} ", cases[i].value);
        if (json_check(span_of(body), &err) == -1)
            fail_msg("%s: %s", body, err.text);
        assert_why(i, url_error_find("/e", span_of(body), why), why);
    }
}

/* The member of an object that arrives in pieces. */
static void test_members(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char why[URL_ERROR_BYTES] = "";
        bool has_failed = false;

        AT_CASE("%s", cases[i].value);
        assert_true(
            url_error_is_member("/e", SPAN("\"e\""), span_of(cases[i].value), &has_failed, why));
        assert_why(i, has_failed, why);
    }
}

static void test_where(void **state)
{
    static const struct {
        const char *pointer, *name, *value;
        bool is_member, has_failed;
    } where[] = {
        {"/e", "\"e\"", "1", true, true},
        {"/e", "\"\\u0065\"", "1", true, true},
        {"/e", "\"ee\"", "1", false, false},
        {"/e", "\"\"", "1", false, false},
        {"/", "\"\"", "1", true, true},
        {"/a~1b", "\"a/b\"", "1", true, true},
        {"/a~0b", "\"a~b\"", "1", true, true},
        {"/e/f", "\"e\"", "{\"f\":1}", true, true},
        {"/e/f", "\"e\"", "{\"f\":0}", true, false},
        {"/e/f", "\"e\"", "{\"g\":1}", true, false},
        {"/e/f", "\"e\"", "\"f\"", true, false},
        {"/e/0", "\"e\"", "[1]", true, true},
        {"/e/0", "\"e\"", "[]", true, false},
        {"/e/f", "\"f\"", "{\"f\":1}", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        char why[URL_ERROR_BYTES], body[200];
        bool has_failed = false;

        AT_CASE("%s in %s: %s", where[i].pointer, where[i].name, where[i].value);
        assert_int_equal(url_error_is_member(where[i].pointer, span_of(where[i].name),
                                             span_of(where[i].value), &has_failed, why),
                         where[i].is_member);
        assert_int_equal(has_failed, where[i].has_failed);
        snprintf(body, sizeof(body), "{%s:%s}", where[i].name, where[i].value);
        assert_int_equal(url_error_find(where[i].pointer, span_of(body), why), where[i].has_failed);
    }
    assert_false(url_error_find("/e", SPAN("\"e\""), (char[URL_ERROR_BYTES]){0}));
    assert_false(url_error_find("/e", SPAN("[\"e\"]"), (char[URL_ERROR_BYTES]){0}));
    assert_false(url_error_find("/e", SPAN("null"), (char[URL_ERROR_BYTES]){0}));
}

static void test_long_text_is_cut(void **state)
{
    char why[URL_ERROR_BYTES];
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    buf_add(&body, SPAN("{\"e\":\""));
    for (int i = 0; i < 5000; i++)
        buf_add_char(&body, 'x');
    buf_add(&body, SPAN("\"}"));
    assert_true(url_error_find("/e", buf_span(&body), why));
    assert_int_equal(strlen(why), URL_ERROR_BYTES - 1);
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_long_text_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
