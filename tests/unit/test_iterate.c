#include "unit.h"

#include "fake_table.h"
#include "table/json/json_settings.h"
#include "url_case.h"

#define WITH_BACKEND(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)

static struct url_case *c; /* of the test that runs */

/* One iteration, and its rows, each as "name=value;". */
struct walker {
    struct table_iteration *it;
    struct buf rows;
    unsigned pauses_after; /* pauses after this many rows; 0: never */
    unsigned count, answers;
    enum reply_status status;
    char reason[200];
};

static int setup(void **state)
{
    url_case_setup(state);
    c = *state;
    return 0;
}

static struct url_settings plain_url = {.connect_timeout_ms = 5000, .max_response = 100000};
static const struct table_config plain = {.timeout_ms = 600000, .settings = &plain_url};

static struct table *open_table(const struct table_config *config, const char *type,
                                const char *param)
{
    const struct table_env env = {
        .loop = c->loop, .http = c->http, .commits = &c->commits, .log = &c->log};
    struct table_config wanted = *config;
    static char name[] = "users";
    struct error err = {0};
    struct table *t;

    wanted.name = name;
    wanted.type = xstrdup(type);
    wanted.param = xstrdup(param);
    t = table_open(&wanted, &env, &err);
    free(wanted.type);
    free(wanted.param);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static struct table *open_url_with(const struct table_config *config)
{
    char param[100];

    snprintf(param, sizeof(param), "%s/§", c->backend.base);
    return open_table(config, "url", param);
}

static struct table *open_url(void)
{
    return open_url_with(&plain);
}

static struct table *open_json(const char *content)
{
    const struct json_settings settings = {.watch = false};
    struct table_config config = plain;
    struct fake_file file;
    struct table *t;

    config.settings = (void *)(uintptr_t)&settings;
    fake_file_open(&file, span_of(content));
    t = open_table(&config, "json", file.path);
    fake_file_close(&file);
    return t;
}

static void on_row(void *arg, struct span name, struct span value)
{
    struct walker *w = arg;

    assert_non_null(w->it);
    assert_int_equal(w->answers, 0);
    buf_add(&w->rows, name);
    buf_add_char(&w->rows, '=');
    buf_add(&w->rows, value);
    buf_add_char(&w->rows, ';');
    if (++w->count == w->pauses_after)
        table_iteration_pause(w->it);
}

static void on_done(void *arg, const struct reply *reply)
{
    struct walker *w = arg;

    w->it = NULL;
    w->answers++;
    w->status = reply->status;
    snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reply->reason.len, reply->reason.ptr);
}

static void walk(struct walker *w, struct table *t, const struct table_key *path,
                 const struct iterate_options *options)
{
    static const struct iterate_events events = {on_row, on_done};
    unsigned pauses_after = w->pauses_after;

    *w = (struct walker){.pauses_after = pauses_after};
    buf_init(&w->rows, SIZE_MAX);
    w->it = table_iterate(t, path, options, &events, w);
    assert_int_equal(w->count + w->answers, 0); /* never before it returns */
}

static void assert_walked(struct walker *w, enum reply_status status, const char *rows)
{
    URL_CASE_WAIT(c, w->answers > 0);
    if (w->status != status)
        fail_msg("%s: %s", reply_status_name(w->status), w->reason);
    assert_string_equal(w->rows.len == 0 ? "" : buf_string(&w->rows), rows);
    if (status != REPLY_FOUND)
        assert_memory_equal(w->reason, "table users: ", 13);
    buf_deinit(&w->rows);
}

static void test_iterate_json(void **state)
{
    static const struct {
        struct table_key path;
        struct iterate_options options;
        const char *rows;
    } cases[] = {
        {{.key = TEXT("a/")}, {.max_rows = 0}, "b=1;c=[1];"},
        {{.key = TEXT("a/")}, {.recurse = true}, "b=1;c=[1];d/e=x;d/eve=1;z/bob=2;"},
        {{.key = TEXT("a/")}, {.recurse = true, .max_rows = 2}, "b=1;c=[1];"},
        {{.key = TEXT("a/")}, {.no_values = true}, "b=;c=;"},
        {{.key = TEXT("none/")}, {.recurse = true}, ""},
        {{.key = TEXT("a/d/")}, {.max_rows = 0}, "e=x;eve=1;"},
        {{.key = TEXT("a/"), .user = TEXT("bob"), .is_private = true}, {.max_rows = 0}, "z=2;"},
        {{.key = TEXT("a/"), .user = TEXT("ob"), .is_private = true}, {.recurse = true}, ""},
        {{.key = TEXT("")}, {.max_rows = 0}, "q=7;"},
    };
    struct table *t = open_json("{\"a/\": \"itself\", \"a/b\": 1, \"a/c\": [1], \"a/n\": null, "
                                "\"a/d/e\": \"x\", \"a/d/eve\": \"1\", \"a/z/bob\": 2, \"q\": 7}");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct walker w = {0};

        walk(&w, t, &cases[i].path, &cases[i].options);
        assert_walked(&w, REPLY_FOUND, cases[i].rows);
    }
    table_unref(&t);
}

static void test_iterate_json_paused(void **state)
{
    struct table *t = open_json("{\"a/1\": 1, \"a/2\": 2, \"a/3\": 3}");

    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        struct walker w = {.pauses_after = n};

        walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
        for (int i = 0; i < 3; i++)
            ev_run(c->loop, EVRUN_NOWAIT);
        assert_int_equal(w.count, n);
        if (w.it != NULL)
            table_iteration_resume(w.it);
        assert_walked(&w, REPLY_FOUND, "1=1;2=2;3=3;");
    }
    table_unref(&t);
}

static void test_iterate_cancel(void **state)
{
    struct table *t = open_json("{\"a/1\": 1, \"a/2\": 2}"), *u = open_url();
    struct walker w = {.pauses_after = 1};

    (void)state;
    walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
    table_iteration_cancel(&w.it); /* before the loop runs */
    assert_null(w.it);
    table_iteration_cancel(&w.it);
    walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
    ev_run(c->loop, EVRUN_NOWAIT);
    table_iteration_resume(w.it);
    table_iteration_cancel(&w.it); /* while it is about to go on */
    buf_deinit(&w.rows);
    walk(&w, u, &(struct table_key){.key = SPAN("hold/")}, &(struct iterate_options){0});
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold/"));
    table_iteration_cancel(&w.it);
    ev_run(c->loop, EVRUN_NOWAIT);
    assert_int_equal(w.answers, 0);
    table_unref(&t);
    table_unref(&u);
}

/* Scripts one answer to "/a/". */
static void script_answer(struct backend_script *script, struct buf *wire, const char *status,
                          struct span body)
{
    buf_init(wire, SIZE_MAX);
    buf_add(wire, SPAN("HTTP/1.1 "));
    buf_add(wire, span_of(status));
    buf_add(wire, SPAN("\r\nContent-Length: "));
    buf_add_uint(wire, body.len);
    buf_add(wire, SPAN("\r\n\r\n"));
    buf_add(wire, body);
    *script = (struct backend_script){"/a/", buf_span(wire), false};
}

static void test_iterate_url_answers(void **state)
{
    static const struct {
        const char *status;
        struct span body;
        enum reply_status expected;
        const char *rows;
    } cases[] = {
        {"200 OK", TEXT("[]"), REPLY_FOUND, ""},
        {"200 OK", TEXT("{}\n"), REPLY_FOUND, ""},
        {"200 OK", TEXT("null"), REPLY_FOUND, ""},
        {"200 OK", TEXT("null\n"), REPLY_FOUND, ""}, /* as Flask writes it */
        {"200 OK", TEXT("  null  \r\n"), REPLY_FOUND, ""},
        {"200 OK", TEXT("      null"), REPLY_FOUND, ""},
        {"200 OK", TEXT("{\"b\": 1, \"c\": \"x\", \"n\": null, \"d/e\": 2, \"\": 3}"), REPLY_FOUND,
         "b=1;c=x;"},
        {"200 OK", TEXT("{\"b\": \"\\u0000\"}"), REPLY_PERMANENT, ""},
        {"204 No Content", TEXT(""), REPLY_FOUND, ""},
        {"404 Not Found", TEXT(""), REPLY_FOUND, ""},
        {"500 Oh", TEXT("[]"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT(""), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("nul"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("nulll"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("\"text\""), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("1"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("[1]"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("["), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("{\"b\": 1"), REPLY_TEMPORARY, ""},
        {"200 OK", TEXT("{\"b\": 1,"), REPLY_TEMPORARY, "b=1;"},
        {"200 OK", TEXT("{\"b\": 1, \"c\": }"), REPLY_TEMPORARY, "b=1;"},
        {"200 OK", TEXT("{\"b\": 1} x"), REPLY_TEMPORARY, "b=1;"},
        {"200 OK", TEXT("<html>no</html>"), REPLY_TEMPORARY, ""},
    };

    struct table *t = open_url();
    bool all_is_well = true;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct backend_script script;
        struct walker w = {0};
        struct buf wire;

        script_answer(&script, &wire, cases[i].status, cases[i].body);
        c->backend.script = &script;
        c->backend.script_count = 1;
        walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
        URL_CASE_WAIT(c, w.answers > 0);
        if (w.status != cases[i].expected ||
            !span_equal(buf_span(&w.rows), span_of(cases[i].rows))) {
            print_error("case %zu '%s': %s, rows '%.*s', %s\n", i, cases[i].body.ptr,
                        reply_status_name(w.status), (int)w.rows.len, w.rows.ptr, w.reason);
            all_is_well = false;
        }
        buf_deinit(&w.rows);
        buf_deinit(&wire);
        c->backend.script_count = 0;
    }
    table_unref(&t);
    assert_true(all_is_well);
}

/* Adds an array of count names, "0" to "count - 1", without its closing bracket. */
static void add_names(struct buf *body, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        buf_add(body, i == 0 ? SPAN("[\"") : SPAN(",\""));
        buf_add_uint(body, i);
        buf_add_char(body, '"');
    }
}

/* A list that breaks off never counts as complete, even while lookups of values are in flight. */
static void test_iterate_url_broken_off(void **state)
{
    struct table *t = open_url();

    (void)state;
    for (uint64_t count = 1; count <= 40; count++) {
        struct backend_script script[41];
        char targets[40][20];
        struct buf body, wire;
        struct walker w = {0};

        buf_init(&body, SIZE_MAX);
        add_names(&body, count);
        script_answer(&script[40], &wire, "200 OK", buf_span(&body));
        for (unsigned i = 0; i < 40; i++) {
            snprintf(targets[i], sizeof(targets[i]), "/a/%u", i);
            script[i] = (struct backend_script){
                targets[i], SPAN("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"), false};
        }
        c->backend.script = script;
        c->backend.script_count = ARRAY_LEN(script);
        walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
        URL_CASE_WAIT(c, w.answers > 0);
        c->backend.script_count = 0;
        buf_deinit(&w.rows);
        buf_deinit(&body);
        buf_deinit(&wire);
        if (w.status != REPLY_TEMPORARY)
            fail_msg("%u names: %s", (unsigned)count, reply_status_name(w.status));
    }
    table_unref(&t);
}

/* The body is read before its end is known: cut at every byte, the rows are the same. */
static void test_iterate_url_in_pieces(void **state)
{
    static const struct {
        const char *body;
        enum reply_status status;
        const char *rows;
    } cases[] = {
        {"{\"b\": 1, \"c\": [1, 2], \"d\": null}", REPLY_FOUND, "b=1;c=[1,2];"},
        {"[]", REPLY_FOUND, ""},
        {"null\n", REPLY_FOUND, ""}, /* as Flask writes it */
        {"  null", REPLY_FOUND, ""},
        {"      null      ", REPLY_FOUND, ""},
        {"nulll", REPLY_TEMPORARY, ""},
        {"{\"b\": 1}}", REPLY_TEMPORARY, "b=1;"},
    };
    struct table *t = open_url();
    unsigned faults = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= strlen(cases[i].body); cut++) {
            struct backend_conn *conn;
            struct walker w = {0};
            char head[100];

            walk(&w, t, &(struct table_key){.key = SPAN("hold/")}, &(struct iterate_options){0});
            URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold/"));
            conn = backend_held(&c->backend, "/hold/");
            conn->is_held = false;
            snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%.*s",
                     (int)cut, cases[i].body);
            backend_say(conn, span_of(head));
            for (int n = 0; n < 10; n++)
                ev_run(c->loop, EVRUN_NOWAIT);
            backend_say(conn, span_of(cases[i].body + cut));
            for (int n = 0; n < 10; n++)
                ev_run(c->loop, EVRUN_NOWAIT);
            if (conn->io.fd != -1)
                backend_end(conn);
            URL_CASE_WAIT(c, w.answers > 0);
            if (w.status != cases[i].status ||
                !span_equal(buf_span(&w.rows), span_of(cases[i].rows))) {
                print_error("'%s' cut at %zu: %s, rows '%.*s', %s\n", cases[i].body, cut,
                            reply_status_name(w.status), (int)w.rows.len, w.rows.ptr, w.reason);
                faults++;
            }
            buf_deinit(&w.rows);
        }
    }
    table_unref(&t);
    assert_int_equal(faults, 0);
}

static void test_iterate_url_no_values(void **state)
{
    struct table *t = open_url();
    struct backend_script script;
    struct walker w = {0};
    struct buf wire;

    (void)state;
    script_answer(&script, &wire, "200 OK", SPAN("[\"x\", \"y/z\", \"\", \"j\\u00f6\"]"));
    c->backend.script = &script;
    c->backend.script_count = 1;
    walk(&w, t, &(struct table_key){.key = SPAN("a/")},
         &(struct iterate_options){.no_values = true});
    assert_walked(&w, REPLY_FOUND, "x=;j\xc3\xb6=;");
    walk(&w, t, &(struct table_key){.key = SPAN("a/")},
         &(struct iterate_options){.no_values = true, .recurse = true, .max_rows = 2});
    assert_walked(&w, REPLY_FOUND, "x=;y/z=;");
    assert_int_equal(c->backend.requests, 2); /* no value was asked for */
    buf_deinit(&wire);
    table_unref(&t);
}

static void test_iterate_url_values(void **state)
{
    static const struct backend_script script[] = {
        {"/a/", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n[\"x\", \"y/z\", \"gone\", 1]"),
         false},
        {"/b/", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n[\"x\",\"gone\"]\n"), false},
        {"/b/x", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\"1\""), false},
        {"/b/gone", TEXT("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), false},
        {"/c/", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n[\"bad\"]"), false},
        {"/c/bad", TEXT("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), false},
    };
    struct table *t = open_url();
    struct walker w = {0};

    (void)state;
    c->backend.script = script;
    c->backend.script_count = ARRAY_LEN(script);
    walk(&w, t, &(struct table_key){.key = SPAN("b/")}, &(struct iterate_options){0});
    assert_walked(&w, REPLY_FOUND, "x=1;"); /* a name that was removed meanwhile is left out */
    walk(&w, t, &(struct table_key){.key = SPAN("c/")}, &(struct iterate_options){0});
    assert_walked(&w, REPLY_TEMPORARY, "");
    table_unref(&t);
}

/* Values that the cache or a pattern answers at once, alone and among others. */
static void test_iterate_url_known_values(void **state)
{
    static const struct backend_script script[] = {
        {"/a/",
         TEXT("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"
              "[\"x\",\"skipped\",\"gone\",\"y\"]\n"),
         false},
        {"/a/x", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\"1\""), false},
        {"/a/gone", TEXT("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), false},
        {"/a/y", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"), false},
    };
    static const struct table_key path = {.key = TEXT("a/")};
    struct table_config config = plain;
    char pattern[] = "a/skip*", *patterns[] = {pattern};
    struct walker w = {0};
    struct table *t;

    (void)state;
    config.skip = (struct string_list){patterns, 1};
    config.cache = (struct cache_config){600000, 600000, 0, 10, 10000};
    t = open_url_with(&config);
    c->backend.script = script;
    c->backend.script_count = ARRAY_LEN(script);
    walk(&w, t, &path, &(struct iterate_options){0});
    assert_walked(&w, REPLY_FOUND, "x=1;y=2;");
    assert_int_equal(c->backend.requests, 4); /* the list, and all but the skipped one */
    walk(&w, t, &path, &(struct iterate_options){0});
    assert_walked(&w, REPLY_FOUND, "x=1;y=2;");
    assert_int_equal(c->backend.requests, 5); /* the list */
    walk(&w, t, &path, &(struct iterate_options){.max_rows = 1});
    assert_walked(&w, REPLY_FOUND, "x=1;");
    w.pauses_after = 1;
    walk(&w, t, &path, &(struct iterate_options){0});
    URL_CASE_WAIT(c, w.count == 1);
    for (int i = 0; i < 20; i++)
        ev_run(c->loop, EVRUN_NOWAIT);
    assert_int_equal(w.count, 1);
    table_iteration_resume(w.it);
    assert_walked(&w, REPLY_FOUND, "x=1;y=2;");
    w.pauses_after = 0;
    table_drop(t, &(struct table_key){.key = SPAN("a/x")}); /* so that it comes last */
    walk(&w, t, &path, &(struct iterate_options){0});
    assert_walked(&w, REPLY_FOUND, "y=2;x=1;");
    table_unref(&t);
}

/* One name is too long to be looked up, which is known at once: then the iteration fails. */
static void test_iterate_url_value_fails_at_once(void **state)
{
    enum { NAME_BYTES = 90000 }; /* three times as many in a URL */
    struct backend_script script;
    struct buf body, wire;
    struct table *t = open_url();
    struct walker w = {0};

    (void)state;
    buf_init(&body, SIZE_MAX);
    buf_add(&body, SPAN("[\""));
    memset(buf_reserve(&body, NAME_BYTES), '@', NAME_BYTES);
    body.len += NAME_BYTES;
    buf_add(&body, SPAN("\"]"));
    script_answer(&script, &wire, "200 OK", buf_span(&body));
    c->backend.script = &script;
    c->backend.script_count = 1;
    walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
    assert_walked(&w, REPLY_PERMANENT, "");
    assert_int_equal(c->backend.requests, 1);
    buf_deinit(&body);
    buf_deinit(&wire);
    table_unref(&t);
}

static void test_iterate_url_paused(void **state)
{
    struct table *t = open_url();
    struct backend_script script;
    struct buf wire;

    (void)state;
    script_answer(&script, &wire, "200 OK", SPAN("{\"1\": 1, \"2\": 2, \"3\": 3}"));
    c->backend.script = &script;
    c->backend.script_count = 1;
    for (unsigned n = 1; n <= 3; n++) {
        struct walker w = {.pauses_after = n};

        walk(&w, t, &(struct table_key){.key = SPAN("a/")}, &(struct iterate_options){0});
        URL_CASE_WAIT(c, w.count == n);
        for (int i = 0; i < 20; i++)
            ev_run(c->loop, EVRUN_NOWAIT);
        assert_int_equal(w.count, n);
        if (w.it != NULL)
            table_iteration_resume(w.it);
        assert_walked(&w, REPLY_FOUND, "1=1;2=2;3=3;");
    }
    buf_deinit(&wire);
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BACKEND(test_iterate_json),
        WITH_BACKEND(test_iterate_json_paused),
        WITH_BACKEND(test_iterate_cancel),
        WITH_BACKEND(test_iterate_url_answers),
        WITH_BACKEND(test_iterate_url_broken_off),
        WITH_BACKEND(test_iterate_url_in_pieces),
        WITH_BACKEND(test_iterate_url_no_values),
        WITH_BACKEND(test_iterate_url_values),
        WITH_BACKEND(test_iterate_url_paused),
        WITH_BACKEND(test_iterate_url_known_values),
        WITH_BACKEND(test_iterate_url_value_fails_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
