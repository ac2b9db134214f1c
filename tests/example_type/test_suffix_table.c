#include "loop_case.h"

#include "podop/deadline.h"
#include "podop/table.h"

#include <ev.h>

struct suffix_settings {
    uint32_t delay_ms;
};

static struct table *open_suffix(uint32_t delay_ms, uint32_t timeout_ms)
{
    static char name[] = "t", type[] = "suffix", param[] = "@example.org";
    static struct log log;
    struct suffix_settings settings = {delay_ms};
    const struct table_config config = {.name = name,
                                        .type = type,
                                        .param = param,
                                        .timeout_ms = timeout_ms,
                                        .settings = &settings};
    const struct table_env env = {.loop = loop, .log = &log};
    struct error err = {0};
    struct table *t = table_open(&config, &env, &err);

    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static void assert_value(const struct reply *reply, const char *value)
{
    assert_int_equal(reply->status, REPLY_FOUND);
    assert_true(span_equal(reply->map_value, span_of(value)));
    assert_true(span_equal(reply->dict_value, span_of(value)));
}

static const struct table_key key = {.key = TEXT("bob")};

static void test_suffix_answers_at_once(void **state)
{
    struct table *t = open_suffix(0, 1000);
    struct reply known;

    (void)state;
    assert_null(table_lookup(t, &key, &known)); /* it does not wait */
    assert_value(&known, "bob@example.org");
    table_unref(&t);
}

static void on_value(void *arg, const struct reply *reply)
{
    unsigned *answers = arg;

    assert_value(reply, "bob@example.org");
    ++*answers;
}

static void test_suffix_answers_after_a_delay(void **state)
{
    struct table *t = open_suffix(1, 60000);
    struct reply known;
    struct table_op *op = table_lookup(t, &key, &known);
    unsigned answers = 0;

    (void)state;
    assert_non_null(op);
    table_op_wait(op, on_value, &answers);
    while (answers == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(answers, 1);
    table_unref(&t);
}

static void on_timeout(void *arg, const struct reply *reply)
{
    unsigned *answers = arg;

    assert_int_equal(reply->status, REPLY_TIMEOUT);
    assert_true(span_equal(reply->reason, SPAN("table t: the delay is too long")));
    ++*answers;
}

static void test_suffix_ends_in_time(void **state)
{
    struct table *t = open_suffix(60000, 1);
    struct reply known;
    struct table_op *op = table_lookup(t, &key, &known);
    unsigned answers = 0;

    (void)state;
    assert_non_null(op);
    table_op_wait(op, on_timeout, &answers);
    while (answers == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(answers, 1);
    table_unref(&t);
}

static void never(void *arg, const struct reply *reply)
{
    (void)arg;
    (void)reply;
    fail();
}

/* Nothing of it is left: the sanitizers and the service clock look. */
static void test_suffix_cancelled(void **state)
{
    struct table *t = open_suffix(60000, 60000);
    struct reply known;
    struct table_op *op = table_lookup(t, &key, &known);

    (void)state;
    assert_non_null(op);
    table_op_wait(op, never, NULL);
    table_op_cancel(&op);
    ev_run(loop, EVRUN_NOWAIT);
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_suffix_answers_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suffix_answers_after_a_delay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suffix_ends_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_suffix_cancelled, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
