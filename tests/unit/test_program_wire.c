#include "unit.h"

#include "table/program/program_wire.h"

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&out);
    return 0;
}

static void assert_line(const char *expected)
{
    struct error err = {0};

    assert_string_equal(buf_string(&out), expected);
    assert_int_equal(json_check(buf_span(&out), &err), 0);
    buf_clear(&out);
}

static void test_get(void **state)
{
    const struct table_key mine = {.key = SPAN("a\"\0b"), .user = SPAN("bob"), .is_private = true};

    (void)state;
    program_add_get(&out, 1, "t", &(struct table_key){.key = SPAN("a b")});
    assert_line("{\"id\": 1, \"op\": \"get\", \"table\": \"t\", \"key\": \"a b\"}\n");
    program_add_get(&out, 7, "t", &mine);
    assert_line("{\"id\": 7, \"op\": \"get\", \"table\": \"t\", \"key\": \"a\\\"\\u0000b\", "
                "\"user\": \"bob\", \"private\": true}\n");
}

static void test_commit(void **state)
{
    struct transaction *t = transaction_new(SPAN("bob"));
    struct change change = {.kind = CHANGE_SET, .key = {.key = SPAN("a")}, .value = SPAN("1\n")};

    (void)state;
    t->expire_s = 60;
    t->has_timestamp = true;
    t->timestamp_s = 1700000000;
    transaction_add(t, &change);
    program_add_commit(&out, 2, "t", t);
    assert_line(
        "{\"id\": 2, \"op\": \"set\", \"table\": \"t\", \"key\": \"a\", \"value\": \"1\\n\", "
        "\"expire\": 60, \"timestamp\": 1700000000}\n");
    t->expire_s = 0;
    t->timestamp_ns = 5;
    change = (struct change){.kind = CHANGE_UNSET, .key = {.key = SPAN("b")}};
    transaction_add(t, &change);
    change.kind = CHANGE_INCREMENT;
    change.increment = INT64_MIN;
    transaction_add(t, &change);
    program_add_commit(&out, 3, "t", t);
    assert_line("{\"id\": 3, \"op\": \"commit\", \"table\": \"t\", \"changes\": ["
                "{\"op\": \"set\", \"key\": \"a\", \"value\": \"1\\n\", "
                "\"timestamp\": 1700000000.000000005}, "
                "{\"op\": \"unset\", \"key\": \"b\"}, "
                "{\"op\": \"inc\", \"key\": \"b\", \"by\": -9223372036854775808}]}\n");
    transaction_free(&t);
}

static void test_iterate(void **state)
{
    (void)state;
    program_add_iterate(&out, 4, "t", &(struct table_key){.key = SPAN("a/")},
                        &(struct iterate_options){.recurse = true, .max_rows = 9});
    assert_line("{\"id\": 4, \"op\": \"iterate\", \"table\": \"t\", \"key\": \"a/\", "
                "\"recurse\": true, \"values\": true, \"limit\": 9}\n");
    program_add_word(&out, 4, "t", "more");
    assert_line("{\"id\": 4, \"op\": \"more\", \"table\": \"t\"}\n");
}

static void test_answers(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "1",
        "[]",
        "{}",
        "{\"id\": 1}",
        "{\"status\": \"ok\"}",
        "{\"id\": 0, \"status\": \"ok\"}",
        "{\"id\": -1, \"status\": \"ok\"}",
        "{\"id\": 1.0, \"status\": \"ok\"}",
        "{\"id\": 1e3, \"status\": \"ok\"}",
        "{\"id\": \"1\", \"status\": \"ok\"}",
        "{\"id\": 1234567890123456789, \"status\": \"ok\"}",
        "{\"id\": 1, \"status\": \"OK\"}",
        "{\"id\": 1, \"status\": null}",
        "{\"id\": 1, \"status\": \"ok\", \"status\": \"ok\"}",
        "{\"id\": 1, \"status\": \"temporary\", \"reason\": null}",
        "{\"id\": 1, \"status\": \"ok\", \"more\": 1}",
        "{\"id\": 1, \"status\": \"ok\"} {}",
    };
    struct program_answer answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};

        if (program_answer_parse(span_of(bad[i]), &answer, &err) == 0)
            fail_msg("%s is taken", bad[i]);
        assert_int_equal(err.kind, ERR_INPUT);
    }
}

static void test_answer(void **state)
{
    struct program_answer answer;
    struct error err = {0};

    (void)state;
    assert_int_equal(
        program_answer_parse(SPAN(" {\"x\": {\"id\": 2}, \"value\" : [1, 2] ,\"id\":17,"
                                  "\"status\":\"ok\", \"more\": true}\r"),
                             &answer, &err),
        0);
    assert_int_equal(answer.id, 17);
    assert_int_equal(answer.status, PROGRAM_OK);
    assert_true(answer.has_more);
    assert_true(span_equal(answer.value, SPAN("[1, 2]")));
    assert_null(answer.rows.ptr);
    assert_null(answer.reason.ptr);
    assert_int_equal(program_answer_parse(SPAN("{\"status\": \"permanent\", \"reason\": \"no\", "
                                               "\"id\": 999999999999999999}"),
                                          &answer, &err),
                     0);
    assert_int_equal(answer.status, PROGRAM_PERMANENT);
    assert_true(span_equal(answer.reason, SPAN("\"no\"")));
    assert_false(answer.has_more);
    assert_int_equal(
        program_answer_parse(SPAN("{\"id\": 5, \"status\": \"uncertain\"}"), &answer, &err), 0);
    assert_int_equal(answer.status, PROGRAM_UNCERTAIN);
}

static void test_rows(void **state)
{
    static const char *const bad[] = {
        "[1]", "[[]]", "[[\"a\"]]", "[[1, 2]]", "[[\"a\", 1, 2]]", "[{\"a\": 1}]", "[\"a\"]"};
    struct json_cursor cursor = json_walk(SPAN("[ [\"a\", 1] , [\"b\", null]]"));
    struct span name, value;

    (void)state;
    assert_int_equal(program_next_row(&cursor, &name, &value), 1);
    assert_true(span_equal(name, SPAN("\"a\"")) && span_equal(value, SPAN("1")));
    assert_int_equal(program_next_row(&cursor, &name, &value), 1);
    assert_true(span_equal(name, SPAN("\"b\"")) && span_equal(value, SPAN("null")));
    assert_int_equal(program_next_row(&cursor, &name, &value), 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cursor = json_walk(span_of(bad[i]));
        assert_int_equal(program_next_row(&cursor, &name, &value), -1);
    }
}

static void test_keys_that_a_line_can_hold(void **state)
{
    static const struct {
        struct table_key key;
        bool is_good;
    } cases[] = {
        {{.key = TEXT("")}, true},
        {{.key = TEXT("a\0\xc3\xa4")}, true},
        {{.key = TEXT("\xff")}, false},
        {{.key = TEXT("a"), .user = TEXT("\xff")}, true}, /* its user is not sent */
        {{.key = TEXT("a"), .user = TEXT("u"), .is_private = true}, true},
        {{.key = TEXT("a"), .user = TEXT("\xff"), .is_private = true}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (program_wire_can_hold(&cases[i].key) != cases[i].is_good)
            fail_msg("case %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_iterate, setup, teardown),
        cmocka_unit_test(test_keys_that_a_line_can_hold),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_answer),
        cmocka_unit_test(test_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
