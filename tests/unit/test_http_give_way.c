/* Kept connections that give way to a new one without a byte, on a clock that the test sets. */
#include "http_case.h"

static double set_forward_s;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
ev_tstamp __real_ev_timer_remaining(struct ev_loop *of, ev_timer *w);
ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w);

ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w)
{
    return __real_ev_timer_remaining(of, w) - set_forward_s;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void on_poke(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
}

/* In turns that are not late, with what came read in between. */
static void pass_ms(struct http_case *c, unsigned ms)
{
    for (; ms > 0; ms -= ms < 20 ? ms : 20) {
        ev_timer poke;

        set_forward_s += (ms < 20 ? ms : 20) / 1000.0;
        for (int i = 0; i < 3; i++) {
            ev_timer_init(&poke, on_poke, 0.0, 0.0);
            ev_timer_start(c->loop, &poke);
            ev_run(c->loop, EVRUN_ONCE);
            ev_timer_stop(c->loop, &poke);
        }
    }
}

/* A request that gets no byte, as one that is not served. Always on a new connection. */
static void starve(struct http_case *c, struct http_caller *caller, const char *target)
{
    http_case_start(c, caller, "POST", target);
    HTTP_CASE_WAIT(c, backend_holds(&c->backend, target));
}

static void answer(struct http_case *c, struct http_caller *caller, const char *target)
{
    backend_release(&c->backend, target);
    HTTP_CASE_WAIT(c, caller->answers > 0);
    http_case_assert_outcome(caller, HTTP_ANSWERED);
}

static void test_kept_one_is_closed(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller;

    http_case_ask(c, "/x");
    starve(c, &caller, "/hold");
    pass_ms(c, 100);
    assert_int_equal(c->backend.closed_by_client, 0);
    pass_ms(c, 100);
    assert_int_equal(c->backend.closed_by_client, 1);
    answer(c, &caller, "/hold");
}

static void test_what_becomes_free_is_closed(void **state)
{
    struct http_case *c = *state;
    struct http_caller first, second;

    http_case_ask(c, "/x");
    http_case_start(c, &first, NULL, "/hold1"); /* over the kept one */
    HTTP_CASE_WAIT(c, backend_holds(&c->backend, "/hold1"));
    starve(c, &second, "/hold2");
    pass_ms(c, 400);
    assert_int_equal(c->backend.closed_by_client, 0);
    answer(c, &first, "/hold1");
    http_case_ask(c, "/x"); /* over the one that has fallen free */
    assert_int_equal(c->backend.accepted, 2);
    pass_ms(c, 200);
    assert_int_equal(c->backend.closed_by_client, 1);
    answer(c, &second, "/hold2");
    HTTP_CASE_WAIT(c, c->backend.closed_by_client == 2);
}

/* However busy the others are: not only one that nobody uses at that moment. */
static void test_busy_ones_are_closed(void **state)
{
    struct http_case *c = *state;
    struct http_caller starved, busy;

    http_case_ask(c, "/x");
    http_case_start(c, &busy, NULL, "/hold-busy");
    HTTP_CASE_WAIT(c, backend_holds(&c->backend, "/hold-busy"));
    starve(c, &starved, "/hold");
    pass_ms(c, 200);
    for (int i = 0; c->backend.closed_by_client == 0; i++) {
        assert_in_range(i, 0, 4);
        answer(c, &busy, "/hold-busy");
        http_case_start(c, &busy, NULL, "/hold-busy"); /* at once, over the same connection */
        HTTP_CASE_WAIT(c, backend_holds(&c->backend, "/hold-busy"));
        pass_ms(c, 60);
    }
    answer(c, &starved, "/hold");
    answer(c, &busy, "/hold-busy");
}

/* It helped: what falls free later is closed at once. */
static void test_helped_once_nothing_is_kept(void **state)
{
    struct http_case *c = *state;
    struct http_caller first, second;

    test_kept_one_is_closed(state);
    HTTP_CASE_WAIT(c, c->backend.closed_by_client == 2);
    http_case_start(c, &first, NULL, "/hold1");
    HTTP_CASE_WAIT(c, backend_holds(&c->backend, "/hold1"));
    starve(c, &second, "/hold2");
    pass_ms(c, 400);
    answer(c, &first, "/hold1");
    http_case_ask(c, "/x"); /* not even for this one, which comes right after */
    assert_int_equal(c->backend.accepted, 5);
    assert_int_equal(c->backend.closed_by_client, 3);
    answer(c, &second, "/hold2");
}

/* It helped: the next new one has room made for it at once. */
static void test_helped_once_it_is_done_at_once(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller;

    test_kept_one_is_closed(state); /* a write: its own connection is closed as well */
    HTTP_CASE_WAIT(c, c->backend.closed_by_client == 2);
    http_case_ask(c, "/x");
    starve(c, &caller, "/hold");
    ev_run(c->loop, EVRUN_NOWAIT);
    assert_int_equal(c->backend.closed_by_client, 3);
    answer(c, &caller, "/hold");
}

/* A slow key of a server that needs no help: its other connections are left alone, for a while. */
static void test_useless_is_not_repeated(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller, other;

    http_case_ask(c, "/x");
    starve(c, &caller, "/hold1");
    pass_ms(c, 500);
    assert_int_equal(c->backend.closed_by_client, 1);
    http_case_ask(c, "/x");
    starve(c, &other, "/hold2");
    pass_ms(c, 2000);
    assert_int_equal(c->backend.closed_by_client, 1);
    answer(c, &other, "/hold2");
    answer(c, &caller, "/hold1");
}

/* Nor is it tried where a new connection was served beside as many that were kept. */
static void test_server_of_many_keeps_them(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller;

    http_case_ask(c, "/x");
    starve(c, &caller, "/hold1");
    answer(c, &caller, "/hold1"); /* at once, beside the kept one */
    HTTP_CASE_WAIT(c, c->backend.closed_by_client == 1);
    starve(c, &caller, "/hold2");
    pass_ms(c, 2000);
    assert_int_equal(c->backend.closed_by_client, 1);
    answer(c, &caller, "/hold2");
}

/* Of a server that takes its time nobody expects more. */
static void test_slow_server_is_given_its_time(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller;

    for (int i = 0; i < 3; i++) {
        http_case_start(c, &caller, NULL, "/hold");
        HTTP_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
        pass_ms(c, 500);
        backend_release(&c->backend, "/hold");
        HTTP_CASE_WAIT(c, caller.answers > 0);
        http_case_assert_body(&caller, "/hold");
    }
    starve(c, &caller, "/hold");
    pass_ms(c, 1000);
    assert_int_equal(c->backend.closed_by_client, 0);
    pass_ms(c, 1000);
    assert_int_equal(c->backend.closed_by_client, 1);
    answer(c, &caller, "/hold");
}

/* A burst of a slow server keeps its connections, though each has waited long. */
static void test_slow_burst_keeps_its_connections(void **state)
{
    struct http_case *c = *state;
    struct http_caller callers[6];

    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        http_case_start(c, &callers[i], NULL, "/hold");
        HTTP_CASE_WAIT(c, c->backend.requests == i + 1);
    }
    pass_ms(c, 500);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        backend_release(&c->backend, "/hold");
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        HTTP_CASE_WAIT(c, callers[i].answers > 0);
        http_case_assert_body(&callers[i], "/hold");
    }
    pass_ms(c, 100);
    assert_int_equal(c->backend.closed_by_client, 0);
    assert_int_equal(c->backend.open, ARRAY_LEN(callers));
}

static void test_given_up_meanwhile(void **state)
{
    struct http_case *c = *state;
    struct http_caller caller, other;

    http_case_ask(c, "/x");
    starve(c, &caller, "/hold1");
    starve(c, &other, "/hold2");
    pass_ms(c, 200);
    http_cancel(&caller.call);
    http_cancel(&other.call);
    http_case_ask(c, "/x");
    pass_ms(c, 1000);
    http_case_ask(c, "/x");
    assert_int_equal(c->backend.accepted, 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, http_case_setup, http_case_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_kept_one_is_closed),
        CASE(test_what_becomes_free_is_closed),
        CASE(test_busy_ones_are_closed),
        CASE(test_helped_once_nothing_is_kept),
        CASE(test_helped_once_it_is_done_at_once),
        CASE(test_useless_is_not_repeated),
        CASE(test_server_of_many_keeps_them),
        CASE(test_slow_server_is_given_its_time),
        CASE(test_slow_burst_keeps_its_connections),
        CASE(test_given_up_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
