#include "unit.h"

#include "podop/coprocess.h"
#include "podop/table.h"

#include "table/program/program_set.h"
#include "table/program/program_table.h"

#include <ev.h>

static struct ev_loop *loop;
static struct coprocesses *coprocesses;
static struct log quiet;

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    coprocesses = coprocesses_new(loop, &quiet);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coprocesses_free(&coprocesses);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

/* One request, and how it ended. */
struct asker {
    struct program_request request;
    unsigned answers, failures;
    bool has_more;
    enum program_status status;
    enum program_failure failure;
    char text[300];
};

static struct asker *asker_of(struct program_request *r)
{
    return CONTAINER_OF(r, struct asker, request);
}

static void add_line(struct program_request *r, uint64_t id, struct buf *out)
{
    (void)r;
    program_add_word(out, id, "t", "word");
}

static void on_answer(struct program_request *r, const struct program_answer *answer)
{
    struct asker *a = asker_of(r);

    a->answers++;
    a->status = answer->status;
    a->has_more = answer->has_more;
}

static void on_failure(struct program_request *r, enum program_failure failure, struct span reason)
{
    struct asker *a = asker_of(r);

    a->failures++;
    a->failure = failure;
    snprintf(a->text, sizeof(a->text), "%.*s", (int)reason.len, reason.ptr);
}

static const struct program_request_ops once = {
    .add = add_line, .answered = on_answer, .failed = on_failure};
static const struct program_request_ops again = {
    .may_ask_again = true, .add = add_line, .answered = on_answer, .failed = on_failure};
static const struct program_request_ops in_parts = {
    .has_parts = true, .add = add_line, .answered = on_answer, .failed = on_failure};

/* A table whose processes run this line of sh. */
static struct table *open_script(const char *script, uint32_t processes)
{
    static char name[] = "t", type[] = "program";
    char param[500];
    struct program_settings settings = {.processes = processes, .max_response = 1000};
    const struct table_config config = {
        .name = name, .type = type, .param = param, .timeout_ms = 60000, .settings = &settings};
    const struct table_env env = {.loop = loop, .coprocesses = coprocesses, .log = &quiet};
    struct error err = {0};
    struct table *t;

    snprintf(param, sizeof(param), "/bin/sh -c '%s'", script);
    t = table_open(&config, &env, &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    table_activate(t);
    return t;
}

/* Runs the loop until the condition is true. Pending events are handled before the loop waits. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run(loop, flags);                                                                   \
    } while (0)

/* Sends a request as soon as the processes run. */
static void ask(struct asker *a, struct table *t, const struct program_request_ops *ops)
{
    const char *reason;

    *a = (struct asker){.request = {.ops = ops, .deadline_at_ms = table_now_ms(t) + 60000}};
    WAIT_UNTIL(program_ask(program_set_of(t), &a->request, &reason));
    assert_true(program_is_awaited(&a->request));
    assert_true(program_pid(&a->request) > 0);
}

static void wait_end(const struct asker *a)
{
    WAIT_UNTIL(a->answers + a->failures > 0);
}

#define ECHO                                                                                       \
    "i=0; while read -r line; do i=$((i+1)); echo \"{\\\"id\\\": $i, \\\"status\\\": "             \
    "\\\"ok\\\"}\"; done"

static void test_set_answers(void **state)
{
    struct table *t = open_script(ECHO, 1);
    struct asker a, b;

    (void)state;
    ask(&a, t, &once);
    ask(&b, t, &once);
    wait_end(&a);
    wait_end(&b);
    assert_int_equal(a.answers + b.answers, 2);
    assert_int_equal(a.status, PROGRAM_OK);
    assert_int_equal(program_pid(&a.request), 0);
    program_abandon(&a.request, NULL); /* nothing is left to abandon */
    table_unref(&t);
}

static void test_set_is_asked_before_it_runs(void **state)
{
    struct table *t = open_script(ECHO, 1);
    struct asker a = {.request = {.ops = &once}};
    const char *reason = NULL;

    (void)state;
    assert_false(program_ask(program_set_of(t), &a.request, &reason));
    assert_string_equal(reason, "the program is not started yet");
    assert_int_equal(a.failures, 0);
    table_unref(&t);
}

static void test_set_death_fails_its_requests(void **state)
{
    struct table *t = open_script("read -r line; exit 3", 1);
    struct asker a;

    (void)state;
    ask(&a, t, &once);
    wait_end(&a);
    assert_int_equal(a.failures, 1);
    assert_int_equal(a.failure, PROGRAM_DIED);
    assert_non_null(strstr(a.text, "status 3"));
    table_unref(&t);
}

/* A request that may be repeated is sent to the other process, and fails when that dies, too. */
static void test_set_asks_again_once(void **state)
{
    struct table *t = open_script("read -r line; exit 3", 2);
    struct asker a;

    (void)state;
    ask(&a, t, &again);
    wait_end(&a);
    assert_int_equal(a.failures, 1);
    assert_true(a.request.is_second);
    table_unref(&t);
}

static void test_set_answer_in_parts(void **state)
{
    struct table *t =
        open_script("read -r line; echo \"{\\\"id\\\": 1, \\\"status\\\": \\\"ok\\\", "
                    "\\\"more\\\": true}\"; read -r line; "
                    "echo \"{\\\"id\\\": 1, \\\"status\\\": \\\"miss\\\"}\"; cat",
                    1);
    struct asker a;

    (void)state;
    ask(&a, t, &in_parts);
    wait_end(&a);
    assert_true(a.has_more);
    assert_false(program_is_awaited(&a.request));
    assert_true(program_ask_more(&a.request));
    assert_true(program_is_awaited(&a.request));
    WAIT_UNTIL(a.answers + a.failures == 2);
    assert_int_equal(a.status, PROGRAM_MISS);
    assert_false(program_ask_more(&a.request)); /* it has ended */
    table_unref(&t);
}

/* The answer to an abandoned request is ignored, and the process goes on. */
static void test_set_abandon(void **state)
{
    struct table *t = open_script(ECHO, 1);
    struct asker a, b;

    (void)state;
    ask(&a, t, &once);
    program_abandon(&a.request, NULL);
    assert_false(program_is_awaited(&a.request));
    ask(&b, t, &once);
    wait_end(&b);
    assert_int_equal(b.answers, 1);
    assert_int_equal(a.answers + a.failures, 0);
    table_unref(&t);
}

static void test_set_keys(void **state)
{
    static const struct table_key keys[] = {
        {.key = TEXT("a")},
        {.key = TEXT("b")},
        {.key = TEXT("a"), .user = TEXT("u"), .is_private = true},
        {.key = TEXT("a"), .user = TEXT("v"), .is_private = true},
    };
    struct table *t = open_script(ECHO, 1);
    const struct program_set *s = program_set_of(t);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_true(program_key(s, &keys[i]) != 0);
        for (size_t j = 0; j < ARRAY_LEN(keys); j++)
            assert_int_equal(program_key(s, &keys[i]) == program_key(s, &keys[j]), i == j);
    }
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_set_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_is_asked_before_it_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_death_fails_its_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_asks_again_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_answer_in_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_abandon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_keys, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
