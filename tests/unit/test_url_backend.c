#include "ask_table.h"
#include "url_case.h"

#include "podop/table.h"

#include <sys/resource.h>

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)

static const struct backend_script script[] = {
    {"/bad", TEXT("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), false},
};

struct asker {
    unsigned answers;
    enum reply_status status;
};

static struct url_case *world;

static int setup(void **state)
{
    url_case_setup_script(state, script, ARRAY_LEN(script));
    world = *state;
    return 0;
}

static struct table *open_table(void)
{
    return &url_case_open_plain(world)->base;
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
    return ask_table(t, &wanted, on_done, asker);
}

/* Looks key up, and returns how many requests that needed. */
static unsigned ask(struct table *t, const char *key)
{
    unsigned before = world->backend.requests;
    struct asker asker;

    begin(t, key, &asker);
    URL_CASE_WAIT(world, asker.answers > 0);
    assert_int_equal(asker.status, REPLY_TEMPORARY); /* the answer, "/...", is not JSON */
    return world->backend.requests - before;
}

static void assert_asked(struct table *t, const char *key, unsigned requests)
{
    assert_int_equal(ask(t, key), requests);
}

/* Looks up different keys for which the backend closes the connection. */
static void assert_dropped(struct table *t, unsigned times)
{
    char key[32];

    for (unsigned i = 0; i < times; i++) {
        snprintf(key, sizeof(key), "drop%u", i);
        assert_in_range(ask(t, key), 1, 2); /* 2 if an idle connection was used first */
    }
}

/* The next table shares the health of the previous one, whose late requests count for both. */
static void test_health_is_taken_over(void **state)
{
    struct table *previous = open_table(), *next = open_table(), *other = open_table();
    struct asker late;

    (void)state;
    begin(previous, "hold", &late);
    URL_CASE_WAIT(world, backend_holds(&world->backend, "/hold"));
    assert_dropped(previous, BREAKER_FAILURES_MAX - 2);
    table_take_over(next, previous);
    assert_asked(next, "k", 1); /* an answer resets the count of both */
    assert_dropped(next, BREAKER_FAILURES_MAX - 1);
    assert_dropped(previous, 1); /* a key that failed already */
    assert_asked(previous, "drop-another", 1);
    assert_asked(next, "k", 0);
    assert_asked(previous, "k", 0);
    assert_asked(other, "k", 1);
    backend_end(
        backend_held(&world->backend, "/hold")); /* sent before other requests were answered */
    URL_CASE_WAIT(world, late.answers > 0);
    table_unref(&previous);
    assert_asked(next, "k", 0);
    table_unref(&next);
    table_unref(&other);
}

/* A request that hangs while others are answered is not counted against the backend. */
static void test_a_request_that_hung_while_others_were_answered(void **state)
{
    struct table *t = open_table();
    struct asker hung;

    (void)state;
    begin(t, "hold", &hung);
    URL_CASE_WAIT(world, backend_holds(&world->backend, "/hold"));
    assert_asked(t, "k", 1);
    assert_dropped(t, BREAKER_FAILURES_MAX - 1);
    backend_end(backend_held(&world->backend, "/hold"));
    URL_CASE_WAIT(world, hung.answers > 0);
    assert_asked(t, "k", 1);
    table_unref(&t);
}

/* The number of failures does not matter. */
static void test_statuses_never_suspend_the_only_url(void **state)
{
    struct table *t = open_table();

    (void)state;
    for (unsigned i = 0; i < 10 * BREAKER_FAILURES_MAX; i++)
        assert_asked(t, "bad", 1);
    assert_asked(t, "k", 1);
    table_unref(&t);
}

/* A local failure says nothing about the URL. */
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
        WITH_CASE(test_health_is_taken_over),
        WITH_CASE(test_a_request_that_hung_while_others_were_answered),
        WITH_CASE(test_statuses_never_suspend_the_only_url),
        WITH_CASE(test_no_descriptor_is_no_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
