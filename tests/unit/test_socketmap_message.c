#include "unit.h"

#include "podop/netstring.h"

#include "protocol/socketmap_message.h"

static void assert_span(struct span got, struct span expected, size_t n)
{
    if (!span_equal(got, expected))
        fail_msg("case %zu: '%.*s' instead of '%.*s'", n, (int)got.len, got.ptr, (int)expected.len,
                 expected.ptr);
}

static void test_parse_request(void **state)
{
    static const struct {
        struct span payload;
        bool is_good;
        struct span table, key;
    } cases[] = {
        {TEXT("alias a@b"), true, TEXT("alias"), TEXT("a@b")},
        {TEXT("alias "), true, TEXT("alias"), TEXT("")},
        {TEXT("alias  a b "), true, TEXT("alias"), TEXT(" a b ")},
        {TEXT(" "), true, TEXT(""), TEXT("")},
        {TEXT("a \0\n\xff"), true, TEXT("a"), TEXT("\0\n\xff")},
        {TEXT("alias"), false, TEXT(""), TEXT("")},
        {TEXT("alias\ta"), false, TEXT(""), TEXT("")},
        {TEXT(""), false, TEXT(""), TEXT("")},
        {{NULL, 0}, false, TEXT(""), TEXT("")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span table = SPAN(""), key = SPAN("");

        if (socketmap_parse_request(cases[i].payload, &table, &key) != cases[i].is_good)
            fail_msg("case %zu", i);
        assert_span(table, cases[i].table, i);
        assert_span(key, cases[i].key, i);
    }
}

/* What is written parses back to what was asked. */
static void test_add_request(void **state)
{
    static const struct span keys[] = {TEXT(""), TEXT(" "), TEXT("a b"), TEXT("\0,:\xff")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct span payload, table, key;
        struct buf out;
        size_t used;

        buf_init(&out, 100);
        socketmap_add_request(&out, SPAN("alias"), keys[i]);
        assert_int_equal(netstring_parse(buf_span(&out), 50, &payload, &used), PARSE_DONE);
        assert_int_equal(used, out.len);
        assert_true(socketmap_parse_request(payload, &table, &key));
        assert_span(table, SPAN("alias"), i);
        assert_span(key, keys[i], i);
        buf_deinit(&out);
    }
}

static void test_parse_reply(void **state)
{
    static const struct {
        struct span payload;
        bool is_good;
        enum reply_status status;
        struct span text;
    } cases[] = {
        {TEXT("OK a b"), true, REPLY_FOUND, TEXT("a b")},
        {TEXT("OK "), true, REPLY_FOUND, TEXT("")},
        {TEXT("NOTFOUND "), true, REPLY_MISS, TEXT("")},
        {TEXT("NOTFOUND"), true, REPLY_MISS, TEXT("")},
        {TEXT("TEMP it is down"), true, REPLY_TEMPORARY, TEXT("it is down")},
        {TEXT("TIMEOUT it is slow"), true, REPLY_TIMEOUT, TEXT("it is slow")},
        {TEXT("PERM bad request"), true, REPLY_PERMANENT, TEXT("bad request")},
        {TEXT("OK"), false, REPLY_FOUND, TEXT("")},
        {TEXT("ok a"), false, REPLY_FOUND, TEXT("")},
        {TEXT(""), false, REPLY_FOUND, TEXT("")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum reply_status status = REPLY_FOUND;
        struct span text = SPAN("");

        if (socketmap_parse_reply(cases[i].payload, &status, &text) != cases[i].is_good ||
            status != cases[i].status)
            fail_msg("case %zu", i);
        assert_span(text, cases[i].text, i);
    }
}

enum { REPLY_MAX = 20 };

static void test_add_reply(void **state)
{
    static const struct {
        struct reply reply;
        struct span wire;
    } cases[] = {
        {{.status = REPLY_FOUND, .map_value = TEXT("a,b")}, TEXT("6:OK a,b,")},
        {{.status = REPLY_FOUND, .map_value = TEXT("")}, TEXT("9:NOTFOUND ,")},
        {{.status = REPLY_FOUND, .map_value = TEXT("12345678901234567")},
         TEXT("20:OK 12345678901234567,")}, /* REPLY_MAX bytes */
        {{.status = REPLY_FOUND, .map_value = TEXT("123456789012345678")},
         TEXT("53:PERM table t: the value is longer than a reply may be,")},
        {{.status = REPLY_FOUND, .map_value = TEXT("a\0b")},
         TEXT("38:PERM table t: the value has a NUL byte,")},
        {{.status = REPLY_MISS, .reason = TEXT("x")}, TEXT("9:NOTFOUND ,")},
        {{.status = REPLY_TEMPORARY, .reason = TEXT("x")}, TEXT("6:TEMP x,")},
        {{.status = REPLY_UNCERTAIN, .reason = TEXT("x")}, TEXT("6:TEMP x,")},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("x")}, TEXT("9:TIMEOUT x,")},
        {{.status = REPLY_PERMANENT, .reason = TEXT("x")}, TEXT("6:PERM x,")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;

        buf_init(&out, 100);
        socketmap_add_reply(&out, &cases[i].reply, "t", REPLY_MAX);
        assert_span(buf_span(&out), cases[i].wire, i);
        buf_deinit(&out);
    }
}

static void test_reasons_are_cut(void **state)
{
    static char text[SOCKETMAP_REASON_BYTES_MAX + 1];
    const struct reply reply = {.status = REPLY_TEMPORARY, .reason = {text, sizeof(text)}};
    struct span payload;
    struct buf out;
    size_t used;

    (void)state;
    memset(text, 'y', sizeof(text));
    buf_init(&out, 1000);
    socketmap_add_reply(&out, &reply, NULL, 100000);
    assert_int_equal(netstring_parse(buf_span(&out), 1000, &payload, &used), PARSE_DONE);
    assert_int_equal(payload.len, strlen("TEMP ") + SOCKETMAP_REASON_BYTES_MAX);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_request),   cmocka_unit_test(test_add_request),
        cmocka_unit_test(test_parse_reply),     cmocka_unit_test(test_add_reply),
        cmocka_unit_test(test_reasons_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
