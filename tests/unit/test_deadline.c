/* Deadlines on a loop whose time the test sets forward, so that no test waits. */
#include "unit.h"

#include "podop/deadline.h"

#include <ev.h>

#include <stdlib.h>
#include <unistd.h>

static double set_forward_s;

ev_tstamp __real_ev_timer_remaining(struct ev_loop *of, ev_timer *w);
ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w);

ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w)
{
    return __real_ev_timer_remaining(of, w) - set_forward_s;
}

enum { MANY = 300 };

struct case_of {
    struct ev_loop *loop;
    struct deadline one, other;
    struct deadline many[MANY];
    ev_prepare last;
    char order[MANY + 1];
    size_t passed;
};

static void note(struct case_of *c, char what)
{
    assert_in_range(c->passed, 0, MANY - 1);
    c->order[c->passed++] = what;
}

static void on_one(void *arg)
{
    note(arg, '1');
}

static void on_other(void *arg)
{
    note(arg, '2');
}

static void on_last(struct ev_loop *loop, ev_prepare *w, int revents)
{
    (void)loop;
    (void)revents;
    note(w->data, 'L');
}

static int set_up(void **state)
{
    struct case_of *c = calloc(1, sizeof(*c));

    set_forward_s = 0;
    c->loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(c->loop);
    deadline_init(&c->one, on_one, c);
    deadline_init(&c->other, on_other, c);
    ev_init(&c->last, on_last);
    ev_set_priority(&c->last, EV_MINPRI);
    c->last.data = c;
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    struct case_of *c = *state;

    deadline_stop(&c->one);
    deadline_stop(&c->other);
    service_clock_release(c->loop);
    ev_loop_destroy(c->loop);
    free(c);
    return 0;
}

/* Runs one turn, with an event so that the loop does not wait. */
static void on_poke(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
}

static void turn(struct case_of *c)
{
    ev_timer poke;

    ev_timer_init(&poke, on_poke, 0.0, 0.0);
    ev_timer_start(c->loop, &poke);
    ev_run(c->loop, EVRUN_ONCE);
    ev_timer_stop(c->loop, &poke);
}

/* Lets time pass in steps too short to count as lost time. */
static void pass_ms(struct case_of *c, unsigned ms)
{
    for (; ms > 0; ms -= ms < 40 ? ms : 40) {
        set_forward_s += (ms < 40 ? ms : 40) / 1000.0;
        turn(c);
    }
}

static void test_passes_when_its_time_is_over(void **state)
{
    struct case_of *c = *state;

    turn(c);
    deadline_start_in(&c->one, c->loop, 100 * 1000);
    pass_ms(c, 60 * 1000);
    assert_int_equal(c->passed, 0);
    assert_true(deadline_is_running(&c->one));
    pass_ms(c, 40 * 1000);
    assert_string_equal(c->order, "1");
    assert_false(deadline_is_running(&c->one));
}

static void test_stopped_and_moved(void **state)
{
    struct case_of *c = *state;

    turn(c);
    deadline_start_in(&c->one, c->loop, 10 * 1000);
    deadline_start_in(&c->other, c->loop, 20 * 1000);
    deadline_start_in(&c->one, c->loop, 30 * 1000);
    pass_ms(c, 21 * 1000);
    assert_string_equal(c->order, "2");
    deadline_stop(&c->one);
    pass_ms(c, 40 * 1000);
    assert_string_equal(c->order, "2");
}

/* The loop wakes up for a deadline without any other event. */
static void test_loop_wakes_up(void **state)
{
    struct case_of *c = *state;
    uint64_t begin_ms = service_now_ms(c->loop);

    deadline_start_in(&c->one, c->loop, 5);
    while (c->passed == 0)
        ev_run(c->loop, EVRUN_ONCE);
    assert_true(service_now_ms(c->loop) >= begin_ms + 5);
}

static void test_what_was_lost_is_added(void **state)
{
    struct case_of *c = *state;

    turn(c);
    deadline_start_in(&c->one, c->loop, 2000);
    deadline_start_in(&c->other, c->loop, 3000);
    turn(c);
    set_forward_s += 3600; /* podop was stopped */
    turn(c);
    assert_int_equal(c->passed, 0);
    pass_ms(c, 1500);
    assert_int_equal(c->passed, 0);
    pass_ms(c, 600);
    assert_string_equal(c->order, "1");
    pass_ms(c, 1000);
    assert_string_equal(c->order, "12");
    assert_in_range(loop_turns(c->loop)->lost_us, 3590u * 1000 * 1000, 3600u * 1000 * 1000);
}

/* A deadline was almost over when podop was stopped: what arrived meanwhile is read first. */
static void test_judged_after_what_came_is_read(void **state)
{
    struct case_of *c = *state;

    turn(c);
    deadline_start_in(&c->one, c->loop, 1);
    set_forward_s += 10;
    turn(c);
    turn(c);
    turn(c);
    assert_int_equal(c->passed, 0);
    pass_ms(c, TURN_CATCH_UP_MS);
    assert_string_equal(c->order, "1");
}

static void on_readable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct case_of *c = w->data;
    char byte;

    (void)revents;
    assert_int_equal(read(w->fd, &byte, 1), 1);
    note(c, byte);
    ev_io_stop(loop, w);
    ev_feed_event(loop, &c->last, EV_CUSTOM);
}

/* A deadline passes after everything that has arrived is read, and after the events that follow
 * from that. */
static void test_comes_after_all_that_is_pending(void **state)
{
    struct case_of *c = *state;
    int fds[2];
    ev_io io;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "r", 1), 1);
    ev_io_init(&io, on_readable, fds[0], EV_READ);
    io.data = c;
    turn(c);
    ev_io_start(c->loop, &io);
    deadline_start_in(&c->one, c->loop, 0);
    turn(c);
    assert_string_equal(c->order, "rL1");
    close(fds[0]);
    close(fds[1]);
}

static void on_one_feeds(void *arg)
{
    struct case_of *c = arg;

    note(c, '1');
    ev_feed_event(c->loop, &c->last, EV_CUSTOM);
}

/* A watcher that a deadline feeds is called before the loop waits. */
static void test_what_it_feeds_is_called(void **state)
{
    struct case_of *c = *state;

    deadline_init(&c->one, on_one_feeds, c);
    deadline_start_in(&c->one, c->loop, 0);
    turn(c);
    assert_string_equal(c->order, "1L");
}

static void test_end_of_it_needs_no_time(void **state)
{
    struct case_of *c = *state;

    turn(c);
    deadline_start_in(&c->other, c->loop, 100 * 1000);
    deadline_start_in(&c->one, c->loop, 100 * 1000);
    set_forward_s += 10; /* not even the moment of catching up is over */
    deadline_end(&c->one, c->loop);
    turn(c);
    assert_string_equal(c->order, "1");
}

static void on_one_again(void *arg)
{
    struct case_of *c = arg;

    note(c, '1');
    if (c->passed < 3)
        deadline_start_in(&c->one, c->loop, 0);
}

/* A deadline that is started in passed() waits for a turn of the sockets, even if it is due. */
static void test_started_from_within(void **state)
{
    struct case_of *c = *state;

    deadline_init(&c->one, on_one_again, c);
    deadline_start_in(&c->one, c->loop, 0);
    ev_run(c->loop, EVRUN_ONCE);
    assert_string_equal(c->order, "1");
    ev_run(c->loop, EVRUN_ONCE);
    assert_string_equal(c->order, "11");
    ev_run(c->loop, EVRUN_ONCE);
    assert_string_equal(c->order, "111");
}

static void on_one_stops(void *arg)
{
    struct case_of *c = arg;

    note(c, '1');
    deadline_stop(&c->other);
}

static void test_one_stops_another(void **state)
{
    struct case_of *c = *state;

    deadline_init(&c->one, on_one_stops, c);
    turn(c);
    deadline_start_in(&c->one, c->loop, 10);
    deadline_start_in(&c->other, c->loop, 20);
    pass_ms(c, 40);
    assert_string_equal(c->order, "1");
}

struct numbered {
    struct case_of *c;
    uint64_t at_ms;
};

static void on_many(void *arg)
{
    struct numbered *n = arg;

    for (size_t i = 0; i < MANY; i++) {
        if (deadline_is_running(&n->c->many[i]))
            assert_true(n->c->many[i].at_ms >= n->at_ms);
    }
    n->c->passed++;
}

static void test_in_their_order(void **state)
{
    struct case_of *c = *state;
    struct numbered numbers[MANY];
    size_t stopped = 0;

    turn(c);
    for (size_t i = 0; i < MANY; i++) {
        numbers[i] = (struct numbered){c, service_now_ms(c->loop) + i * 7919 % 1009};
        deadline_init(&c->many[i], on_many, &numbers[i]);
        deadline_start(&c->many[i], c->loop, numbers[i].at_ms);
    }
    for (size_t i = 0; i < MANY; i += 3, stopped++)
        deadline_stop(&c->many[i]);
    pass_ms(c, 1100);
    assert_int_equal(c->passed, MANY - stopped);
}

static void on_one_releases(void *arg)
{
    struct case_of *c = arg;

    note(c, '1');
    service_clock_release(c->loop);
}

/* The last user may release the clock in passed(), and the loop goes on without a clock. */
static void test_released_from_within(void **state)
{
    struct case_of *c = *state;

    deadline_init(&c->one, on_one_releases, c);
    deadline_start_in(&c->one, c->loop, 0);
    turn(c);
    assert_string_equal(c->order, "1");
    assert_null(ev_userdata(c->loop));
    turn(c);
    service_clock_hold(c->loop);
}

/* The clock does not keep a loop running that has nothing else to do. */
static void test_loop_may_end(void **state)
{
    struct case_of *c = *state;

    ev_run(c->loop, 0);
    assert_int_equal(c->passed, 0);
}

static void test_two_loops_have_two_clocks(void **state)
{
    struct case_of *c = *state;
    struct ev_loop *second = ev_loop_new(EVFLAG_AUTO);

    service_clock_hold(second);
    turn(c);
    deadline_start_in(&c->one, c->loop, 1000);
    turn(c);
    set_forward_s += 3600;
    turn(c);
    assert_true(loop_turns(c->loop)->lost_us > 0);
    assert_int_equal(loop_turns(second)->lost_us, 0);
    service_clock_release(second);
    ev_loop_destroy(second);
}

static void on_long_work(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
    set_forward_s += 0.7;
}

static void test_turns_are_measured(void **state)
{
    struct case_of *c = *state;
    ev_timer work;

    turn(c);
    turn(c);
    ev_timer_init(&work, on_long_work, 0.0, 0.0);
    ev_timer_start(c->loop, &work);
    ev_run(c->loop, EVRUN_ONCE);
    turn(c); /* it waits, so the one before is over */
    assert_int_equal(loop_turns(c->loop)->count[TURN_BUCKETS - 1], 1);
    assert_in_range(loop_turns(c->loop)->longest_us, 700 * 1000, 60 * 1000 * 1000);
    assert_in_range(loop_turns(c->loop)->lost_us, 650 * 1000, 60 * 1000 * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passes_when_its_time_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stopped_and_moved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loop_wakes_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_was_lost_is_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_judged_after_what_came_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_comes_after_all_that_is_pending, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_it_feeds_is_called, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_end_of_it_needs_no_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_started_from_within, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_stops_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_released_from_within, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loop_may_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_loops_have_two_clocks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_turns_are_measured, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
