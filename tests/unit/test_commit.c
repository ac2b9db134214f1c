#include "ask_table.h"
#include "unit.h"

#include "url_case.h"

#define WITH_BACKEND(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define ANSWER(status) TEXT("HTTP/1.1 " status "\r\nContent-Length: 0\r\n\r\n")

static struct url_case *c; /* of the test that runs */

static const struct backend_script script[] = {
    {"/m/gone", ANSWER("404 Not Found"), false},
    {"/m/bad", ANSWER("500 Oh"), false},
    {"/m/no", ANSWER("403 No"), false},
    {"/m/dropped", {NULL, 0}, true},
    {"/m/value", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\"1\""), false},
};

struct writer {
    struct transaction *transaction;
    unsigned answers;
    enum reply_status status;
    char reason[200];
};

static int setup(void **state)
{
    url_case_setup_script(state, script, ARRAY_LEN(script));
    c = *state;
    return 0;
}

static int teardown(void **state)
{
    assert_null(c->commits.first);
    return url_case_teardown(state);
}

static struct table *open_table_with(const struct table_config *config,
                                     const struct url_settings *settings, const char *path)
{
    const struct table_env env = {
        .loop = c->loop, .http = c->http, .commits = &c->commits, .log = &c->log};
    struct table_config wanted = *config;
    struct url_settings of_url = *settings;
    static char name[] = "meta", url[] = "url";
    char param[200], commit_url[200];
    struct error err = {0};
    struct table *t;

    snprintf(param, sizeof(param), "%s%s", c->backend.base, path);
    snprintf(commit_url, sizeof(commit_url), "%s%s", c->backend.base,
             settings->commit_url == NULL ? "" : settings->commit_url);
    wanted.name = name;
    wanted.type = url;
    wanted.param = param;
    wanted.timeout_ms = config->timeout_ms == 0 ? 600000 : config->timeout_ms;
    of_url.connect_timeout_ms = 5000;
    of_url.max_response = 1000;
    of_url.commit_url = settings->commit_url == NULL ? NULL : commit_url;
    wanted.settings = &of_url;
    t = table_open(&wanted, &env, &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static struct table *open_table(const struct table_config *config, const char *path)
{
    return open_table_with(config, &(struct url_settings){0}, path);
}

static void on_done(void *arg, const struct reply *reply)
{
    struct writer *w = arg;

    w->answers++;
    w->status = reply->status;
    snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reply->reason.len, reply->reason.ptr);
}

static void add(struct writer *w, enum change_kind kind, const char *key, struct span value)
{
    if (w->transaction == NULL)
        w->transaction = transaction_new(SPAN("bob"));
    transaction_add(w->transaction, &(struct change){
                                        .kind = kind,
                                        .key = {.key = span_of(key)},
                                        .value = value,
                                        .increment = -5,
                                    });
}

static void begin(struct writer *w, struct table *t)
{
    table_commit(t, w->transaction, on_done, w);
    assert_int_equal(w->answers, 0); /* never done before it returns */
}

/* Commits, and asserts the status and the calls that the backend got. */
static void commit(struct writer *w, struct table *t, enum reply_status status, const char *calls)
{
    if (w->transaction == NULL)
        w->transaction = transaction_new(SPAN("bob"));
    begin(w, t);
    URL_CASE_WAIT(c, w->answers > 0);
    if (w->status != status)
        fail_msg("%s: %s", reply_status_name(w->status), w->reason);
    assert_int_equal(w->answers, 1);
    assert_string_equal(c->backend.calls.len == 0 ? "" : buf_string(&c->backend.calls), calls);
    buf_clear(&c->backend.calls);
    if (status == REPLY_FOUND || status == REPLY_MISS)
        assert_string_equal(w->reason, "");
    else
        assert_memory_equal(w->reason, "table meta: ", 12);
    transaction_free(&w->transaction);
    *w = (struct writer){0};
}

static void test_commit_in_order(void **state)
{
    struct table *t = open_table(&(struct table_config){0}, "/m/§");
    struct writer w = {0};

    (void)state;
    add(&w, CHANGE_UNSET, "a", SPAN(""));
    add(&w, CHANGE_SET, "a", SPAN("21"));
    add(&w, CHANGE_SET, "b", SPAN("te\"xt"));
    add(&w, CHANGE_INCREMENT, "c", SPAN(""));
    add(&w, CHANGE_UNSET, "gone", SPAN("")); /* is a success */
    add(&w, CHANGE_SET, "a", SPAN(""));
    commit(&w, t, REPLY_FOUND,
           "DELETE /m/a\nPOST /m/a 21\nPOST /m/b \"te\\\"xt\"\nPATCH /m/c {\"inc\": -5}\n"
           "DELETE /m/gone\nPOST /m/a \"\"\n");
    commit(&w, t, REPLY_FOUND, ""); /* of nothing */
    assert_int_equal(c->backend.accepted, 6);
    table_unref(&t);
}

static void test_commit_first_failure_ends_it(void **state)
{
    static const struct {
        const char *key;
        enum change_kind kind;
        enum reply_status status;
        const char *calls;
    } cases[] = {
        {"bad", CHANGE_SET, REPLY_TEMPORARY, "POST /m/a 1\nPOST /m/bad 2\n"},
        {"no", CHANGE_SET, REPLY_TEMPORARY, "POST /m/a 1\nPOST /m/no 2\n"},
        {"gone", CHANGE_SET, REPLY_TEMPORARY, "POST /m/a 1\nPOST /m/gone 2\n"},
        {"bad", CHANGE_UNSET, REPLY_TEMPORARY, "POST /m/a 1\nDELETE /m/bad\n"},
        {"dropped", CHANGE_SET, REPLY_UNCERTAIN, "POST /m/a 1\nPOST /m/dropped 2\n"},
        {"..", CHANGE_SET, REPLY_PERMANENT, ""}, /* seen before anything is written */
    };
    struct table *t = open_table(&(struct table_config){0}, "/m/§");
    struct writer w = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        add(&w, CHANGE_SET, "a", SPAN("1"));
        add(&w, cases[i].kind, cases[i].key, SPAN("2"));
        add(&w, CHANGE_SET, "never", SPAN("3"));
        commit(&w, t, cases[i].status, cases[i].calls);
    }
    table_unref(&t);
}

/* An increment of a missing key is a miss, and the other changes are made nevertheless. */
static void test_commit_increment_of_nothing(void **state)
{
    struct table *t = open_table(&(struct table_config){0}, "/m/§");
    struct writer w = {0};

    (void)state;
    add(&w, CHANGE_INCREMENT, "gone", SPAN(""));
    add(&w, CHANGE_SET, "a", SPAN("1"));
    commit(&w, t, REPLY_MISS, "PATCH /m/gone {\"inc\": -5}\nPOST /m/a 1\n");
    add(&w, CHANGE_INCREMENT, "gone", SPAN(""));
    add(&w, CHANGE_SET, "bad", SPAN("1"));
    commit(&w, t, REPLY_TEMPORARY, "PATCH /m/gone {\"inc\": -5}\nPOST /m/bad 1\n");
    table_unref(&t);
}

static void test_commit_looks_at_all_first(void **state)
{
    static char pattern[] = "skip*";
    static const struct {
        const char *key;
        struct span value;
    } cases[] = {{"a", TEXT("x\0y")}, {"a", TEXT("\xff")}, {"skip-it", TEXT("1")}};
    struct table_config config = {0};
    struct writer w = {0};
    struct table *t;
    char *patterns[] = {pattern};

    (void)state;
    config.skip = (struct string_list){patterns, 1};
    t = open_table(&config, "/m/§");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        add(&w, CHANGE_SET, "first", SPAN("1"));
        add(&w, CHANGE_SET, cases[i].key, cases[i].value);
        commit(&w, t, REPLY_PERMANENT, "");
    }
    table_unref(&t);
}

static void test_commit_headers(void **state)
{
    struct table *t = open_table_with(
        &(struct table_config){0}, &(struct url_settings){.value = VALUE_STRING}, "/m/§?u={user}");
    struct writer w = {0};
    const char *head;

    (void)state;
    w.transaction = transaction_new(SPAN("b b"));
    w.transaction->expire_s = 60;
    w.transaction->has_timestamp = true;
    w.transaction->timestamp_s = 12;
    w.transaction->timestamp_ns = 34;
    transaction_add(
        w.transaction,
        &(struct change){.key = {.key = SPAN("k"), .user = SPAN("b b"), .is_private = true},
                         .value = SPAN("21")});
    commit(&w, t, REPLY_FOUND, "POST /m/k?u=b%20b \"21\"\n");
    head = buf_string(&c->backend.last);
    assert_non_null(strstr(head, "\r\nPodop-User: b%20b\r\n"));
    assert_non_null(strstr(head, "\r\nPodop-Expire: 60\r\n"));
    assert_non_null(strstr(head, "\r\nPodop-Timestamp: 12.000000034\r\n"));
    assert_non_null(strstr(head, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(head, "\r\nPodop-Table: meta\r\n"));
    table_unref(&t);
}

static void test_commit_as_one(void **state)
{
    static char commit_url[] = "/m/all?for={user}", dropped[] = "/m/dropped", gone[] = "/m/gone";
    struct url_settings settings = {.commit_url = commit_url};
    struct table *t = open_table_with(&(struct table_config){0}, &settings, "/m/§");
    struct writer w = {0};

    (void)state;
    add(&w, CHANGE_SET, "a", SPAN("21"));
    add(&w, CHANGE_UNSET, "b\"", SPAN(""));
    add(&w, CHANGE_INCREMENT, "c", SPAN(""));
    transaction_add(
        w.transaction,
        &(struct change){.key = {.key = SPAN("k"), .user = SPAN("bob"), .is_private = true},
                         .value = SPAN("t")});
    commit(&w, t, REPLY_FOUND,
           "POST /m/all?for=bob {\"user\": \"bob\", \"ops\": ["
           "{\"op\": \"set\", \"key\": \"a\", \"value\": 21}, "
           "{\"op\": \"unset\", \"key\": \"b\\\"\"}, "
           "{\"op\": \"inc\", \"key\": \"c\", \"value\": -5}, "
           "{\"op\": \"set\", \"key\": \"k/bob\", \"value\": \"t\"}]}\n");
    commit(&w, t, REPLY_FOUND, "");
    add(&w, CHANGE_SET, "\xff", SPAN("1"));
    commit(&w, t, REPLY_PERMANENT, "");
    table_unref(&t);
    settings.commit_url = gone;
    t = open_table_with(&(struct table_config){0}, &settings, "/m/§");
    add(&w, CHANGE_UNSET, "a", SPAN(""));
    commit(&w, t, REPLY_TEMPORARY,
           "POST /m/gone {\"user\": \"bob\", \"ops\": [{\"op\": \"unset\", \"key\": \"a\"}]}\n");
    table_unref(&t);
    settings.commit_url = dropped;
    t = open_table_with(&(struct table_config){0}, &settings, "/m/§");
    add(&w, CHANGE_UNSET, "a", SPAN(""));
    commit(&w, t, REPLY_UNCERTAIN,
           "POST /m/dropped {\"user\": \"bob\", \"ops\": [{\"op\": \"unset\", \"key\": \"a\"}]}\n");
    table_unref(&t);
}

/* A commit that was never sent has failed, and is not uncertain. */
static void test_commit_refused(void **state)
{
    struct table *t = open_table(&(struct table_config){.timeout_ms = 300}, "/m/§");
    struct writer w = {0};

    (void)state;
    add(&w, CHANGE_SET, "a", SPAN("1"));
    commit(&w, t, REPLY_FOUND, "POST /m/a 1\n");
    ev_io_stop(c->loop, &c->backend.io);
    backend_drop_connections(&c->backend);
    backend_close(&c->backend);
    c->backend.calls.len = 0;
    add(&w, CHANGE_SET, "a", SPAN("1"));
    commit(&w, t, REPLY_TEMPORARY, "");
    backend_open(&c->backend, c->loop, false); /* for teardown() */
    table_unref(&t);
}

static void test_commit_deadline(void **state)
{
    struct table *t = open_table(&(struct table_config){.timeout_ms = 50}, "/hold/§");
    struct writer w = {0};

    (void)state;
    add(&w, CHANGE_SET, "a", SPAN("1"));
    commit(&w, t, REPLY_UNCERTAIN, "POST /hold/a 1\n");
    table_unref(&t);
}

static void test_commit_abort(void **state)
{
    struct table *t = open_table(&(struct table_config){0}, "/hold/§");
    struct writer sent = {0}, fresh = {0}, ended = {0};

    (void)state;
    add(&sent, CHANGE_SET, "a", SPAN("1"));
    begin(&sent, t);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold/a"));
    add(&fresh, CHANGE_SET, "b", SPAN("1"));
    begin(&fresh, t);
    add(&ended, CHANGE_SET, "c", SPAN("\xff"));
    begin(&ended, t);
    commits_abort(&c->commits);
    assert_null(c->commits.first);
    assert_int_equal(sent.answers + fresh.answers + ended.answers, 3);
    assert_int_equal(sent.status, REPLY_UNCERTAIN);
    assert_int_equal(ended.status, REPLY_PERMANENT);
    transaction_free(&sent.transaction);
    transaction_free(&fresh.transaction);
    transaction_free(&ended.transaction);
    table_unref(&t);
    ev_run(c->loop, EVRUN_NOWAIT);
}

static void count_idle(void *arg)
{
    ++*(unsigned *)arg;
}

static void test_commit_idle(void **state)
{
    struct table *t = open_table(&(struct table_config){0}, "/m/§");
    struct writer a = {0}, b = {0};
    unsigned idle = 0;

    (void)state;
    c->commits.on_idle = count_idle;
    c->commits.arg = &idle;
    add(&a, CHANGE_SET, "a", SPAN("1"));
    add(&b, CHANGE_SET, "b", SPAN("1"));
    begin(&a, t);
    begin(&b, t);
    table_unref(&t); /* they keep it */
    URL_CASE_WAIT(c, a.answers + b.answers == 2);
    assert_int_equal(idle, 1);
    transaction_free(&a.transaction);
    transaction_free(&b.transaction);
}

static void look_up(struct table *t, const char *key, const char *calls)
{
    struct writer w = {0};

    ask_table(t, &(struct table_key){.key = span_of(key)}, on_done, &w);
    URL_CASE_WAIT(c, w.answers > 0);
    assert_int_equal(w.status, REPLY_FOUND);
    assert_string_equal(c->backend.calls.len == 0 ? "" : buf_string(&c->backend.calls), calls);
    buf_clear(&c->backend.calls);
}

/* A write invalidates the cache for its keys, even if it failed. */
static void test_commit_invalidates_the_cache(void **state)
{
    struct table *t = open_table(&(struct table_config){.cache = {.ttl_ms = 600000,
                                                                  .negative_ttl_ms = 600000,
                                                                  .max_entries = 10,
                                                                  .max_bytes = 10000}},
                                 "/m/§");
    struct writer w = {0};

    (void)state;
    look_up(t, "value", "GET /m/value\n");
    look_up(t, "value", "");
    add(&w, CHANGE_SET, "other", SPAN("1"));
    commit(&w, t, REPLY_FOUND, "POST /m/other 1\n");
    look_up(t, "value", "");
    add(&w, CHANGE_SET, "value", SPAN("1"));
    commit(&w, t, REPLY_FOUND, "POST /m/value 1\n");
    look_up(t, "value", "GET /m/value\n");
    add(&w, CHANGE_SET, "value", SPAN("1"));
    add(&w, CHANGE_SET, "bad", SPAN("1"));
    commit(&w, t, REPLY_TEMPORARY, "POST /m/value 1\nPOST /m/bad 1\n");
    look_up(t, "value", "GET /m/value\n");
    look_up(t, "value", "");
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BACKEND(test_commit_in_order),
        WITH_BACKEND(test_commit_first_failure_ends_it),
        WITH_BACKEND(test_commit_increment_of_nothing),
        WITH_BACKEND(test_commit_looks_at_all_first),
        WITH_BACKEND(test_commit_headers),
        WITH_BACKEND(test_commit_as_one),
        WITH_BACKEND(test_commit_refused),
        WITH_BACKEND(test_commit_deadline),
        WITH_BACKEND(test_commit_abort),
        WITH_BACKEND(test_commit_idle),
        WITH_BACKEND(test_commit_invalidates_the_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
