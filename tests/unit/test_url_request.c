#include "url_case.h"

#include "table/url/url_request.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static void test_target(void **state)
{
    static const struct {
        struct table_key key;
        enum url_target result;
        const char *target;
    } cases[] = {
        {{.key = TEXT("a b")}, URL_TARGET_OK, "/a%20b"},
        {{.key = TEXT("a"), .user = TEXT("u"), .is_private = true}, URL_TARGET_OK, "/a/u"},
        {{.key = TEXT("..")}, URL_TARGET_CLIMBS, NULL},
    };
    struct url_table *t = url_case_open_plain(*state);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *target;

        if (url_request_target(t, &t->backends.items[0], &cases[i].key, &target) != cases[i].result)
            fail_msg("case %zu: another result", i);
        if (cases[i].target == NULL)
            assert_null(target);
        else
            assert_string_equal(target, cases[i].target);
        free(target);
    }
    url_case_close(t);
}

static void test_path_target(void **state)
{
    const struct table_key path = {.key = SPAN("a/"), .user = SPAN("u"), .is_private = true};
    const struct url_settings settings = {0};
    static const struct {
        const char *url, *target;
    } cases[] = {{"BACKEND/§", "/a/"}, {"BACKEND/{user}/§", "/u/a/"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t =
            url_case_open(*state, &settings, (const char *const[URL_CASE_URLS_MAX]){cases[i].url});
        char *target;

        assert_int_equal(url_request_path_target(t, &t->backends.items[0], &path, &target),
                         URL_TARGET_OK);
        assert_string_equal(target, cases[i].target);
        free(target);
        url_case_close(t);
    }
}

static void test_question(void **state)
{
    static const struct {
        struct table_key key;
        const char *body; /* NULL: it can hold no such key */
    } cases[] = {
        {{.key = TEXT("a@b")}, "{\"table\": \"t\", \"key\": \"a@b\"}"},
        {{.key = TEXT("")}, "{\"table\": \"t\", \"key\": \"\"}"},
        {{.key = TEXT("a\"\n\xc3\xb6"), .user = TEXT("not sent")},
         "{\"table\": \"t\", \"key\": \"a\\\"\\n\xc3\xb6\"}"},
        {{TEXT("a/"), TEXT("u"), true}, "{\"table\": \"t\", \"key\": \"a/\", \"user\": \"u\"}"},
        {{TEXT("a"), TEXT(""), true}, "{\"table\": \"t\", \"key\": \"a\", \"user\": \"\"}"},
        {{.key = TEXT("\xff")}, NULL},
        {{TEXT("a"), TEXT("\xc3"), true}, NULL},
        {{.key = TEXT("a"), .user = TEXT("\xff")}, "{\"table\": \"t\", \"key\": \"a\"}"},
    };
    const struct url_settings settings = {.lookup = LOOKUP_POST};
    struct url_table *t =
        url_case_open(*state, &settings, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/x"});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_request request = {0};
        struct url_question q;

        if (url_question_can_hold(t, &cases[i].key) != (cases[i].body != NULL))
            fail_msg("case %zu", i);
        if (cases[i].body == NULL)
            continue;
        url_question_init(&q, t, &cases[i].key, &request);
        assert_string_equal(request.method, "POST");
        assert_true(request.is_repeatable);
        if (!span_equal(request.body, span_of(cases[i].body)))
            fail_msg("case %zu: %.*s", i, (int)request.body.len, request.body.ptr);
        url_question_deinit(&q);
    }
    url_case_close(t);
}

static void test_question_of_a_get(void **state)
{
    const struct table_key key = {.key = SPAN("\xff"), .user = SPAN("u"), .is_private = true};
    struct url_table *t = url_case_open_plain(*state);
    struct http_request request = {0};
    struct url_question q;

    assert_true(url_question_can_hold(t, &key));
    url_question_init(&q, t, &key, &request);
    assert_null(request.method);
    assert_true(request.is_repeatable);
    assert_int_equal(request.body.len, 0);
    assert_string_equal(request.headers[0], "Podop-User: u");
    url_question_deinit(&q);
    url_case_close(t);
}

/* A target of exactly the limit fits, with its NUL. */
static void test_target_limit(void **state)
{
    struct url_table *t = url_case_open_plain(*state);
    char *bytes = xmalloc(URL_TARGET_BYTES_MAX);
    struct table_key key = {.key = {bytes, URL_TARGET_BYTES_MAX - 1}};
    char *target;

    memset(bytes, 'k', URL_TARGET_BYTES_MAX);
    assert_int_equal(url_request_target(t, &t->backends.items[0], &key, &target), URL_TARGET_OK);
    assert_int_equal(strlen(target), URL_TARGET_BYTES_MAX);
    free(target);
    key.key.len++;
    assert_int_equal(url_request_target(t, &t->backends.items[0], &key, &target), URL_TARGET_LONG);
    assert_null(target);
    free(bytes);
    url_case_close(t);
}

static void test_user_header(void **state)
{
    static const struct {
        struct span user;
        const char *header;
    } cases[] = {
        {TEXT(""), "Podop-User: "},
        {TEXT("u@d.example"), "Podop-User: u@d.example"},
        {TEXT("a b%\r\nX: y"), "Podop-User: a%20b%25%0D%0AX:%20y"},
        {TEXT("\xc3\xa9\x7f~!"), "Podop-User: %C3%A9%7F~!"},
    };
    struct table_key shared = {.key = SPAN("k"), .user = SPAN("u")};
    struct buf text;

    (void)state;
    assert_null(url_request_user_header(&shared, &text));
    buf_deinit(&text);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct table_key key = {.user = cases[i].user, .is_private = true};

        assert_string_equal(url_request_user_header(&key, &text), cases[i].header);
        buf_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_target),
        WITH_CASE(test_target_limit),
        WITH_CASE(test_path_target),
        WITH_CASE(test_question),
        WITH_CASE(test_question_of_a_get),
        cmocka_unit_test(test_user_header),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
