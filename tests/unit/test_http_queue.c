#include "unit.h"

#include "backend/http/http_queue.h"

/* A turn that appends its events, with its name, to the text below. */
struct noted {
    struct http_turn turn;
    char name;
    bool is_unwanted, is_unread;
};

static struct pool_config pool;
static struct http_queue queue;
static char events[64]; /* "+a": a has begun, "-a": refused, "!a": has to give up its place */

static struct noted *noted_of(struct http_turn *turn)
{
    return CONTAINER_OF(turn, struct noted, turn);
}

static void note(char what, struct http_turn *turn)
{
    const size_t len = strlen(events);

    snprintf(events + len, sizeof(events) - len, "%c%c", what, noted_of(turn)->name);
}

static bool on_is_wanted(struct http_turn *turn)
{
    return !noted_of(turn)->is_unwanted;
}

static void on_begin(struct http_turn *turn)
{
    assert_int_equal(turn->state, HTTP_TURN_IN_FLIGHT);
    note('+', turn);
}

static void on_refuse(struct http_turn *turn)
{
    assert_int_equal(turn->state, HTTP_TURN_ENDED);
    note('-', turn);
}

static bool on_is_unread(struct http_turn *turn)
{
    return noted_of(turn)->is_unread;
}

static void on_give_up(struct http_turn *turn)
{
    note('!', turn);
}

static const struct http_turn_events turn_events = {on_is_wanted, on_begin, on_refuse, on_is_unread,
                                                    on_give_up};

static struct noted turn_of(char name)
{
    return (struct noted){.turn = {.events = &turn_events}, .name = name};
}

static int setup(void **state)
{
    (void)state;
    pool = (struct pool_config){.max_connections = 2, .max_waiting = 3};
    http_queue_init(&queue, &pool);
    events[0] = '\0';
    return 0;
}

static void end(struct noted *n)
{
    http_turn_end(&n->turn);
    http_queue_run(&queue);
}

static void test_order(void **state)
{
    struct noted turns[5];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        turns[i] = turn_of((char)('a' + i));
        assert_true(http_turn_start(&turns[i].turn, &queue));
    }
    assert_string_equal(events, "+a+b");
    assert_int_equal(queue.in_flight, 2);
    assert_int_equal(queue.waiting_count, 3);
    assert_true(http_turn_end(&turns[1].turn));
    assert_string_equal(events, "+a+b"); /* not before http_queue_run() */
    http_queue_run(&queue);
    assert_string_equal(events, "+a+b+c");
    assert_false(http_turn_end(&turns[3].turn)); /* it waited */
    end(&turns[0]);
    assert_string_equal(events, "+a+b+c+e");
    end(&turns[2]);
    end(&turns[4]);
    assert_int_equal(queue.in_flight, 0);
    assert_int_equal(queue.waiting_count, 0);
    assert_false(http_turn_end(&turns[4].turn)); /* it has ended already */
}

static void test_max_waiting(void **state)
{
    struct noted turns[6];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        turns[i] = turn_of((char)('a' + i));
        assert_int_equal(http_turn_start(&turns[i].turn, &queue), i < 5);
    }
    assert_int_equal(turns[5].turn.state, HTTP_TURN_ENDED);
    http_turn_end(&turns[4].turn);
    assert_true(http_turn_start(&turns[5].turn, &queue));
}

static void test_unwanted(void **state)
{
    struct noted a = turn_of('a'), b = turn_of('b'), c = turn_of('c'), d = turn_of('d');

    (void)state;
    c.is_unwanted = true;
    http_turn_start(&a.turn, &queue);
    http_turn_start(&b.turn, &queue);
    http_turn_start(&c.turn, &queue);
    http_turn_start(&d.turn, &queue);
    end(&a);
    assert_string_equal(events, "+a+b-c+d");
    assert_int_equal(queue.in_flight, 2);
}

/* A turn that begins at once is not asked whether it is wanted. */
static void test_wanted_at_once(void **state)
{
    struct noted a = turn_of('a');

    (void)state;
    a.is_unwanted = true;
    http_turn_start(&a.turn, &queue);
    assert_string_equal(events, "+a");
}

static void test_larger_pool(void **state)
{
    struct noted turns[5];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        turns[i] = turn_of((char)('a' + i));
        http_turn_start(&turns[i].turn, &queue);
    }
    pool.max_connections = 4;
    http_queue_run(&queue);
    assert_string_equal(events, "+a+b+c+d");
    pool.max_connections = 1; /* does not end what is in flight */
    http_queue_run(&queue);
    assert_int_equal(queue.in_flight, 4);
}

/* The stream that has been blocked the longest gives up its place when another call waits. */
static void test_give_up(void **state)
{
    struct noted a = turn_of('a'), b = turn_of('b'), c = turn_of('c');

    (void)state;
    a.is_unread = b.is_unread = true;
    http_turn_start(&a.turn, &queue);
    http_turn_start(&b.turn, &queue);
    assert_true(http_turn_block(&b.turn));
    assert_false(http_turn_block(&b.turn));
    assert_true(http_turn_block(&a.turn));
    http_turn_let_give_up(&a.turn);
    http_turn_let_give_up(&b.turn);
    assert_string_equal(events, "+a+b"); /* no other call waits */
    http_turn_start(&c.turn, &queue);
    assert_string_equal(events, "+a+b!b");
    end(&b);
    assert_string_equal(events, "+a+b!b+c");
}

static void test_give_up_later(void **state)
{
    struct noted a = turn_of('a'), b = turn_of('b'), c = turn_of('c');

    (void)state;
    http_turn_start(&a.turn, &queue);
    http_turn_start(&b.turn, &queue);
    http_turn_start(&c.turn, &queue);
    a.is_unread = true;
    http_turn_block(&a.turn);
    assert_string_equal(events, "+a+b"); /* it has not been blocked for long */
    http_turn_let_give_up(&a.turn);
    assert_string_equal(events, "+a+b!a");
    http_turn_unblock(&a.turn);
    events[0] = '\0';
    http_turn_block(&a.turn);
    http_queue_run(&queue);
    assert_string_equal(events, ""); /* nor the second time */
    b.is_unread = false;
    http_turn_block(&b.turn);
    http_turn_let_give_up(&b.turn);
    assert_string_equal(events, ""); /* its reader does not wait for a client */
}

#define QUEUE_TEST(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUEUE_TEST(test_order),          QUEUE_TEST(test_max_waiting), QUEUE_TEST(test_unwanted),
        QUEUE_TEST(test_wanted_at_once), QUEUE_TEST(test_larger_pool), QUEUE_TEST(test_give_up),
        QUEUE_TEST(test_give_up_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
