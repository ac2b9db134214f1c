/* test_fetch.c - one question to a type, and the lookups that wait for its answer. */
#include "lookup_case.h"

static void test_fetch_hands_down_key_and_deadline(void **state)
{
    static const struct table_key keys[] = {
        {.key = TEXT("a\0b ")},
        {.key = {NULL, 0}},
        {.key = TEXT("k"), .user = TEXT("u"), .is_private = true},
        {.key = TEXT(""), .user = {NULL, 0}, .is_private = true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint64_t before_ms = clock_coarse_ms();
        struct caller c = {0};
        const struct fetch *fetch;

        ask_key(&c, fake.table, &keys[i]);
        fetch = fake.waiting[0];
        assert_true(span_equal(fetch->key.key, keys[i].key));
        assert_true(span_equal(fetch->key.user, keys[i].user));
        assert_int_equal(fetch->key.is_private, keys[i].is_private);
        assert_in_range(fetch->deadline_at_ms, before_ms + 5000, clock_now_ms() + 5000);
        table_op_cancel(&c.op);
    }
}

static void test_fetch_cancel_before_the_answer(void **state)
{
    struct caller callers[3] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    table_op_cancel(&callers[1].op);
    assert_null(callers[1].op);
    assert_int_equal(fake.cancelled, 1);
    assert_int_equal(fake.waiting_count, 2);
    table_op_cancel(&callers[1].op); /* NULL is fine */
    fake_table_answer(&fake, 1, &(struct reply){.status = REPLY_MISS});
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    assert_int_equal(callers[0].answers, 1);
    assert_int_equal(callers[1].answers, 0);
    assert_int_equal(callers[2].answers, 1);
}

static void then_cancel(struct caller *c)
{
    struct caller *other = c->then_arg;

    table_op_cancel(&other->op);
}

static void test_fetch_cancel_another_from_done(void **state)
{
    struct caller a = {.then = then_cancel}, b = {.then = then_cancel};

    (void)state;
    a.then_arg = &b;
    b.then_arg = &a;
    ask(&a, fake.table, "key");
    ask(&b, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    assert_int_equal(a.answers, 1);
    assert_int_equal(b.answers, 0);
    assert_null(a.op);
    assert_null(b.op);
    assert_int_equal(fake.cancelled, 1);
}

static void test_fetch_shared_oldest_first(void **state)
{
    struct caller callers[4] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    table_op_cancel(&callers[3].op);
    ask(&callers[3], fake.table, "key");
    table_op_cancel(&callers[1].op);
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    assert_int_equal(callers[0].turn, 0);
    assert_int_equal(callers[2].turn, 1);
    assert_int_equal(callers[3].turn, 2);
    assert_int_equal(answered, 3);
}

static void test_fetch_shared_keeps_keys_apart(void **state)
{
    struct caller callers[ARRAY_LEN(alike)] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        ask_key(&callers[i], fake.table, &alike[i]);
    assert_int_equal(fake.started, ARRAY_LEN(alike));
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        assert_int_equal(callers[i].answers, 1);
}

static void test_fetch_shared_answers_all(void **state)
{
    const struct reply reply = fake_found(SPAN("value"));
    struct caller callers[5] = {{0}}, late = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    assert_int_equal(fake.started, 1);
    table_op_cancel(&callers[0].op); /* the others go on waiting */
    table_op_cancel(&callers[3].op);
    assert_int_equal(fake.cancelled, 0);
    fake_table_answer(&fake, 0, &reply);
    run();
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        if (i == 0 || i == 3)
            assert_int_equal(callers[i].answers, 0);
        else
            assert_found(&callers[i], "value");
    }
    ask(&late, fake.table, "key"); /* there is no cache */
    assert_int_equal(fake.started, 2);
    fake_table_answer(&fake, 0, &reply);
    assert_found(&late, "value");
}

static void test_fetch_shared_all_cancelled(void **state)
{
    const struct reply reply = fake_found(SPAN("value"));
    struct caller callers[3] = {{0}}, late = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        assert_int_equal(fake.cancelled, 0);
        table_op_cancel(&callers[i].op);
    }
    assert_int_equal(fake.cancelled, 1); /* no lookup waits any more */
    ask(&late, fake.table, "key");
    assert_int_equal(fake.started, 2);
    fake_table_answer(&fake, 0, &reply);
    assert_found(&late, "value");
}

static void test_fetch_shared_cancel_from_done(void **state)
{
    (void)state;
    for (size_t waiting = 2; waiting <= 4; waiting++) {
        struct caller callers[4] = {{0}};
        unsigned answers = 0;

        for (size_t i = 0; i < waiting; i++) { /* each cancels its neighbour */
            callers[i].then = then_cancel;
            callers[i].then_arg = &callers[(i + 1) % waiting];
            ask(&callers[i], fake.table, "key");
        }
        fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
        run();
        for (size_t i = 0; i < waiting; i++) {
            assert_null(callers[i].op);
            assert_true(callers[i].answers <= 1);
            answers += callers[i].answers;
        }
        assert_in_range(answers, 1, waiting - 1);
    }
    assert_int_equal(fake.cancelled, 0);
    assert_int_equal(fake.started, 3);
}

static void then_ask_again(struct caller *c)
{
    ask(c->then_arg, fake.table, "key");
}

/* A lookup that begins while the answer is delivered does not join, because the answer is older. */
static void test_fetch_shared_ask_from_done(void **state)
{
    struct caller late = {0};
    struct caller callers[3] = {{.then = then_ask_again, .then_arg = &late}, {0}, {0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        assert_int_equal(callers[i].answers, 1);
    assert_int_equal(late.answers, 0);
    assert_int_equal(fake.started, 2);
    assert_int_equal(fake.waiting_count, 1);
    table_op_cancel(&late.op);
    assert_int_equal(fake.cancelled, 1);
}

/* A stale answer replaces a failure, never an answer. */
static void test_fetch_stale(void **state)
{
    static const struct {
        struct reply reply;
        bool is_hidden;
    } cases[] = {
        {{.status = REPLY_TEMPORARY, .reason = TEXT("down")}, true},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("late")}, true},
        {{.status = REPLY_PERMANENT, .reason = TEXT("never")}, false},
        {{.status = REPLY_MISS}, false},
        {{.status = REPLY_FOUND, .map_value = TEXT("new"), .dict_value = TEXT("new")}, false},
    };
    const struct reply old = fake_found(SPAN("old"));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller first = {0}, again = {0};
        struct caller callers[3] = {{0}, {.then = then_ask, .then_arg = &again}, {0}};

        wait_until_stale(); /* the entry of the case before */
        ask(&first, fake.table, "key");
        fake_table_answer(&fake, 0, &old);
        wait_until_stale();
        for (size_t j = 0; j < ARRAY_LEN(callers); j++)
            ask(&callers[j], fake.table, "key"); /* fetches although there is a stale answer */
        assert_int_equal(fake.waiting_count, 1);
        fake_table_answer(
            &fake, 0, &cases[i].reply); /* the lookup of then_ask() evicts the entry meanwhile */
        run();
        for (size_t j = 0; j < ARRAY_LEN(callers); j++) {
            if (cases[i].is_hidden)
                assert_found(&callers[j], "old");
            assert_int_equal(callers[j].answers, 1);
            assert_int_equal(callers[j].status,
                             cases[i].is_hidden ? REPLY_FOUND : cases[i].reply.status);
        }
        assert_found(&again, "now");
    }
}

static bool fails_at_once(struct span key, struct reply *reply)
{
    (void)key;
    *reply = (struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("down"), .http_status = 503};
    return true;
}

static void test_fetch_stale_at_once(void **state)
{
    const struct reply old = fake_found(SPAN("old"));
    struct caller first = {0}, second = {0}, other = {0};

    (void)state;
    ask(&first, fake.table, "key");
    fake_table_answer(&fake, 0, &old);
    wait_until_stale();
    fake.answers_at_once = fails_at_once;
    ask(&second, fake.table, "key");
    assert_found(&second, "old");
    assert_int_equal(second.source, REPLY_STALE);
    assert_int_equal(second.http_status, 503);
    ask(&other, fake.table, "other");
    assert_int_equal(other.status, REPLY_TEMPORARY);
    assert_string_equal(other.reason, "down");
}

/* A miss is never stale: in an outage it would make Postfix reject mail. */
static void test_fetch_stale_miss_is_forgotten(void **state)
{
    struct caller first = {0}, second = {0};

    (void)state;
    ask(&first, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    wait_until_stale();
    ask(&second, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("down")});
    assert_int_equal(second.status, REPLY_TEMPORARY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_fetch_hands_down_key_and_deadline, setup_plain),
        WITH(test_fetch_cancel_before_the_answer, setup_plain),
        WITH(test_fetch_cancel_another_from_done, setup_plain),
        WITH(test_fetch_shared_keeps_keys_apart, setup_shared),
        WITH(test_fetch_shared_answers_all, setup_shared),
        WITH(test_fetch_shared_oldest_first, setup_shared),
        WITH(test_fetch_shared_all_cancelled, setup_shared),
        WITH(test_fetch_shared_cancel_from_done, setup_shared),
        WITH(test_fetch_shared_ask_from_done, setup_shared),
        WITH(test_fetch_stale, setup_stale),
        WITH(test_fetch_stale_at_once, setup_stale),
        WITH(test_fetch_stale_miss_is_forgotten, setup_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
