#include "unit.h"

#include "podop/buf.h"
#include "podop/json_items.h"

/* Feeds in to items as a stream would, cut at two positions, and writes the items as "name=value;",
 * with '!' for an error and '.' for the end. */
static void walk(struct span in, size_t first_cut, size_t second_cut, struct buf *out)
{
    const size_t ends[] = {first_cut, second_cut, in.len};
    struct json_items items = {.phase = JSON_ITEMS_START};
    struct error err = {0};
    struct buf kept;
    size_t at = 0;

    buf_init(&kept, SIZE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        enum parse parsed;

        buf_add(&kept, (struct span){in.ptr + at, ends[i] - at});
        at = ends[i];
        do {
            char *exact =
                xmalloc(kept.len == 0 ? 1 : kept.len); /* a sanitizer sees reads beyond the end */
            struct span name = {NULL, 0}, value = {NULL, 0};
            size_t used = 0;

            if (kept.len > 0)
                memcpy(exact, kept.ptr, kept.len);
            parsed =
                json_items_next(&items, (struct span){exact, kept.len}, &name, &value, &used, &err);
            assert_true(used <= kept.len);
            if (parsed == PARSE_DONE) {
                buf_add(out, name);
                if (items.is_object) {
                    buf_add_char(out, '=');
                    buf_add(out, value);
                }
                buf_add_char(out, ';');
            }
            buf_drop(&kept, used);
            free(exact);
        } while (parsed == PARSE_DONE);
        if (parsed == PARSE_BAD) {
            assert_int_equal(err.kind, ERR_INPUT);
            assert_true(err.text[0] != '\0');
            buf_add_char(out, '!');
            break;
        }
    }
    if (items.phase == JSON_ITEMS_END && kept.len == 0)
        buf_add_char(out, '.');
    buf_deinit(&kept);
}

static const struct {
    struct span text;
    const char *walked;
} texts[] = {
    {TEXT("[]"), "."},
    {TEXT("{}"), "."},
    {TEXT(" \t\r\n[ \t\r\n] \t\r\n"), "."},
    {TEXT("{ }"), "."},
    {TEXT("\xef\xbb\xbf[\"a\"]"), "\"a\";."},
    {TEXT("\xef\xbb\xbf { }"), "."},
    {TEXT("[\"a\"]"), "\"a\";."},
    {TEXT("[\"a\",\"\",\"c d\"]"), "\"a\";\"\";\"c d\";."},
    {TEXT(" [ \"a\" , \"b\" ] "), "\"a\";\"b\";."},
    {TEXT("[\"a\",\"a\"]"), "\"a\";\"a\";."},
    {TEXT("[\"\\\"\\\\\\u00e9]\",\"[{,:\"]"), "\"\\\"\\\\\\u00e9]\";\"[{,:\";."},
    {TEXT("[\"j\xc3\xb6rg\",\"\xf0\x9f\x98\x80\"]"), "\"j\xc3\xb6rg\";\"\xf0\x9f\x98\x80\";."},
    {TEXT("{\"a\":1}"), "\"a\"=1;."},
    {TEXT("{\"a\":-1.5e3,\"b\":true,\"c\":null}"), "\"a\"=-1.5e3;\"b\"=true;\"c\"=null;."},
    {TEXT(" { \"a\" : \"x\" , \"b\" : [ 1 , { } ] } "), "\"a\"=\"x\";\"b\"=[ 1 , { } ];."},
    {TEXT("{\"a\":{\"b\":[\"]\",\"}\"]},\"\":\"\"}"), "\"a\"={\"b\":[\"]\",\"}\"]};\"\"=\"\";."},
};

static void test_json_items_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t first = 0; first <= texts[i].text.len; first++) {
            for (size_t second = first; second <= texts[i].text.len; second++) {
                struct buf out;

                buf_init(&out, SIZE_MAX);
                walk(texts[i].text, first, second, &out);
                assert_string_equal(buf_string(&out), texts[i].walked);
                buf_deinit(&out);
            }
        }
    }
}

/* A text without its end is neither complete nor wrong. */
static void test_json_items_no_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct span text = texts[i].text;

        while (text.len > 0 && memchr("]}", text.ptr[text.len - 1], 2) == NULL)
            text.len--; /* white space */
        while (text.len > 0) {
            struct buf out;

            text.len--;
            buf_init(&out, SIZE_MAX);
            walk(text, text.len, text.len, &out);
            if (out.len > 0) {
                assert_int_equal(out.ptr[out.len - 1], ';');
                assert_memory_equal(out.ptr, texts[i].walked, out.len);
            }
            buf_deinit(&out);
        }
    }
}

/* A bad text is bad at any cut, and the items before the fault are the same. */
static void test_json_items_bad(void **state)
{
    static const struct {
        struct span text;
        const char *walked;
    } cases[] = {
        {TEXT("null"), "!"},
        {TEXT("\"a\""), "!"},
        {TEXT("1"), "!"},
        {TEXT("<html>"), "!"},
        {TEXT("]"), "!"},
        {TEXT("\xef\xbb\xbe[]"), "!"},
        {TEXT("\xef\xbb[]"), "!"},
        {TEXT("\xef\xbb\xbf\xef\xbb\xbf[]"), "!"},
        {TEXT(" \xef\xbb\xbf[]"), "!"},
        {TEXT("[\xef\xbb\xbf]"), "!"},
        {TEXT("[}"), "!"},
        {TEXT("{]"), "!"},
        {TEXT("[,]"), "!"},
        {TEXT("[\"a\",]"), "\"a\";!"},
        {TEXT("{\"a\":1,}"), "\"a\"=1;!"},
        {TEXT("[\"a\",,\"b\"]"), "\"a\";!"},
        {TEXT("[\"a\"}"), "\"a\";!"},
        {TEXT("{\"a\":1]"), "\"a\"=1;!"},
        {TEXT("[\"a\" \"b\"]"), "\"a\";!"},
        {TEXT("[\"a\":1]"), "\"a\";!"},
        {TEXT("[1]"), "!"},
        {TEXT("[\"a\",1]"), "\"a\";!"},
        {TEXT("[null]"), "!"},
        {TEXT("[[\"a\"]]"), "!"},
        {TEXT("[{\"a\":1}]"), "!"},
        {TEXT("{\"a\"}"), "!"},
        {TEXT("{\"a\",\"b\"}"), "!"},
        {TEXT("{\"a\":}"), "!"},
        {TEXT("{\"a\" 1}"), "!"},
        {TEXT("{1:2}"), "!"},
        {TEXT("{a:1}"), "!"},
        {TEXT("{\"a\":b}"), "!"},
        {TEXT("{\"a\":01}"), "!"},
        {TEXT("{\"a\":[1,]}"), "!"},
        {TEXT("{\"a\":[1}}"), "!"},
        {TEXT("{\"a\":1 \"b\":2}"), "\"a\"=1;!"},
        {TEXT("[\"a\nb\"]"), "!"},
        {TEXT("[\"a\xff\"]"), "!"},
        {TEXT("[\"\\ud800\"]"), "!"},
        {TEXT("[\"\\x\"]"), "!"},
        {TEXT("{\"a\":\"\xc0\x80\"}"), "!"},
        {TEXT("['a']"), "!"},
        {TEXT("[]]"), "!"},
        {TEXT("[] []"), "!"},
        {TEXT("[\"a\"] x"), "\"a\";!"},
        {TEXT("{}\0"), "!"},
        {TEXT("\0"), "!"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t first = 0; first <= cases[i].text.len; first++) {
            for (size_t second = first; second <= cases[i].text.len; second++) {
                size_t len = strlen(cases[i].walked);
                struct buf out;

                buf_init(&out, SIZE_MAX);
                walk(cases[i].text, first, second, &out);
                while (out.len > 0 && out.ptr[out.len - 1] == '.')
                    out.len--; /* it was at its end before */
                if (out.len != len || memcmp(out.ptr, cases[i].walked, len) != 0)
                    fail_msg("%zu, %zu, %zu: '%s'", i, first, second, buf_string(&out));
                buf_deinit(&out);
            }
        }
    }
}

/* At most one item is kept between calls. */
static void test_json_items_drops_what_is_used(void **state)
{
    const struct span in = SPAN("  [  \"a\"  ,  \"b");
    struct json_items items = {.phase = JSON_ITEMS_START};
    struct span name, value;
    struct error err = {0};
    size_t used;

    (void)state;
    assert_int_equal(json_items_next(&items, in, &name, &value, &used, &err), PARSE_DONE);
    assert_int_equal(used, 8);
    assert_int_equal(json_items_next(&items, span_skip(in, 8), &name, &value, &used, &err),
                     PARSE_MORE);
    assert_int_equal(used, 5);
    assert_int_equal(json_items_next(&items, span_skip(in, 13), &name, &value, &used, &err),
                     PARSE_MORE);
    assert_int_equal(used, 0);
    assert_int_equal(json_items_next(&items, SPAN("\"b\" ] \n"), &name, &value, &used, &err),
                     PARSE_DONE);
    assert_int_equal(used, 3);
    assert_int_equal(json_items_next(&items, SPAN(" ] \n"), &name, &value, &used, &err),
                     PARSE_MORE);
    assert_int_equal(used, 4);
    assert_int_equal(items.phase, JSON_ITEMS_END);
    assert_int_equal(json_items_next(&items, SPAN(""), &name, &value, &used, &err), PARSE_MORE);
    assert_int_equal(json_items_next(&items, (struct span){NULL, 0}, &name, &value, &used, &err),
                     PARSE_MORE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_items_cut_anywhere),
        cmocka_unit_test(test_json_items_no_end),
        cmocka_unit_test(test_json_items_bad),
        cmocka_unit_test(test_json_items_drops_what_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
