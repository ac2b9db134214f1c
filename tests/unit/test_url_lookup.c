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
    } cases[] = {
        {"text", NULL, REPLY_FOUND, 200, "a b"},
        {"null", NULL, REPLY_MISS, 200, ""},
        {"object", "/a/b", REPLY_FOUND, 200, "7"},
        {"object", "/d", REPLY_MISS, 200, ""},
        {"broken", NULL, REPLY_TEMPORARY, 200, "the answer is not JSON"},
        {"broken", "/a", REPLY_TEMPORARY, 200, "the answer is not JSON"},
        {"empty", NULL, REPLY_TEMPORARY, 200, "the answer is not JSON"},
        {"created", NULL, REPLY_TEMPORARY, 201, "status 201"},
        {"none", NULL, REPLY_MISS, 204, ""},
        {"gone", NULL, REPLY_MISS, 404, ""},
        {"bad", NULL, REPLY_TEMPORARY, 503, "status 503"},
        {"..", NULL, REPLY_MISS, 0, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings config = {.select = (char *)(uintptr_t)cases[i].select};
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
        WITH_CASE(test_answers), WITH_CASE(test_too_long_a_key), WITH_CASE(test_post),
        WITH_CASE(test_cancel),  WITH_CASE(test_explanations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
