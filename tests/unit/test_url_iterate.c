#include "url_case.h"

#include "table/url/url_iterate.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)
#define ANSWER(status, length, body)                                                               \
    TEXT("HTTP/1.1 " status " X\r\nContent-Length: " length "\r\n\r\n" body)

static const struct backend_script script[] = {
    {"/a/list/", ANSWER("200", "9", "[\"x\",\"y\"]"), false},
    {"/a/object/", ANSWER("200", "9", "{\"x\":\"1\"}"), false},
    {"/a/null/", ANSWER("200", "4", "null"), false},
    {"/a/gone/", ANSWER("404", "0", ""), false},
    {"/a/odd/", ANSWER("301", "0", ""), false},
    {"/a/bad/", ANSWER("500", "0", ""), false},
    {"/b/bad/", ANSWER("200", "5", "[\"z\"]"), false},
    {"/a/begun/", ANSWER("200", "9", "[\"x\","), true},
    {"/b/begun/", ANSWER("200", "5", "[\"z\"]"), false},
    {"/a/text/", ANSWER("200", "3", "\"x\""), false},
    {"/a/page/", TEXT("HTTP/1.1 404 X\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"),
     false},
    {"/b/page/", ANSWER("200", "5", "[\"z\"]"), false},
    {"/a/own/",
     TEXT("HTTP/1.1 404 X\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n"), false},
    {"/a/gzip/",
     TEXT("HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\n[\"z\"]"), false},
    {"/a/early/", ANSWER("200", "28", "{\"e\":[\"db is down\"],\"x\":\"1\"}"), false},
    {"/a/late/", ANSWER("200", "28", "{\"x\":\"1\",\"e\":[\"db is down\"]}"), false},
    {"/a/fine/", ANSWER("200", "22", "{\"x\":\"1\",\"e\":[],\"y\":2}"), false},
    {"/a/deep/", ANSWER("200", "24", "{\"x\":\"1\",\"e\":{\"f\":true}}"), false},
    {"/a/names/", ANSWER("200", "9", "[\"e\",\"x\"]"), false},
    {"/a/short/", ANSWER("200", "5", "[\"x\","), false},
};

static const char *const two[URL_CASE_URLS_MAX] = {"BACKEND/a/§", "BACKEND/b/§"};
static const struct url_settings plain = {0};

/* One iteration, and its rows, each as "name=value;". */
struct walker {
    unsigned answers;
    enum reply_status status;
    char rows[200], reason[300];
};

static int setup(void **state)
{
    return url_case_setup_script(state, script, ARRAY_LEN(script));
}

static void on_row(void *arg, struct span name, struct span value)
{
    struct walker *w = arg;
    const size_t len = strlen(w->rows);

    snprintf(w->rows + len, sizeof(w->rows) - len, "%.*s=%.*s;", (int)name.len, name.ptr,
             (int)value.len, value.len == 0 ? "" : value.ptr);
}

static void on_done(void *arg, const struct reply *reply)
{
    struct walker *w = arg;

    w->answers++;
    w->status = reply->status;
    snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reply->reason.len,
             reply->reason.len == 0 ? "" : reply->reason.ptr);
}

static struct table_iteration *begin(struct url_table *t, const char *path, struct walker *w)
{
    static const struct iterate_events events = {on_row, on_done};
    const struct iterate_options options = {.no_values = true};
    const struct table_key key = {.key = span_of(path)};

    *w = (struct walker){0};
    return table_iterate(&t->base, &key, &options, &events, w);
}

static void walk(struct url_case *c, struct url_table *t, const char *path, struct walker *w)
{
    begin(t, path, w);
    URL_CASE_WAIT(c, w->answers > 0);
    assert_int_equal(w->answers, 1);
}

static void test_answers(void **state)
{
    static const struct {
        const char *path;
        enum reply_status status;
        const char *rows, *reason; /* a part of it */
    } cases[] = {
        {"list/", REPLY_FOUND, "x=;y=;", ""},
        {"object/", REPLY_FOUND, "x=;", ""},
        {"null/", REPLY_FOUND, "", ""},
        {"gone/", REPLY_FOUND, "", ""},
        {"odd/", REPLY_TEMPORARY, "", "status 301"},
        {"bad/", REPLY_FOUND, "z=;", ""}, /* of the second URL */
        {"begun/", REPLY_TEMPORARY, "x=;",
         ""}, /* a row was passed on, so the second URL is not asked */
        {"text/", REPLY_TEMPORARY, "", ""},
        {"short/", REPLY_TEMPORARY, "x=;", "not a whole array"},
        {"../", REPLY_FOUND, "", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t = url_case_open(*state, &plain, two);
        struct walker w;

        walk(*state, t, cases[i].path, &w);
        if (w.status != cases[i].status || strcmp(w.rows, cases[i].rows) != 0 ||
            strstr(w.reason, cases[i].reason) == NULL)
            fail_msg("%s: %s, '%s', '%s'", cases[i].path, reply_status_name(w.status), w.rows,
                     w.reason);
        url_case_close(t);
    }
}

static void test_strict_and_error(void **state)
{
    static const struct {
        const char *path, *error;
        bool is_strict;
        enum reply_status status;
        const char *rows, *reason; /* a part of it */
    } cases[] = {
        {"page/", NULL, false, REPLY_FOUND, "", ""},
        {"page/", NULL, true, REPLY_FOUND, "z=;", ""}, /* of the second URL */
        {"own/", NULL, true, REPLY_FOUND, "", ""},
        {"null/", NULL, true, REPLY_FOUND, "", ""},
        {"gzip/", NULL, false, REPLY_TEMPORARY, "", "Content-Encoding gzip, which was not asked"},
        {"early/", "/e", false, REPLY_TEMPORARY, "", "a failure at /e: db is down"},
        {"late/", "/e", false, REPLY_TEMPORARY, "x=;", "a failure at /e: db is down"},
        {"late/", "/e/0", false, REPLY_TEMPORARY, "x=;", "a failure at /e/0: db is down"},
        {"late/", "/f", false, REPLY_FOUND, "x=;e=;", ""},
        {"fine/", "/e", false, REPLY_FOUND, "x=;y=;", ""},
        {"deep/", "/e", false, REPLY_TEMPORARY, "x=;", "a failure at /e"},
        {"deep/", "/e/f", false, REPLY_TEMPORARY, "x=;", "a failure at /e/f"},
        {"deep/", "/e/g", false, REPLY_FOUND, "x=;", ""},
        {"names/", "/e", false, REPLY_FOUND, "e=;x=;", ""},
        {"names/", "/0", false, REPLY_FOUND, "e=;x=;", ""},
        {"null/", "/e", false, REPLY_FOUND, "", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings config = {.error = (char *)(uintptr_t)cases[i].error,
                                            .strict = cases[i].is_strict};
        struct url_table *t = url_case_open(*state, &config, two);
        struct walker w;

        walk(*state, t, cases[i].path, &w);
        if (w.status != cases[i].status || strcmp(w.rows, cases[i].rows) != 0 ||
            strstr(w.reason, cases[i].reason) == NULL)
            fail_msg("%s, case %zu: %s, '%s', '%s'", cases[i].path, i, reply_status_name(w.status),
                     w.rows, w.reason);
        url_case_close(t);
    }
}

static void test_too_long_a_path(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);
    const size_t len = 256 * 1024;
    char *path = xmalloc(len + 1);
    struct walker w;

    memset(path, 'k', len);
    path[len] = '\0';
    walk(*state, t, path, &w);
    assert_int_equal(w.status, REPLY_FOUND); /* there are no rows */
    assert_string_equal(w.rows, "");
    free(path);
    url_case_close(t);
}

/* Cancels before the request has begun, and while its answer is awaited. */
static void test_cancel(void **state)
{
    struct url_case *c = *state;
    struct url_table *t =
        url_case_open(c, &plain, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§"});
    struct walker early, late;
    struct table_iteration *first = begin(t, "k", &early), *second = begin(t, "hold", &late);

    table_iteration_cancel(&first);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    table_iteration_cancel(&second);
    assert_int_equal(early.answers + late.answers, 0);
    assert_int_equal(c->backend.requests, 1);
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_answers),
        WITH_CASE(test_strict_and_error),
        WITH_CASE(test_too_long_a_path),
        WITH_CASE(test_cancel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
