#include "unit.h"

#include "podop/breaker.h"
#include "podop/http.h"
#include "podop/table.h"

#include "fake_backend.h"
#include "table/table_type.h"
#include "table/url/url_settings.h"

#include <ev.h>

#include <sys/resource.h>

static struct ev_loop *loop;
static struct http *http;
static struct backend backend;
static struct commits commits;
static struct log quiet;

static const struct backend_script script[] = {
    {"/bad", TEXT("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), false},
};

struct asker {
    unsigned answers;
    enum reply_status status;
};

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run(loop, flags);                                                                   \
    } while (0)

static int setup(void **state)
{
    const struct pool_config pool = {8, 1000, 60000};
    struct error err = {0};

    (void)state;
    log_init(&quiet);
    quiet.level = LOG_LEVEL_ERROR;
    loop = ev_loop_new(EVFLAG_AUTO);
    backend_open(&backend, loop, false);
    backend.script = script;
    backend.script_count = ARRAY_LEN(script);
    http = http_new(loop, &pool, &err);
    return http == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    http_free(&http);
    backend_close(&backend);
    ev_loop_destroy(loop);
    return 0;
}

static struct table *open_table(void)
{
    const struct table_env env = {.loop = loop, .http = http, .commits = &commits, .log = &quiet};
    static char name[] = "t", url[] = "url";
    char param[200];
    struct url_settings settings = {.connect_timeout_ms = 5000, .max_response = 1000};
    struct table_config wanted = {
        .name = name, .type = url, .param = param, .timeout_ms = 600000, .settings = &settings};
    struct error err = {0};
    struct table *t;

    snprintf(param, sizeof(param), "%s/§", backend.base);
    t = table_open(&wanted, &env, &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static void on_done(void *arg, const struct reply *reply)
{
    struct asker *asker = arg;

    asker->answers++;
    asker->status = reply->status;
}

static struct table_op *begin(struct table *t, const char *key, struct asker *asker)
{
    const struct table_key wanted = {.key = span_of(key)};

    *asker = (struct asker){0};
    return table_ask(t, &wanted, on_done, asker);
}

/* How many requests that took. */
static unsigned ask(struct table *t, const char *key)
{
    unsigned before = backend.requests;
    struct asker asker;

    begin(t, key, &asker);
    WAIT_UNTIL(asker.answers > 0);
    assert_int_equal(asker.status, REPLY_TEMPORARY); /* of "/..." no answer is JSON */
    return backend.requests - before;
}

static void assert_asked(struct table *t, const char *key, unsigned requests)
{
    assert_int_equal(ask(t, key), requests);
}

/* Keys that the backend closes on without a word: so many suspend it. */
static void assert_dropped(struct table *t, unsigned times)
{
    char key[32];

    for (unsigned i = 0; i < times; i++) {
        snprintf(key, sizeof(key), "drop%u", i);
        assert_in_range(ask(t, key), 1, 2); /* twice where a connection had been kept */
    }
}

/* What the table before knew goes on, and a request of it that still runs counts for both. */
static void test_health_is_inherited(void **state)
{
    struct table *previous = open_table(), *next = open_table(), *other = open_table();
    struct asker late;

    (void)state;
    begin(previous, "hold", &late);
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    assert_dropped(previous, BREAKER_FAILURES_MAX - 2);
    table_take_over(next, previous);
    assert_asked(next, "k", 1); /* an answer: the count begins anew, in both */
    assert_dropped(next, BREAKER_FAILURES_MAX - 1);
    assert_dropped(previous, 1); /* of a key that failed already */
    assert_asked(previous, "drop-another", 1);
    assert_asked(next, "k", 0);
    assert_asked(previous, "k", 0);
    assert_asked(other, "k", 1);
    backend_end(backend_held(&backend, "/hold")); /* it was sent before others were answered */
    WAIT_UNTIL(late.answers > 0);
    table_unref(&previous);
    assert_asked(next, "k", 0);
    table_unref(&next);
    table_unref(&other);
}

/* Others are answered while it hangs: it is not the backend that fails. */
static void test_a_request_that_hung_while_others_were_answered(void **state)
{
    struct table *t = open_table();
    struct asker hung;

    (void)state;
    begin(t, "hold", &hung);
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    assert_asked(t, "k", 1);
    assert_dropped(t, BREAKER_FAILURES_MAX - 1);
    backend_end(backend_held(&backend, "/hold"));
    WAIT_UNTIL(hung.answers > 0);
    assert_asked(t, "k", 1);
    table_unref(&t);
}

/* A million times would say no more. */
static void test_statuses_never_suspend_the_only_url(void **state)
{
    struct table *t = open_table();

    (void)state;
    for (unsigned i = 0; i < 10 * BREAKER_FAILURES_MAX; i++)
        assert_asked(t, "bad", 1);
    assert_asked(t, "k", 1);
    table_unref(&t);
}

/* podop's own want says nothing of the URL. */
static void test_no_descriptor_is_no_failure(void **state)
{
    struct table *t = open_table();
    struct rlimit before, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    for (unsigned i = 0; i < 2 * BREAKER_FAILURES_MAX; i++)
        assert_asked(t, "k", 0);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_asked(t, "k", 1);
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_health_is_inherited, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_request_that_hung_while_others_were_answered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_statuses_never_suspend_the_only_url, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptor_is_no_failure, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
