/* Idle connections are closed to help a new one that gets no byte. The test sets the clock. */
#include "held_clock.h"
#include "http_fixture.h"

/* Sends a request that gets no byte, always on a new connection. */
static void starve(struct http_fixture *f, struct http_caller *caller, const char *target)
{
    http_caller_start_method(f, caller, "POST", target);
    HTTP_WAIT(f, backend_holds(&f->backend, target));
}

static void answer(struct http_fixture *f, struct http_caller *caller, const char *target)
{
    backend_release(&f->backend, target);
    HTTP_WAIT(f, caller->answers > 0);
    http_caller_assert_ended(caller, HTTP_ANSWERED);
}

static void test_idle_one_is_closed(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller;

    http_fixture_ask(f, "/x");
    starve(f, &caller, "/hold");
    held_clock_pass_ms(f->loop, 100);
    assert_int_equal(f->backend.closed_by_client, 0);
    held_clock_pass_ms(f->loop, 100);
    assert_int_equal(f->backend.closed_by_client, 1);
    answer(f, &caller, "/hold");
}

static void test_what_becomes_free_is_closed(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first, second;

    http_fixture_ask(f, "/x");
    http_caller_start_method(f, &first, NULL, "/hold1"); /* over the idle connection */
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold1"));
    starve(f, &second, "/hold2");
    held_clock_pass_ms(f->loop, 400);
    assert_int_equal(f->backend.closed_by_client, 0);
    answer(f, &first, "/hold1");
    http_fixture_ask(f, "/x"); /* over the connection that is idle now */
    assert_int_equal(f->backend.accepted, 2);
    held_clock_pass_ms(f->loop, 200);
    assert_int_equal(f->backend.closed_by_client, 1);
    answer(f, &second, "/hold2");
    HTTP_WAIT(f, f->backend.closed_by_client == 2);
}

/* Busy connections are closed, too, between two requests. */
static void test_busy_ones_are_closed(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller starved, busy;

    http_fixture_ask(f, "/x");
    http_caller_start_method(f, &busy, NULL, "/hold-busy");
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold-busy"));
    starve(f, &starved, "/hold");
    held_clock_pass_ms(f->loop, 200);
    for (int i = 0; f->backend.closed_by_client == 0; i++) {
        assert_in_range(i, 0, 4);
        answer(f, &busy, "/hold-busy");
        http_caller_start_method(f, &busy, NULL,
                                 "/hold-busy"); /* at once, over the same connection */
        HTTP_WAIT(f, backend_holds(&f->backend, "/hold-busy"));
        held_clock_pass_ms(f->loop, 60);
    }
    answer(f, &starved, "/hold");
    answer(f, &busy, "/hold-busy");
}

/* After closing idle connections has helped once, connections that become idle are closed at once.
 */
static void test_helped_once_none_becomes_idle(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first, second;

    test_idle_one_is_closed(state);
    HTTP_WAIT(f, f->backend.closed_by_client == 2);
    http_caller_start_method(f, &first, NULL, "/hold1");
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold1"));
    starve(f, &second, "/hold2");
    held_clock_pass_ms(f->loop, 400);
    answer(f, &first, "/hold1");
    http_fixture_ask(f, "/x"); /* not even for this one, which follows immediately */
    assert_int_equal(f->backend.accepted, 5);
    assert_int_equal(f->backend.closed_by_client, 3);
    answer(f, &second, "/hold2");
}

/* After closing idle connections has helped once, they are closed at once for the next new one. */
static void test_helped_once_it_is_done_at_once(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller;

    test_idle_one_is_closed(state); /* a write: its own connection is closed as well */
    HTTP_WAIT(f, f->backend.closed_by_client == 2);
    http_fixture_ask(f, "/x");
    starve(f, &caller, "/hold");
    ev_run(f->loop, EVRUN_NOWAIT);
    assert_int_equal(f->backend.closed_by_client, 3);
    answer(f, &caller, "/hold");
}

/* If closing did not help, because the key is slow for another reason, it is not repeated for a
 * while. */
static void test_useless_is_not_repeated(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller, other;

    http_fixture_ask(f, "/x");
    starve(f, &caller, "/hold1");
    held_clock_pass_ms(f->loop, 500);
    assert_int_equal(f->backend.closed_by_client, 1);
    http_fixture_ask(f, "/x");
    starve(f, &other, "/hold2");
    held_clock_pass_ms(f->loop, 2000);
    assert_int_equal(f->backend.closed_by_client, 1);
    answer(f, &other, "/hold2");
    answer(f, &caller, "/hold1");
}

/* Idle connections stay open if a new one was served before while as many were open. */
static void test_server_of_many_keeps_them(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller;

    http_fixture_ask(f, "/x");
    starve(f, &caller, "/hold1");
    answer(f, &caller, "/hold1"); /* at once, while the idle connection is open */
    HTTP_WAIT(f, f->backend.closed_by_client == 1);
    starve(f, &caller, "/hold2");
    held_clock_pass_ms(f->loop, 2000);
    assert_int_equal(f->backend.closed_by_client, 1);
    answer(f, &caller, "/hold2");
}

/* A server that is usually slow is given more time. */
static void test_slow_server_is_given_its_time(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller;

    for (int i = 0; i < 3; i++) {
        http_caller_start_method(f, &caller, NULL, "/hold");
        HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
        held_clock_pass_ms(f->loop, 500);
        backend_release(&f->backend, "/hold");
        HTTP_WAIT(f, caller.answers > 0);
        http_caller_assert_body(&caller, "/hold");
    }
    starve(f, &caller, "/hold");
    held_clock_pass_ms(f->loop, 1000);
    assert_int_equal(f->backend.closed_by_client, 0);
    held_clock_pass_ms(f->loop, 1000);
    assert_int_equal(f->backend.closed_by_client, 1);
    answer(f, &caller, "/hold");
}

/* After a burst, a slow server keeps its connections, although each request has waited long. */
static void test_slow_burst_keeps_its_connections(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[6];

    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        http_caller_start_method(f, &callers[i], NULL, "/hold");
        HTTP_WAIT(f, f->backend.requests == i + 1);
    }
    held_clock_pass_ms(f->loop, 500);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        backend_release(&f->backend, "/hold");
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        HTTP_WAIT(f, callers[i].answers > 0);
        http_caller_assert_body(&callers[i], "/hold");
    }
    held_clock_pass_ms(f->loop, 100);
    assert_int_equal(f->backend.closed_by_client, 0);
    assert_int_equal(f->backend.open, ARRAY_LEN(callers));
}

static void test_given_up_meanwhile(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller, other;

    http_fixture_ask(f, "/x");
    starve(f, &caller, "/hold1");
    starve(f, &other, "/hold2");
    held_clock_pass_ms(f->loop, 200);
    http_cancel(&caller.call);
    http_cancel(&other.call);
    http_fixture_ask(f, "/x");
    held_clock_pass_ms(f->loop, 1000);
    http_fixture_ask(f, "/x");
    assert_int_equal(f->backend.accepted, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_idle_one_is_closed),
        HTTP_TEST(test_what_becomes_free_is_closed),
        HTTP_TEST(test_busy_ones_are_closed),
        HTTP_TEST(test_helped_once_none_becomes_idle),
        HTTP_TEST(test_helped_once_it_is_done_at_once),
        HTTP_TEST(test_useless_is_not_repeated),
        HTTP_TEST(test_server_of_many_keeps_them),
        HTTP_TEST(test_slow_server_is_given_its_time),
        HTTP_TEST(test_slow_burst_keeps_its_connections),
        HTTP_TEST(test_given_up_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
