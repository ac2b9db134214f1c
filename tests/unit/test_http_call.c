/* Calls: their deadlines, their failures, and calls from within done(). */
#include "held_clock.h"
#include "http_fixture.h"

#include "podop/clock.h"

#include <errno.h>
#include <sys/resource.h>

static void test_refused(void **state)
{
    struct http_fixture *f = *state;
    struct http_site *closed;
    struct backend none;
    struct http_caller c = {0};
    char expected[100];

    backend_open(&none, f->loop, false); /* a port without a listener, after the close */
    closed = http_fixture_open_site(f, none.base, NULL);
    backend_close(&none);
    http_caller_start_request(
        &c, closed,
        &(struct http_request){.is_repeatable = true,
                               .target = "/secret?password=secret",
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_FAILED);
    assert_true(c.is_refused);
    snprintf(expected, sizeof(expected), "connect to %.60s: Connection refused",
             none.base + strlen("http://"));
    assert_string_equal(c.reason, expected);
    assert_null(strstr(c.reason, "secret"));
    assert_true(c.is_refused);
    assert_false(c.may_have_arrived);
    assert_false(c.is_local_failure);
    http_site_close(&closed);
}

static void test_deadline_on_the_wire(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller c = {0};

    http_caller_start_within(f, &c, "/hold", 20);
    HELD_CLOCK_PASS_UNTIL(f->loop, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_TIMED_OUT);
    assert_false(c.is_local_failure);
    HELD_CLOCK_PASS_UNTIL(f->loop, f->backend.accepted ==
                                       f->backend.closed_by_client); /* a late answer is dropped */
    http_fixture_ask(f, "/x");
}

static void test_deadline_has_passed(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller c = {0};
    const struct http_request request = {
        .is_repeatable = true, .target = "/hold", .deadline_at_ms = 0};

    http_caller_start_request(&c, f->site, &request);
    HELD_CLOCK_PASS_UNTIL(f->loop, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_TIMED_OUT);
}

static void test_deadline_in_the_queue(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0}, second = {0}, third = {0};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start(f, &first, "/hold");
    http_caller_start_within(f, &second, "/second", 20);
    http_caller_start(f, &third, "/third");
    HELD_CLOCK_PASS_UNTIL(f->loop, second.answers > 0 && backend_holds(&f->backend, "/hold"));
    http_caller_assert_outcome(&second, HTTP_TIMED_OUT);
    assert_true(second.is_local_failure);
    assert_int_equal(first.answers, 0);
    backend_release(&f->backend, "/hold");
    HELD_CLOCK_PASS_UNTIL(f->loop, third.answers > 0);
    http_caller_assert_body(&first, "/hold");
    http_caller_assert_body(&third, "/third");
    http_fixture_assert_targets(f, "/hold\n/third\n");
}

/* The call waited in the queue for longer than it was in flight. */
static void test_deadline_soon_after_the_queue(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0}, late = {0};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start_within(f, &first, "/hold", 300);
    http_caller_start_within(f, &late, "/hold2", 400);
    HELD_CLOCK_PASS_UNTIL(f->loop, first.answers > 0 && late.answers > 0);
    http_caller_assert_outcome(&first, HTTP_TIMED_OUT);
    assert_false(first.is_local_failure);
    http_caller_assert_outcome(&late, HTTP_TIMED_OUT);
    assert_true(late.is_local_failure);
}

static void test_no_descriptor(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller c = {0};
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    http_caller_start(f, &c, "/x");
    HTTP_WAIT(f, c.answers > 0);
    setrlimit(RLIMIT_NOFILE, &before);
    http_caller_assert_outcome(&c, HTTP_FAILED);
    assert_true(c.is_local_failure);
    assert_string_equal(c.reason, strerror(EMFILE));
    http_fixture_ask(f, "/x");
}

static void test_cancel_in_flight(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0}, second = {0};

    http_fixture_set_pool(f, 1, 60000);
    http_caller_start(f, &first, "/hold");
    http_caller_start(f, &second, "/second");
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
    http_cancel(&first.call);
    assert_null(first.call);
    http_cancel(&first.call);         /* NULL is fine */
    HTTP_WAIT(f, second.answers > 0); /* the next call has its place */
    http_caller_assert_body(&second, "/second");
    HTTP_WAIT(f, f->backend.closed_by_client == 1);
    assert_int_equal(first.answers, 0);
    assert_int_equal(f->backend.accepted, 2);
}

static void test_cancel_before_the_loop_runs(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller first = {0};

    for (int i = 0; i < 10; i++) {
        http_caller_start(f, &first, "/x");
        http_cancel(&first.call);
    }
    http_fixture_ask(f, "/y");
    assert_int_equal(first.answers, 0);
}

static void then_cancel_all(struct http_caller *c)
{
    struct http_caller *others = c->then_arg;

    for (int i = 0; i < 4; i++)
        http_cancel(&others[i].call);
}

/* The cancelled calls are answered already, in flight, and in the queue. */
static void test_cancel_from_done(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[4] = {{0}}, last = {0};

    http_fixture_set_pool(f, 3, 60000);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        callers[i].then = then_cancel_all;
        callers[i].then_arg = callers;
    }
    http_caller_start(f, &callers[0], "/hold0");
    http_caller_start(f, &callers[1], "/hold1");
    http_caller_start(f, &callers[2], "/hold2");
    http_caller_start(f, &callers[3], "/never");
    HTTP_WAIT(f, f->backend.requests == 3);
    backend_release(&f->backend, "/hold0");
    backend_release(&f->backend, "/hold1"); /* both answers are there before the loop runs */
    HTTP_WAIT(f, callers[0].answers + callers[1].answers > 0);
    http_caller_start(f, &last, "/last");
    HTTP_WAIT(f, last.answers > 0);
    http_caller_assert_body(&last, "/last");
    assert_int_equal(callers[0].answers + callers[1].answers, 1);
    assert_int_equal(callers[2].answers + callers[3].answers, 0);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        assert_null(callers[i].call);
        if (callers[i].answers > 0)
            buf_deinit(&callers[i].body);
    }
}

static void then_start(struct http_caller *c)
{
    struct http_caller *next = c->then_arg;

    if (next != NULL)
        http_caller_start_request(
            next, c->site,
            &(struct http_request){.is_repeatable = true,
                                   .target = "/next",
                                   .deadline_at_ms = clock_now_ms() + HTTP_LONG_MS});
}

static void test_start_from_done(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller callers[50] = {{0}};

    http_fixture_set_pool(f, 1, 60000);
    for (size_t i = 0; i + 1 < ARRAY_LEN(callers); i++) {
        callers[i].then = then_start;
        callers[i].then_arg = &callers[i + 1];
    }
    http_caller_start(f, &callers[0], "/next");
    HTTP_WAIT(f, callers[ARRAY_LEN(callers) - 1].answers > 0);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        http_caller_assert_body(&callers[i], "/next");
    assert_int_equal(f->backend.accepted, 1);
}

static void test_free_null(void **state)
{
    (void)state;
    struct http *none = NULL;
    struct http_call *call = NULL;
    struct http_site *nowhere = NULL;

    http_free(&none);
    http_cancel(&call);
    http_site_close(&nowhere);
    assert_non_null(strstr(http_library(), "libcurl/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_refused),
        HTTP_TEST(test_deadline_on_the_wire),
        HTTP_TEST(test_deadline_has_passed),
        HTTP_TEST(test_deadline_in_the_queue),
        HTTP_TEST(test_deadline_soon_after_the_queue),
        HTTP_TEST(test_no_descriptor),
        HTTP_TEST(test_cancel_in_flight),
        HTTP_TEST(test_cancel_before_the_loop_runs),
        HTTP_TEST(test_cancel_from_done),
        HTTP_TEST(test_start_from_done),
        cmocka_unit_test(test_free_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
