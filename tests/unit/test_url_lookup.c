#include "ask_table.h"
#include "url_case.h"

#include "podop/table.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)
#define OK(length, body) TEXT("HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body)

static const struct backend_script script[] = {
    {"/text", OK("5", "\"a b\""), false},
    {"/null", OK("4", "null"), false},
    {"/object", OK("20", "{\"a\":{\"b\":7},\"c\":[]}"), false},
    {"/broken", OK("5", "{\"a\":"), false},
    {"/empty", OK("0", ""), false},
    {"/created", TEXT("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"), false},
    {"/none", TEXT("HTTP/1.1 204 No Content\r\n\r\n"), false},
    {"/gone", TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), false},
    {"/false", OK("5", "false"), false},
    {"/page", TEXT("HTTP/1.1 404 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
     false},
    {"/own", TEXT("HTTP/1.1 404 X\r\nContent-Type: a/b+json; x\r\nContent-Length: 0\r\n\r\n"),
     false},
    {"/odd", TEXT("HTTP/1.1 422 X\r\nContent-Length: 0\r\n\r\n"), false},
    {"/gzip", TEXT("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\"x\""),
     false},
    {"/errors", OK("28", "{\"e\":[\"db is down\"],\"v\":\"x\"}"), false},
    {"/fine", OK("16", "{\"e\":[],\"v\":\"x\"}"), false},
    {"/b/object", OK("7", "{\"d\":9}"), false},
    {"/bad", TEXT("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), false},
};

struct asker {
    unsigned answers;
    enum reply_status status;
    unsigned http_status;
    char value[100], reason[300];
};

static int setup(void **state)
{
    return url_case_setup_script(state, script, ARRAY_LEN(script));
}

static void copy(char *to, size_t size, struct span text)
{
    snprintf(to, size, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
}

static void on_done(void *arg, const struct reply *reply)
{
    struct asker *asker = arg;

    asker->answers++;
    asker->status = reply->status;
    asker->http_status = reply->http_status;
    copy(asker->value, sizeof(asker->value), reply->dict_value);
    copy(asker->reason, sizeof(asker->reason), reply->reason);
}

static void ask(struct url_case *c, struct url_table *t, const char *key, struct asker *asker)
{
    const struct table_key wanted = {.key = span_of(key)};

    *asker = (struct asker){0};
    ask_table(&t->base, &wanted, on_done, asker);
    URL_CASE_WAIT(c, asker->answers > 0);
    assert_int_equal(asker->answers, 1);
}

static void test_answers(void **state)
{
    static const struct {
        const char *key, *select; /* NULL: the whole answer */
        enum reply_status status;
        unsigned http_status;
        const char *text; /* the value, or a part of the reason */
        const char *error;
        bool is_strict;
    } cases[] = {
        {"false", NULL, REPLY_FOUND, 200, "false", NULL, false},
        {"gzip", NULL, REPLY_TEMPORARY, 200, "Content-Encoding gzip, which was not asked for", NULL,
         false},
        {"page", NULL, REPLY_MISS, 404, "", NULL, false},
        {"page", NULL, REPLY_TEMPORARY, 404,
         "404 with Content-Type text/html, which is not the "
         "service's own \"not found\" (strict)",
         NULL, true},
        {"own", NULL, REPLY_MISS, 404, "", NULL, true},
        {"gone", NULL, REPLY_TEMPORARY, 404, "404 without Content-Type", NULL, true},
        {"odd", NULL, REPLY_TEMPORARY, 422, "422, which is not", NULL, true},
        {"none", NULL, REPLY_MISS, 204, "", NULL, true},
        {"null", NULL, REPLY_MISS, 200, "", NULL, true},
        {"object", "/a/b", REPLY_FOUND, 200, "7", NULL, true},
        {"object", "/d", REPLY_TEMPORARY, 200, "nothing where 'select' points", NULL, true},
        {"errors", "/v", REPLY_TEMPORARY, 200, "a failure at /e: db is down", "/e", false},
        {"errors", "/v", REPLY_TEMPORARY, 200, "a failure at /e/0: db is down", "/e/0", false},
        {"errors", "/v", REPLY_FOUND, 200, "x", "/f", false},
        {"errors", "/f", REPLY_TEMPORARY, 200, "a failure at /e: db is down", "/e", true},
        {"fine", "/v", REPLY_FOUND, 200, "x", "/e", false},
        {"text", NULL, REPLY_FOUND, 200, "a b", "/e", false},
        {"null", NULL, REPLY_MISS, 200, "", "/e", false},
        {"broken", NULL, REPLY_TEMPORARY, 200, "the answer is not JSON", "/e", false},
        {"text", NULL, REPLY_FOUND, 200, "a b", NULL, false},
        {"null", NULL, REPLY_MISS, 200, "", NULL, false},
        {"object", "/a/b", REPLY_FOUND, 200, "7", NULL, false},
        {"object", "/d", REPLY_MISS, 200, "", NULL, false},
        {"broken", NULL, REPLY_TEMPORARY, 200, "the answer is not JSON", NULL, false},
        {"broken", "/a", REPLY_TEMPORARY, 200, "the answer is not JSON", NULL, false},
        {"empty", NULL, REPLY_TEMPORARY, 200, "the answer is not JSON", NULL, false},
        {"created", NULL, REPLY_TEMPORARY, 201, "status 201", NULL, false},
        {"none", NULL, REPLY_MISS, 204, "", NULL, false},
        {"gone", NULL, REPLY_MISS, 404, "", NULL, false},
        {"bad", NULL, REPLY_TEMPORARY, 503, "status 503", NULL, false},
        {"..", NULL, REPLY_MISS, 0, "", NULL, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings config = {
            .select = (char *)(uintptr_t)cases[i].select,
            .error = (char *)(uintptr_t)cases[i].error,
            .strict = cases[i].is_strict,
        };
        struct url_table *t =
            url_case_open(*state, &config, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§"});
        const bool is_failure = cases[i].status == REPLY_TEMPORARY;
        struct asker asker;

        ask(*state, t, cases[i].key, &asker);
        if (asker.status != cases[i].status || asker.http_status != cases[i].http_status)
            fail_msg("%s: %s, %u: %s", cases[i].key, reply_status_name(asker.status),
                     asker.http_status, asker.reason);
        if (is_failure ? strstr(asker.reason, cases[i].text) == NULL
                       : strcmp(asker.value, cases[i].text) != 0)
            fail_msg("%s: '%s' '%s'", cases[i].key, asker.value, asker.reason);
        url_case_close(t);
    }
}

/* Which answers of the first URL make podop ask the second one. */
static void test_next_url(void **state)
{
    static const struct {
        const char *key, *select, *error;
        bool is_strict;
        enum reply_status status;
        unsigned requests;
    } cases[] = {
        {"page", NULL, NULL, true, REPLY_FOUND, 2},
        {"page", NULL, NULL, false, REPLY_MISS, 1},
        {"own", NULL, NULL, true, REPLY_MISS, 1},
        {"object", "/d", NULL, true, REPLY_FOUND, 2},
        {"object", "/d", NULL, false, REPLY_MISS, 1},
        {"errors", NULL, "/e", true, REPLY_TEMPORARY, 1}, /* a whole answer is final */
        {"gzip", NULL, NULL, true, REPLY_TEMPORARY, 1},
        {"bad", NULL, NULL, false, REPLY_FOUND, 2},
    };
    struct url_case *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings config = {
            .select = (char *)(uintptr_t)cases[i].select,
            .error = (char *)(uintptr_t)cases[i].error,
            .strict = cases[i].is_strict,
        };
        struct url_table *t;
        struct asker asker;

        AT_CASE("%s, case %zu", cases[i].key, i);
        t = url_case_open(c, &config,
                          (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§", "BACKEND/b/object"});
        c->backend.requests = 0;
        ask(c, t, cases[i].key, &asker);
        assert_int_equal(asker.status, cases[i].status);
        assert_int_equal(c->backend.requests, cases[i].requests);
        url_case_close(t);
    }
}

static void test_too_long_a_key(void **state)
{
    struct url_table *t = url_case_open_plain(*state);
    const size_t len = 256 * 1024;
    char *key = xmalloc(len + 1);
    struct asker asker;

    memset(key, 'k', len);
    key[len] = '\0';
    ask(*state, t, key, &asker);
    assert_int_equal(asker.status, REPLY_MISS);
    free(key);
    url_case_close(t);
}

/* A POST is a lookup in every respect: only the request differs. */
static void test_post(void **state)
{
    struct url_case *c = *state;
    const struct url_settings config = {.lookup = LOOKUP_POST};
    struct url_table *t =
        url_case_open(c, &config, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/text"});
    struct asker asker;

    ask(c, t, "a\"b", &asker);
    assert_int_equal(asker.status, REPLY_FOUND);
    assert_string_equal(asker.value, "a b");
    assert_true(span_starts_with(buf_span(&c->backend.last), SPAN("POST /text HTTP/1.1\r\n")));
    url_case_assert_has(&c->backend.last, "\r\nContent-Type: application/json\r\n");
    url_case_assert_has(&c->backend.last, "\r\n\r\n{\"table\": \"t\", \"key\": \"a\\\"b\"}");
    ask(c, t, "b", &asker);
    assert_int_equal(asker.status, REPLY_FOUND);
    assert_int_equal(c->backend.accepted, 1); /* the connection is used again */
    assert_int_equal(c->backend.requests, 2);
    ask(c, t, "\xff", &asker);
    assert_int_equal(asker.status, REPLY_MISS); /* JSON cannot hold it */
    assert_int_equal(c->backend.requests, 2);
    url_case_close(t);
}

/* A cancelled lookup has no completion, and gives its permit back. */
static void test_cancel(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open_plain(c);
    const struct table_key key = {.key = SPAN("hold")};
    struct asker cancelled = {0}, other;
    struct table_op *op = ask_table(&t->base, &key, on_done, &cancelled);

    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    table_op_cancel(&op);
    ask(c, t, "text", &other);
    assert_int_equal(cancelled.answers, 0);
    assert_int_equal(t->key_limit.under_way, 0);
    url_case_close(t);
}

static void explain(struct url_case *c, struct url_table *t, const char *key, struct buf *notes)
{
    const struct table_key wanted = {.key = span_of(key)};
    struct asker asker = {0};
    struct reply known;
    struct table_op *op;

    buf_init(notes, 10000);
    op = table_explain(&t->base, &wanted, notes, &known);
    if (op == NULL)
        return;
    table_op_wait(op, on_done, &asker);
    URL_CASE_WAIT(c, asker.answers > 0);
}

static void test_explanations(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open_plain(c);
    char url[100];
    struct buf notes;

    snprintf(url, sizeof(url), "%s/object", c->backend.base);
    explain(c, t, "object", &notes);
    url_case_assert_has(&notes, url);
    url_case_assert_has(&notes, "\"status\",\"200\"");
    url_case_assert_has(&notes, "\"body\"");
    buf_deinit(&notes);
    explain(c, t, "..", &notes);
    url_case_assert_has(&notes, "none: the key would leave the path of the template");
    buf_deinit(&notes);
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_answers), WITH_CASE(test_next_url), WITH_CASE(test_too_long_a_key),
        WITH_CASE(test_post),    WITH_CASE(test_cancel),   WITH_CASE(test_explanations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
