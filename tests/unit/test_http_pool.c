/* The pool of a host: its queue, its size, and the sites that share it. */
#include "http_fixture.h"

static void test_queue_keeps_its_order(void **state)
{
    struct http_fixture *f = *state;
    static const char *const targets[] = {"/hold", "/1", "/2", "/3", "/4"};
    struct http_caller callers[ARRAY_LEN(targets)] = {{0}};

    http_fixture_set_pool(f, 1, 60000);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        http_caller_start(f, &callers[i], targets[i]);
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
    backend_release(&f->backend, "/hold");
    HTTP_WAIT(f, callers[ARRAY_LEN(targets) - 1].answers > 0);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        http_caller_assert_body(&callers[i], targets[i]);
    http_fixture_assert_targets(f, "/hold\n/1\n/2\n/3\n/4\n");
    assert_int_equal(f->backend.accepted, 1);
}

static void test_queue_is_bounded(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[5] = {{0}};

    http_set_pool(f->http, &(struct pool_config){1, 3, 60000});
    for (int round = 0; round < 2; round++) { /* calls that have left the queue do not count */
        memset(callers, 0, sizeof(callers));
        for (size_t i = 0; i < ARRAY_LEN(callers); i++)
            http_caller_start(f, &callers[i], "/hold");
        HTTP_WAIT(f, callers[4].answers > 0);
        http_caller_assert_outcome(&callers[4], HTTP_QUEUE_FULL);
        http_cancel(&callers[2].call);
        http_caller_start(f, &callers[2], "/hold");
        for (size_t i = 0; i < 4; i++) {
            HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
            backend_release(&f->backend, "/hold");
        }
        for (size_t i = 0; i < 4; i++) {
            HTTP_WAIT(f, callers[i].answers > 0);
            http_caller_assert_body(&callers[i], "/hold");
        }
    }
    http_fixture_ask(f, "/x");
}

static bool is_not_wanted(void *arg)
{
    (void)arg;
    return false;
}

/* When a call's turn comes, is_wanted() is called, and the call is not sent if it returns false. */
static void test_unwanted_in_the_queue(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0}, second = {0};
    const struct http_request request = {.is_repeatable = true,
                                         .target = "/unwanted",
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS,
                                         .is_wanted = is_not_wanted};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start(f, &first, "/hold");
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
    http_caller_start_request(&second, f->site, &request);
    ev_run(f->loop, EVRUN_NOWAIT);
    assert_int_equal(second.answers, 0);
    backend_release(&f->backend, "/hold");
    HTTP_WAIT(f, second.answers > 0);
    http_caller_assert_outcome(&second, HTTP_UNWANTED);
    http_caller_assert_body(&first, "/hold");
    http_fixture_assert_targets(f, "/hold\n");
}

/* Cancels calls at every place of the queue. */
static void test_cancel_in_the_queue(void **state)
{
    struct http_fixture *f = *state;

    http_fixture_set_pool(f, 1, 60000);
    for (unsigned stay = 0; stay < 16; stay++) {
        static const char *const targets[] = {"/1", "/2", "/3", "/4"};
        struct http_caller first = {0}, callers[ARRAY_LEN(targets)] = {{0}}, last = {0};
        struct buf expected;

        buf_init(&expected, SIZE_MAX);
        buf_add(&expected, SPAN("/hold\n"));
        buf_clear(&f->backend.targets);
        http_caller_start(f, &first, "/hold");
        for (size_t i = 0; i < ARRAY_LEN(targets); i++)
            http_caller_start(f, &callers[i], targets[i]);
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
            if (stay & 1U << i) {
                buf_add(&expected, span_of(targets[i]));
                buf_add_char(&expected, '\n');
            } else {
                http_cancel(&callers[i].call);
                assert_null(callers[i].call);
            }
        }
        http_caller_start(f, &last, "/last");
        buf_add(&expected, SPAN("/last\n"));
        HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
        backend_release(&f->backend, "/hold");
        HTTP_WAIT(f, last.answers > 0);
        http_caller_assert_body(&first, "/hold");
        http_caller_assert_body(&last, "/last");
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
            if (stay & 1U << i)
                http_caller_assert_body(&callers[i], targets[i]);
            else
                assert_int_equal(callers[i].answers, 0);
        }
        http_fixture_assert_targets(f, buf_string(&expected));
        buf_deinit(&expected);
    }
}

/* All sites of a host have one pool. */
static void test_sites_of_one_host_share_its_pool(void **state)
{
    struct http_fixture *f = *state;
    const struct http_request request = {.is_repeatable = true,
                                         .target = "/other",
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};
    struct http_site *same = http_fixture_open_site(f, f->backend.base, NULL);
    struct http_caller first = {0}, second = {0};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start(f, &first, "/hold");
    http_caller_start_request(&second, same, &request);
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
    http_fixture_assert_targets(f, "/hold\n");
    backend_release(&f->backend, "/hold");
    HTTP_WAIT(f, second.answers > 0);
    http_caller_assert_body(&first, "/hold");
    http_caller_assert_body(&second, "/other");
    assert_int_equal(f->backend.accepted, 1);
    http_site_close(&same);
    http_site_close(&same); /* NULL is fine */
    http_fixture_ask(f, "/x");
}

static void test_two_hosts_have_two_pools(void **state)
{
    struct http_fixture *f = *state;
    const struct http_request request = {.is_repeatable = true,
                                         .target = "/other",
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};
    struct http_caller first = {0}, second = {0};
    struct backend another;
    struct http_site *there;

    http_fixture_set_pool(f, 1, 60000);
    backend_open(&another, f->loop, false);
    there = http_fixture_open_site(f, another.base, NULL);
    http_caller_start(f, &first, "/hold"); /* a backend that hangs does not delay the other */
    http_caller_start_request(&second, there, &request);
    HTTP_WAIT(f, second.answers > 0);
    http_caller_assert_body(&second, "/other");
    http_cancel(&first.call);
    http_site_close(&there);
    backend_close(&another);
}

static void test_other_certificates_have_another_pool(void **state)
{
    struct http_fixture *f = *state;
    const struct http_request request = {.is_repeatable = true,
                                         .target = "/other",
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};
    const struct http_tls others[] = {{.ca = SPAN("a")}, {.cert = SPAN("a"), .key = SPAN("b")}};

    http_fixture_set_pool(f, 1, 60000);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const struct http_site_config config = {.base = f->backend.base,
                                                .connect_timeout_ms = 5000,
                                                .max_response = HTTP_RESPONSE_MAX,
                                                .tls = others[i]};
        struct http_caller first = {0}, second = {0};
        struct error err = {0};
        struct http_site *other = http_site_open(f->http, &config, &err);

        AT_CASE("%zu", i);
        http_caller_start(f, &first, "/hold");
        http_caller_start_request(&second, other, &request); /* does not wait */
        HTTP_WAIT(f, second.answers > 0);
        http_caller_assert_body(&second, "/other");
        http_cancel(&first.call);
        http_site_close(&other);
    }
}

static void test_never_more_connections_than_the_pool_has(void **state)
{
    struct http_fixture *f = *state;
    enum { CALLERS = 200, CONNECTIONS = 3 };
    struct http_caller callers[CALLERS] = {{0}};

    http_fixture_set_pool(f, CONNECTIONS, 60000);
    http_fixture_ask_at_once(f, callers, CALLERS);
    assert_int_equal(f->backend.open_max, CONNECTIONS);
    assert_int_equal(f->backend.accepted, CONNECTIONS);
}

/* Idle connections make room for the connections of writes. */
static void test_writes_count_as_well(void **state)
{
    struct http_fixture *f = *state;
    enum { CONNECTIONS = 3 };
    const char *const targets[CONNECTIONS] = {"/hold0", "/hold1", "/hold2"};
    struct http_caller lookups[CONNECTIONS] = {{0}}, writes[CONNECTIONS] = {{0}};

    http_fixture_set_pool(f, CONNECTIONS, 60000);
    http_fixture_ask_at_once(f, lookups, CONNECTIONS);
    assert_int_equal(f->backend.open, CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        http_caller_start_request(
            &writes[i], f->site,
            &(struct http_request){.method = "POST",
                                   .target = targets[i],
                                   .body = SPAN("{}"),
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
        HTTP_WAIT(f, backend_holds(&f->backend, targets[i]));
        HTTP_WAIT(f, f->backend.open <= CONNECTIONS);
        assert_int_equal(f->backend.open, CONNECTIONS);
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_cancel(&writes[i].call);
}

static void test_smaller_pool_closes_idle_connections(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0}, second = {0};

    http_caller_start(f, &first, "/x");
    http_caller_start(f, &second, "/x");
    HTTP_WAIT(f, first.answers > 0 && second.answers > 0);
    http_caller_assert_body(&first, "/x");
    http_caller_assert_body(&second, "/x");
    assert_int_equal(f->backend.open, 2);
    http_fixture_set_pool(f, 1, 60000);
    HTTP_WAIT(f, f->backend.open == 1);
}

static void test_larger_pool_sends_what_waits(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[3] = {{0}};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start(f, &callers[0], "/hold0");
    http_caller_start(f, &callers[1], "/hold1");
    http_caller_start(f, &callers[2], "/hold2");
    HTTP_WAIT(f, f->backend.requests == 1);
    http_fixture_set_pool(f, 3, 60000);
    HTTP_WAIT(f, f->backend.requests == 3);
    http_fixture_set_pool(f, 1, 60000); /* calls in flight stay in flight */
    backend_release(&f->backend, "/hold2");
    backend_release(&f->backend, "/hold1");
    backend_release(&f->backend, "/hold0");
    HTTP_WAIT(f, callers[0].answers + callers[1].answers + callers[2].answers == 3);
    http_caller_assert_body(&callers[0], "/hold0");
    http_caller_assert_body(&callers[1], "/hold1");
    http_caller_assert_body(&callers[2], "/hold2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_queue_keeps_its_order),
        HTTP_TEST(test_queue_is_bounded),
        HTTP_TEST(test_unwanted_in_the_queue),
        HTTP_TEST(test_cancel_in_the_queue),
        HTTP_TEST(test_sites_of_one_host_share_its_pool),
        HTTP_TEST(test_two_hosts_have_two_pools),
        HTTP_TEST(test_other_certificates_have_another_pool),
        HTTP_TEST(test_never_more_connections_than_the_pool_has),
        HTTP_TEST(test_writes_count_as_well),
        HTTP_TEST(test_smaller_pool_closes_idle_connections),
        HTTP_TEST(test_larger_pool_sends_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
