/* Idle connections: when they are used again, and when they are closed. */
#include "http_fixture.h"

#include "podop/clock.h"

static double wall_clock_step_s;
static uint64_t monotonic_step_ms;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
ev_tstamp __real_ev_now(struct ev_loop *of);
ev_tstamp __wrap_ev_now(struct ev_loop *of);

ev_tstamp __wrap_ev_now(struct ev_loop *of)
{
    return __real_ev_now(of) + wall_clock_step_s;
}

uint64_t __real_clock_coarse_ms(void);
uint64_t __wrap_clock_coarse_ms(void);

uint64_t __wrap_clock_coarse_ms(void)
{
    return __real_clock_coarse_ms() + monotonic_step_ms;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void test_connection_is_used_again(void **state)
{
    struct http_fixture *f = *state;

    for (int i = 0; i < 20; i++)
        http_fixture_ask(f, "/x");
    assert_int_equal(f->backend.accepted, 1);
    assert_int_equal(f->backend.requests, 20);
}

static void test_idle_connection_closed_by_the_server(void **state)
{
    struct http_fixture *f = *state;

    for (int i = 0; i < 5; i++) {
        http_fixture_ask(f, "/x");
        backend_drop_connections(&f->backend);
    }
    assert_int_equal(f->backend.accepted, 5);
    assert_int_equal(f->backend.requests, 5);
}

/* The server closes while the next request is on its way to it. */
static void test_idle_connection_closed_under_a_request(void **state)
{
    struct http_fixture *f = *state;

    for (int i = 0; i < 5; i++)
        http_fixture_ask(f, "/first-only");
    assert_int_equal(f->backend.accepted, 5);
}

/* A lookup by POST may be sent again, as a GET. */
static void test_repeatable_post(void **state)
{
    struct http_fixture *f = *state;

    for (int i = 0; i < 6; i++) {
        struct http_caller c = {0};

        http_caller_start_request(
            &c, f->site,
            &(struct http_request){.method = "POST",
                                   .is_repeatable = true,
                                   .target = i < 3 ? "/x" : "/first-only",
                                   .body = SPAN("{}"),
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_body(&c, i < 3 ? "/x" : "/first-only");
        if (i == 2)
            assert_int_equal(f->backend.accepted, 1);
    }
    assert_int_equal(f->backend.accepted, 4); /* each of the last three needs a new one */
}

static void test_idle_connections_are_closed(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[3] = {{0}};

    http_fixture_set_pool(f, 8, 1);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        http_caller_start(f, &callers[i], "/hold");
    HTTP_WAIT(f, f->backend.requests == 3);
    while (backend_holds(&f->backend, "/hold"))
        backend_release(&f->backend, "/hold");
    HTTP_WAIT(f, f->backend.closed_by_client == 3);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        http_caller_assert_body(&callers[i], "/hold");
    http_fixture_ask(f, "/x");
    assert_int_equal(f->backend.accepted, 4);
}

/* A step of the wall clock closes no idle connection, and keeps none open. */
static void test_idle_connections_and_a_step_of_the_wall_clock(void **state)
{
    struct http_fixture *f = *state;
    static const double steps_s[] = {-3600.0, 3600.0};

    for (unsigned i = 0; i < ARRAY_LEN(steps_s); i++) {
        http_fixture_set_pool(f, 8, 60000);
        http_fixture_ask(f, "/x");
        wall_clock_step_s = steps_s[i];
        http_fixture_set_pool(f, 8, 60000);
        ev_run(f->loop, EVRUN_NOWAIT);
        assert_int_equal(f->backend.open, 1);
        http_fixture_set_pool(f, 8, 1);
        HTTP_WAIT(f, f->backend.open == 0);
        wall_clock_step_s = 0.0;
    }
}

/* A connection is closed when its name gets another address, and not because of its age. */
static void test_connections_to_names_do_not_age(void **state)
{
    struct http_fixture *f = *state;
    const struct http_request request = {.is_repeatable = true,
                                         .target = "/named",
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};
    char base[64];
    struct http_site *named;

    snprintf(base, sizeof(base), "http://localhost%s", strrchr(f->backend.base, ':'));
    named = http_fixture_open_site(f, base, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct http_caller c = {0};

        http_caller_start_request(&c, named, &request);
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_body(&c, "/named");
        assert_int_equal(f->backend.accepted, 1);
        monotonic_step_ms += 31000;
    }
    monotonic_step_ms = 0;
    http_site_close(&named);
}

static void ask_together(struct http_fixture *f, size_t count)
{
    struct http_caller callers[8] = {{0}};

    for (size_t i = 0; i < count; i++)
        http_caller_start(f, &callers[i], "/k");
    for (size_t i = 0; i < count; i++) {
        HTTP_WAIT(f, callers[i].answers > 0);
        http_caller_assert_body(&callers[i], "/k");
    }
}

/* The connections of a burst are closed while other calls go on, and when the pool is idle. */
static void test_bursts_and_calls_one_by_one(void **state)
{
    struct http_fixture *f = *state;
    static const struct {
        size_t burst, one_by_one;
    } rounds[] = {{8, 2 * 1024 - 8 - 2}, {0, 0}, {8, 2 * 1024 - 8}};

    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        http_fixture_set_pool(f, 8, 60000);
        ask_together(f, rounds[i].burst);
        for (size_t n = 0; n < rounds[i].one_by_one; n++)
            http_fixture_ask(f, "/k");
        http_fixture_set_pool(f, 8, 1);
        http_fixture_ask(f, "/k");
        HTTP_WAIT(f, f->backend.open == 0);
    }
    assert_int_equal(f->backend.requests, 4 * 1024 + 1);
}

static void say_to_all(struct backend *b, struct span bytes)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        if (b->conns[i].io.fd != -1)
            backend_say(&b->conns[i], bytes);
    }
}

/* Bytes that come before a request are never its answer, even if they come just before: over a unix
 * socket they arrive at once, and the loop does not run in between. */
static void test_unasked_bytes(void **state)
{
    struct http_fixture *f = *state;
    const struct span evil = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    struct http_site *here;
    struct backend local;

    backend_open(&local, f->loop, true);
    here = http_fixture_open_site(f, local.base, local.path);
    for (size_t len = 1; len <= evil.len; len++) {
        http_fixture_ask_at(f, here, "/x");
        say_to_all(&local, (struct span){evil.ptr, len});
        http_fixture_ask_at(f, here, "/y");
    }
    http_site_close(&here);
    backend_close(&local);
}

/* An idle connection is closed as soon as unexpected bytes come. */
static void test_unasked_bytes_while_idle(void **state)
{
    struct http_fixture *f = *state;

    for (unsigned i = 0; i < 5; i++) {
        http_fixture_ask(f, "/x");
        say_to_all(&f->backend, SPAN("H"));
        HTTP_WAIT(f, f->backend.closed_by_client == i + 1);
    }
}

/* is_fresh opens a new connection although one is idle. */
static void test_on_a_new_connection(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller c = {0};

    http_fixture_ask(f, "/x");
    http_fixture_ask(f, "/x");
    assert_int_equal(f->backend.accepted, 1);
    http_caller_start_request(
        &c, f->site,
        &(struct http_request){.is_repeatable = true,
                               .target = "/y",
                               .is_fresh = true,
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_body(&c, "/y");
    assert_int_equal(f->backend.accepted, 2);
    http_fixture_ask(f, "/x"); /* it becomes idle like any other */
    assert_int_equal(f->backend.accepted, 2);
}

/* The answer says that the request was sent twice, because the caller counts requests. */
static void test_sent_again_is_reported(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller c = {0}, d = {0};

    http_fixture_ask(f, "/x");
    http_caller_start(f, &c, "/drop");
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_FAILED);
    assert_true(c.was_resent);
    assert_false(c.is_refused);
    assert_int_equal(f->backend.requests, 3);
    http_caller_start(f, &d, "/drop"); /* no connection is idle */
    HTTP_WAIT(f, d.answers > 0);
    http_caller_assert_outcome(&d, HTTP_FAILED);
    assert_false(d.was_resent);
    assert_int_equal(f->backend.requests, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_connection_is_used_again),
        HTTP_TEST(test_idle_connection_closed_by_the_server),
        HTTP_TEST(test_idle_connection_closed_under_a_request),
        HTTP_TEST(test_repeatable_post),
        HTTP_TEST(test_idle_connections_are_closed),
        HTTP_TEST(test_idle_connections_and_a_step_of_the_wall_clock),
        HTTP_TEST(test_connections_to_names_do_not_age),
        HTTP_TEST(test_bursts_and_calls_one_by_one),
        HTTP_TEST(test_unasked_bytes),
        HTTP_TEST(test_unasked_bytes_while_idle),
        HTTP_TEST(test_on_a_new_connection),
        HTTP_TEST(test_sent_again_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
