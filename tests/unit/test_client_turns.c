#include "unit.h"

#include "server/client_turns.h"

enum { CLIENTS = 4, HUGE_COST = 1024 * 1024 };

static struct ev_loop *loop;
static struct client_turns turns;
static struct client_turn clients[CLIENTS];
static unsigned served[CLIENTS];
static size_t cost_of_serving;

static void serve(void *arg)
{
    struct client_turn *client;

    (void)arg;
    client_turns_begin(&turns);
    while ((client = client_turns_take(&turns)) != NULL) {
        served[client - clients]++;
        turns.cost += cost_of_serving;
    }
    client_turns_end(&turns);
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    client_turns_init(&turns, loop, serve, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        client_turns_join(&turns, &clients[i]);
    memset(served, 0, sizeof(served));
    cost_of_serving = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    client_turns_deinit(&turns);
    ev_loop_destroy(loop);
    return 0;
}

static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

static void test_a_woken_client_is_served_once(void **state)
{
    (void)state;
    client_turns_wake(&turns, &clients[0]);
    client_turns_wake(&turns, &clients[0]);
    assert_int_equal(served[0], 0); /* not at once */
    turn();
    turn();
    assert_int_equal(served[0], 1);
    assert_int_equal(served[1], 0);
}

static void test_a_client_that_left_is_not_served(void **state)
{
    (void)state;
    client_turns_wake(&turns, &clients[0]);
    client_turns_wake(&turns, &clients[1]);
    client_turns_leave(&clients[0]);
    turn();
    assert_int_equal(served[0], 0);
    assert_int_equal(served[1], 1);
}

/* After a client that costs a whole turn, the others are served in the next turn, in their order.
 */
static void test_an_expensive_client_ends_the_turn(void **state)
{
    (void)state;
    cost_of_serving = HUGE_COST;
    for (size_t i = 0; i < 3; i++)
        client_turns_wake(&turns, &clients[i]);
    serve(NULL);
    assert_int_equal(served[0], 1);
    assert_int_equal(served[1], 0);
    assert_true(ev_is_active(&turns.next_turn));
    while (served[2] == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(served[0] + served[1] + served[2], 3);
}

/* After a turn that was cut, each client is read once before any is read again. */
static void test_a_cut_round_reads_each_client_once(void **state)
{
    (void)state;
    assert_true(client_turns_may_read(&turns, &clients[0]));
    assert_true(client_turns_may_read(
        &turns, &clients[0])); /* no turn was cut: it may read as often as it sends */
    turns.cost += HUGE_COST;
    assert_false(client_turns_may_read(&turns, &clients[1]));
    serve(NULL); /* ends the turn */
    assert_false(client_turns_may_read(&turns, &clients[0]));
    assert_true(client_turns_may_read(&turns, &clients[1]));
    assert_false(client_turns_may_read(&turns, &clients[1]));
    assert_true(client_turns_may_read(&turns, &clients[2]));
    serve(NULL); /* nothing was cut: the round is over */
    assert_true(client_turns_may_read(&turns, &clients[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_woken_client_is_served_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_left_is_not_served, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_expensive_client_ends_the_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_cut_round_reads_each_client_once, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
