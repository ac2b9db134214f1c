#include "podop/deferred.h"

#include "unit.h"

struct caller {
    struct ev_loop *loop;
    struct deferred first, second;
    char calls[8];
    size_t count;
    bool again;
};

static void call_first(void *arg)
{
    struct caller *c = arg;

    c->calls[c->count++] = '1';
    if (c->again) {
        c->again = false;
        deferred_start(&c->first);
    }
}

static void call_second(void *arg)
{
    struct caller *c = arg;

    c->calls[c->count++] = '2';
}

static void setup(struct caller *c)
{
    *c = (struct caller){.loop = ev_loop_new(EVFLAG_AUTO)};
    assert_non_null(c->loop);
    deferred_init(&c->first, c->loop, 0, call_first, c);
    deferred_init(&c->second, c->loop, 1, call_second, c);
}

static void test_called_once_from_the_loop(void **state)
{
    struct caller c;

    (void)state;
    setup(&c);
    deferred_start(&c.first);
    deferred_start(&c.first);
    assert_true(deferred_is_pending(&c.first));
    assert_int_equal(c.count, 0);
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_string_equal(c.calls, "1");
    assert_false(deferred_is_pending(&c.first));
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_string_equal(c.calls, "1");
    ev_loop_destroy(c.loop);
}

static void test_highest_priority_first(void **state)
{
    struct caller c;

    (void)state;
    setup(&c);
    deferred_start(&c.first);
    deferred_start(&c.second);
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_string_equal(c.calls, "21");
    ev_loop_destroy(c.loop);
}

static void test_stopped(void **state)
{
    struct caller c;

    (void)state;
    setup(&c);
    deferred_stop(&c.first); /* none is pending */
    deferred_start(&c.first);
    deferred_stop(&c.first);
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_int_equal(c.count, 0);
    ev_loop_destroy(c.loop);
}

static void test_started_again_by_its_call(void **state)
{
    struct caller c;

    (void)state;
    setup(&c);
    c.again = true;
    deferred_start(&c.first);
    ev_run(c.loop, EVRUN_NOWAIT);
    ev_run(c.loop, EVRUN_NOWAIT);
    assert_string_equal(c.calls, "11");
    ev_loop_destroy(c.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_called_once_from_the_loop),
        cmocka_unit_test(test_highest_priority_first),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_started_again_by_its_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
