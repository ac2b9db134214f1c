#include "unit.h"

#include "protocol/control_request.h"

static void test_commands(void **state)
{
    static const struct {
        struct span line;
        enum control_command command;
        const char *name;
    } cases[] = {
        {TEXT("{\"command\":\"stats\"}"), CONTROL_STATS, "stats"},
        {TEXT("{\"command\":\"reload\"}"), CONTROL_RELOAD, "reload"},
        {TEXT("{\"command\":\"explain\"}"), CONTROL_EXPLAIN, "explain"},
        {TEXT(" { \"x\" : 1 , \"command\" : \"flush\" } \r"), CONTROL_FLUSH, "flush"},
        {TEXT("{\"command\":\"Stats\"}"), CONTROL_UNKNOWN, "Stats"},
        {TEXT("{\"command\":\"stat\"}"), CONTROL_UNKNOWN, "stat"},
        {TEXT("{\"command\":\"d\\u0061nce\"}"), CONTROL_UNKNOWN, "dance"},
        {TEXT("{\"command\":\"\"}"), CONTROL_UNKNOWN, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct control_request request;

        control_request_init(&request);
        if (!control_request_parse(&request, cases[i].line) || request.command != cases[i].command)
            fail_msg("case %zu", i);
        assert_string_equal(buf_string(&request.name), cases[i].name);
        assert_false(request.has_key || request.has_user);
        assert_int_equal(request.table.len, 0);
        control_request_deinit(&request);
    }
}

static void test_members(void **state)
{
    struct control_request request;

    (void)state;
    control_request_init(&request);
    assert_true(control_request_parse(
        &request,
        SPAN("{\"command\":\"flush\",\"table\":\"t\",\"key\":\"\",\"user\":\"a\\u0000b\"}")));
    assert_string_equal(buf_string(&request.table), "t");
    assert_true(request.has_key && request.has_user);
    assert_int_equal(request.key.len, 0);
    assert_true(span_equal(buf_span(&request.user), SPAN("a\0b")));
    control_request_deinit(&request);

    control_request_init(&request);
    assert_true(control_request_parse(
        &request, SPAN("{\"command\":\"flush\",\"table\":5,\"key\":null,\"user\":[\"a\"]}")));
    assert_int_equal(request.table.len, 0);
    assert_false(request.has_key || request.has_user);
    control_request_deinit(&request);
}

static void test_bad_lines(void **state)
{
    static const struct span lines[] = {
        TEXT(""),
        TEXT("{}"),
        TEXT("[]"),
        TEXT("\"stats\""),
        TEXT("{\"command\":[\"stats\"]}"),
        TEXT("{\"command\":\"stats\""),
        TEXT("{\"command\":\"stats\"} {}"),
        TEXT("stats"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct control_request request;

        control_request_init(&request);
        if (control_request_parse(&request, lines[i]))
            fail_msg("case %zu", i);
        control_request_deinit(&request);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_bad_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
