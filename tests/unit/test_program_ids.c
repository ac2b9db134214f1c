#include "unit.h"

#include "table/program/program_ids.h"

#include <ev.h>

static struct ev_loop *loop;
static struct program_ids ids;

static void never(void *arg)
{
    (void)arg;
    fail();
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    program_ids_init(&ids, loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

static struct program_id *ask(struct program_request *r)
{
    *r = (struct program_request){.deadline_at_ms = UINT64_MAX / 2};
    deadline_init(&r->deadline, never, r);
    r->id = program_id_new(&ids, r);
    return r->id;
}

static void test_ids_count_from_1(void **state)
{
    struct program_request requests[PROGRAM_ID_SLOTS + 2];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        assert_int_equal(ask(&requests[i])->number, i + 1);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) /* also those that share a slot */
        assert_ptr_equal(program_id_find(&ids, i + 1), requests[i].id);
    assert_null(program_id_find(&ids, ARRAY_LEN(requests) + 1));
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        program_id_free(requests[i].id);
        assert_null(requests[i].id);
        assert_null(program_id_find(&ids, i + 1));
    }
    program_ids_restart(&ids);
    assert_int_equal(ask(&requests[0])->number, 1);
    program_id_free(requests[0].id);
}

static void test_ids_await_and_rest(void **state)
{
    struct program_request r;
    struct program_id *id = ask(&r);

    (void)state;
    assert_int_equal(id->state, ID_IDLE);
    program_id_await(id);
    assert_int_equal(id->state, ID_AWAITED);
    assert_int_equal(ids.awaited_count, 1);
    assert_true(deadline_is_running(&r.deadline));
    program_id_rest(id);
    program_id_rest(id); /* does nothing more */
    assert_int_equal(id->state, ID_IDLE);
    assert_int_equal(ids.awaited_count, 0);
    assert_false(deadline_is_running(&r.deadline));
    program_id_await(id);
    program_id_free(id); /* stops waiting as well */
    assert_int_equal(ids.awaited_count, 0);
    assert_false(deadline_is_running(&r.deadline));
}

static void test_ids_leave(void **state)
{
    struct program_request overdue, abandoned;
    struct program_id *late = ask(&overdue), *cancelled = ask(&abandoned);

    (void)state;
    program_id_await(late);
    program_id_leave(late, ID_OVERDUE);
    program_id_leave(cancelled, ID_ABANDONED);
    assert_null(overdue.id);
    assert_null(abandoned.id);
    assert_ptr_equal(program_id_find(&ids, 1), late); /* an answer may still come */
    assert_ptr_equal(program_id_find(&ids, 2), cancelled);
    assert_int_equal(ids.awaited_count, 0);
    assert_int_equal(ids.overdue_count, 1);
    assert_int_equal(ids.abandoned_count, 1);
    program_ids_forget(&ids);
    assert_null(program_id_find(&ids, 1));
    assert_int_equal(ids.overdue_count, 0);
    assert_int_equal(ids.abandoned_count, 0);
}

/* The newest 1000 abandoned requests are remembered one by one; answers to older ones are ignored.
 */
static void test_ids_ignore_the_oldest_abandoned(void **state)
{
    struct program_request r;

    (void)state;
    for (int i = 0; i < 1000; i++)
        program_id_leave(ask(&r), ID_ABANDONED);
    assert_int_equal(ids.ignore_up_to, 0);
    program_id_leave(ask(&r), ID_ABANDONED);
    program_id_leave(ask(&r), ID_ABANDONED);
    assert_int_equal(ids.ignore_up_to, 2);
    assert_int_equal(ids.abandoned_count, 1000);
    assert_null(program_id_find(&ids, 2));
    assert_non_null(program_id_find(&ids, 3));
    program_ids_forget(&ids);
    program_ids_restart(&ids);
    assert_int_equal(ids.ignore_up_to, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ids_count_from_1, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_await_and_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_leave, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_ignore_the_oldest_abandoned, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
