#include "url_case.h"

#include "table/url/url_table.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static const char *const one[URL_CASE_URLS_MAX] = {"BACKEND/§"};

/* A lookup of a pending write gets the answer that the backend would give with its value. */
static void test_read_back(void **state)
{
    static const struct {
        enum value_form form;
        struct span value, map_value, dict_value;
        enum reply_status status;
    } cases[] = {
        {VALUE_AUTO, TEXT("a b"), TEXT("a b"), TEXT("a b"), REPLY_FOUND}, /* not JSON */
        {VALUE_AUTO, TEXT("\"a\""), TEXT("a"), TEXT("a"), REPLY_FOUND},
        {VALUE_AUTO, TEXT("[\"a\",\"b\"]"), TEXT("a,b"), TEXT("[\"a\",\"b\"]"), REPLY_FOUND},
        {VALUE_AUTO, TEXT("null"), TEXT(""), TEXT(""), REPLY_MISS},
        {VALUE_STRING, TEXT("null"), TEXT("null"), TEXT("null"), REPLY_FOUND},
        {VALUE_STRING, TEXT("[\"a\"]"), TEXT("[\"a\"]"), TEXT("[\"a\"]"), REPLY_FOUND},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings settings = {.value = cases[i].form};
        struct url_table *t = url_case_open(*state, &settings, one);
        struct reply reply = {.status = REPLY_MISS};
        struct buf scratch;

        buf_init(&scratch, 1000);
        table_url.read_back(&t->base, cases[i].value, &scratch, &reply);
        if (reply.status != cases[i].status ||
            (reply.status == REPLY_FOUND && (!span_equal(reply.map_value, cases[i].map_value) ||
                                             !span_equal(reply.dict_value, cases[i].dict_value))))
            fail_msg("case %zu: %s, '%.*s'", i, reply_status_name(reply.status),
                     (int)reply.map_value.len, reply.map_value.ptr);
        buf_deinit(&scratch);
        url_case_close(t);
    }
}

/* A denial is a miss only when podop sent no credentials. */
static void test_what_credentials_are(void **state)
{
    static char line[] = "X-Tenant: a", *header[] = {line};
    const struct url_settings without = {.retries = 2};
    const struct url_settings with = {.headers = {header, 1}, .encode = ENCODE_COMPONENT};
    struct url_table *t = url_case_open(*state, &without, one);

    assert_false(t->statuses.sends_credentials);
    assert_int_equal(t->retries, 2);
    assert_true(t->keep_slash);
    url_case_close(t);
    t = url_case_open(*state, &with, one);
    assert_true(t->statuses.sends_credentials);
    assert_false(t->statuses.has_certificate);
    assert_false(t->keep_slash);
    url_case_close(t);
}

static void test_each_url_is_checked(void **state)
{
    static const struct {
        const char *first, *second, *fault; /* NULL: none */
    } cases[] = {
        {"http://a.example/§", "https://b.example/§", NULL},
        {"ftp://a.example/§", "http://b.example/§", "expected http://"},
        {"http://a.example/§", "http:///§", "has no host"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char ca_file[] = "/etc/ca.pem";
        struct url_settings settings = {.tls = {.ca_file = i == 0 ? ca_file : NULL}};
        char *urls[] = {(char *)(uintptr_t)cases[i].first, (char *)(uintptr_t)cases[i].second};
        const struct table_config config = {
            .param = urls[0], .fallbacks = {urls + 1, 1}, .settings = &settings};
        struct error err = {0}, second_err = {0};
        const bool is_good = table_url.config.check_param(&config, urls[0], &err) == 0 &&
                             table_url.config.check_param(&config, urls[1], &second_err) == 0;
        const char *text = err.text[0] == '\0' ? second_err.text : err.text;

        if (is_good != (cases[i].fault == NULL) ||
            (!is_good && strstr(text, cases[i].fault) == NULL))
            fail_msg("case %zu: %s", i, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_read_back),
        WITH_CASE(test_what_credentials_are),
        cmocka_unit_test(test_each_url_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
