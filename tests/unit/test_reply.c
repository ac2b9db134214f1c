/* test_reply.c - the names of statuses and sources, and copies of a reply. */
#include "unit.h"

#include "podop/reply.h"

static void test_reply_names_differ(void **state)
{
    (void)state;
    assert_null(reply_source_name(REPLY_NOT_LOOKED_UP));
    for (enum reply_source a = REPLY_FROM_CACHE; a <= REPLY_SKIPPED; a++) {
        for (enum reply_source b = REPLY_FROM_CACHE; b < a; b++)
            assert_string_not_equal(reply_source_name(a), reply_source_name(b));
    }
    for (enum reply_status a = REPLY_FOUND; a <= REPLY_PERMANENT; a++) {
        for (enum reply_status b = REPLY_FOUND; b < a; b++)
            assert_string_not_equal(reply_status_name(a), reply_status_name(b));
    }
}

/* The bytes of a value that both protocols get are copied once. */
static void test_reply_copy_has_bytes_of_its_own(void **state)
{
    static const struct {
        struct reply reply;
        size_t bytes;
    } cases[] = {
        {{.status = REPLY_FOUND, .map_value = TEXT("a,b"), .dict_value = TEXT("[\"a\",\"b\"]")},
         12},
        {{.status = REPLY_MISS, .reason = TEXT("404"), .http_status = 404}, 3},
        {{.status = REPLY_FOUND, .has_ttl_max = true, .ttl_max_ms = 7}, 0},
    };
    const struct span value = SPAN("value");
    const struct reply one = {.status = REPLY_FOUND, .map_value = value, .dict_value = value};
    char *bytes = NULL;
    struct reply copy;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct reply *reply = &cases[i].reply;

        assert_int_equal(reply_bytes(reply), cases[i].bytes);
        copy = reply_copy(reply, &bytes);
        assert_int_equal(copy.status, reply->status);
        assert_int_equal(copy.http_status, reply->http_status);
        assert_int_equal(copy.ttl_max_ms, reply->ttl_max_ms);
        assert_true(span_equal(copy.map_value, reply->map_value));
        assert_true(span_equal(copy.dict_value, reply->dict_value));
        assert_true(span_equal(copy.reason, reply->reason));
        assert_true(copy.map_value.len == 0 || copy.map_value.ptr != reply->map_value.ptr);
    }
    assert_int_equal(reply_bytes(&one), value.len);
    copy = reply_copy(&one, &bytes);
    assert_ptr_equal(copy.map_value.ptr, copy.dict_value.ptr);
    copy = reply_copy(&copy, &bytes); /* copies a reply whose bytes are in *bytes */
    assert_true(span_equal(copy.dict_value, value));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_names_differ),
        cmocka_unit_test(test_reply_copy_has_bytes_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
