#include "unit.h"

#include "podop/netstring.h"

static const struct span untouched = TEXT("untouched");

static void assert_parse(struct span wire, size_t max, enum parse expected)
{
    struct span payload = untouched;
    size_t used = 12345;
    enum parse got = netstring_parse(wire, max, &payload, &used);

    if (got != expected)
        fail_msg("'%.*s' of at most %zu: %d", (int)wire.len, wire.ptr, max, (int)got);
    if (got != PARSE_DONE) {
        assert_ptr_equal(payload.ptr, untouched.ptr);
        assert_int_equal(used, 12345);
    }
}

static void test_netstring_good(void **state)
{
    static const struct {
        struct span wire;
        size_t max;
        struct span payload;
    } cases[] = {
        {TEXT("0:,"), 0, TEXT("")},
        {TEXT("0:,"), 64, TEXT("")},
        {TEXT("1:a,"), 1, TEXT("a")},
        {TEXT("5:ab cd,"), 5, TEXT("ab cd")},
        {TEXT("9:123456789,"), 9, TEXT("123456789")},
        {TEXT("10:1234567890,"), 10, TEXT("1234567890")},
        {TEXT("16:virtual a@b.test,"), 64, TEXT("virtual a@b.test")},
        {TEXT("3:,,,,"), 64, TEXT(",,,")},
        {TEXT("4:1:a,,"), 64, TEXT("1:a,")},
        {TEXT("3:\0\0\0,"), 64, TEXT("\0\0\0")},
        {TEXT("2:\xff\xfe,"), 64, TEXT("\xff\xfe")},
        {TEXT("04:abcd,"), 64, TEXT("abcd")}, /* leading zeros, which Postfix accepts as well */
        {TEXT("00:,"), 64, TEXT("")},
        {TEXT("4:abcd,"), SIZE_MAX, TEXT("abcd")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char wire[64];
        struct span payload, cut = cases[i].wire;
        size_t used;

        for (cut.len = 0; cut.len < cases[i].wire.len; cut.len++)
            assert_parse(cut, cases[i].max, PARSE_MORE);
        assert_int_equal(netstring_parse(cut, cases[i].max, &payload, &used), PARSE_DONE);
        assert_true(span_equal(payload, cases[i].payload));
        assert_int_equal(used, cut.len);
        assert_ptr_equal(payload.ptr + payload.len + 1, cut.ptr + cut.len); /* points into in */

        memcpy(wire, cut.ptr, cut.len); /* bytes after the netstring do not matter */
        memcpy(wire + cut.len, "x:9", 3);
        cut = (struct span){wire, cut.len + 3};
        assert_int_equal(netstring_parse(cut, cases[i].max, &payload, &used), PARSE_DONE);
        assert_true(span_equal(payload, cases[i].payload));
        assert_int_equal(used, cases[i].wire.len);
    }
}

/* good_bytes: this many bytes could still become a netstring; one more could not. */
static void test_netstring_bad_as_soon_as_seen(void **state)
{
    static const struct {
        struct span wire;
        size_t max, good_bytes;
    } cases[] = {
        {TEXT(":,"), 64, 0},
        {TEXT(","), 64, 0},
        {TEXT(" 1:a,"), 64, 0},
        {TEXT("-1:a,"), 64, 0},
        {TEXT("+1:a,"), 64, 0},
        {TEXT("\0"), 64, 0},
        {TEXT("\xff"), 64, 0},
        {TEXT("\xb1:a,"), 64, 0}, /* '1' with the high bit */
        {TEXT("\n"), 64, 0},
        {TEXT("/:"), 64, 0}, /* the byte before '0' */
        {TEXT("1a"), 64, 1},
        {TEXT("1 :a,"), 64, 1},
        {TEXT("1;a,"), 64, 1}, /* ';' comes after ':' in ASCII */
        {TEXT("0x1:a,"), 64, 1},
        {TEXT("1.0:a,"), 64, 1},
        {TEXT("1\0:a,"), 64, 1},
        {TEXT("1:a;"), 64, 3},
        {TEXT("1:ab,"), 64, 3},
        {TEXT("0:a,"), 64, 2},
        {TEXT("3:ab,"), 64, 5},
        {TEXT("3:ab,x"), 64, 5},
        {TEXT("1:a\n"), 64, 3},
        {TEXT("1:"), 0, 0},
        {TEXT("65:"), 64, 1},
        {TEXT("70:"), 64, 1},
        {TEXT("640:"), 64, 2},
        {TEXT("6:abcdef,"), 5, 0},
        {TEXT("10:"), 9, 1},
        {TEXT("100001:"), 100000, 5},
        {TEXT("1000000:"), 100000, 6},
        {TEXT("99999999999999999999999:"), 64, 1},
        {TEXT("18446744073709551616:"), SIZE_MAX, 10},
        {TEXT("00000000000:,"), 64, 10}, /* too many zeros */
        {TEXT("00000000001:a,"), 64, 10},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span cut = cases[i].wire;

        for (cut.len = 0; cut.len <= cases[i].wire.len; cut.len++)
            assert_parse(cut, cases[i].max,
                         cut.len <= cases[i].good_bytes ? PARSE_MORE : PARSE_BAD);
    }
}

/* Around each limit: max is accepted, max + 1 is not. */
static void test_netstring_limits(void **state)
{
    static const size_t maxima[] = {0,   1,   8,   9,    10,   11,    98,     99,
                                    100, 101, 999, 1000, 9999, 65536, 100000, 4294967296};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
        char wire[32];
        int len = snprintf(wire, sizeof(wire), "%zu:", maxima[i]);

        assert_parse((struct span){wire, (size_t)len}, maxima[i], PARSE_MORE);
        assert_parse((struct span){wire, (size_t)len}, maxima[i] + 1, PARSE_MORE);
        if (maxima[i] > 0)
            assert_parse((struct span){wire, (size_t)len}, maxima[i] - 1, PARSE_BAD);
    }
}

/* Throws wire away in two pieces. Returns the result, and in *used the bytes of both. */
static enum parse discard_in_two(struct span wire, size_t max, size_t cut, size_t *used)
{
    struct netstring_discard discard = {0};
    struct span first = wire;
    size_t begin, taken;
    enum parse got;

    first.len = cut;
    got = netstring_discard_begin(&discard, first, max, &begin);
    if (got == PARSE_MORE) { /* the beginning is fed again, with the rest */
        first = wire;
        got = netstring_discard_begin(&discard, first, max, &begin);
    }
    if (got != PARSE_DONE)
        return got;
    got = netstring_discard(&discard, span_skip(first, begin), &taken);
    *used = begin + taken;
    if (got == PARSE_MORE && first.len < wire.len) {
        assert_int_equal(*used, first.len);
        got = netstring_discard(&discard, span_skip(wire, first.len), &taken);
        *used += taken;
    }
    assert_int_equal(discard.is_under_way, got != PARSE_DONE);
    return got;
}

static void test_netstring_discard(void **state)
{
    static const struct {
        struct span wire;
        size_t max, used; /* used: of DONE */
        enum parse expected;
    } cases[] = {
        {TEXT("1:a,"), 0, 4, PARSE_DONE},
        {TEXT("6:abcdef,5:"), 5, 9, PARSE_DONE},
        {TEXT("0006:abcdef,,"), 5, 12, PARSE_DONE},
        {TEXT("12:ab,1:c,4:d,,"), 5, 16, PARSE_MORE},
        {TEXT("10:ab,1:c,4:d,"), 5, 14, PARSE_DONE},
        {TEXT("7:ab\0,\xff:,,x"), 5, 10, PARSE_DONE},
        {TEXT("6:abcdef;"), 5, 0, PARSE_BAD},
        {TEXT("6:abcdefg,"), 5, 0, PARSE_BAD},
        {TEXT("6:abcdef"), 5, 0, PARSE_MORE},
        {TEXT("6:"), 5, 0, PARSE_MORE},
        {TEXT("9999999999:abc"), 65536, 0, PARSE_MORE},
        {TEXT("5:abcde,"), 5, 0, PARSE_BAD}, /* not too long */
        {TEXT("5:abcdef"), 5, 0, PARSE_BAD},
        {TEXT("66"), 5, 0, PARSE_MORE},
        {TEXT(""), 5, 0, PARSE_MORE},
        {TEXT("x"), 5, 0, PARSE_BAD},
        {TEXT(":,"), 5, 0, PARSE_BAD},
        {TEXT("6;"), 5, 0, PARSE_BAD},
        {TEXT("00000000006:abcdef,"), 5, 0, PARSE_BAD},
        {TEXT("18446744073709551616:"), 5, 0, PARSE_BAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t cut = 0; cut <= cases[i].wire.len; cut++) {
            size_t used = 0;
            enum parse got = discard_in_two(cases[i].wire, cases[i].max, cut, &used);

            if (got != cases[i].expected || (got == PARSE_DONE && used != cases[i].used))
                fail_msg("'%.*s' cut at %zu: %d, %zu bytes", (int)cases[i].wire.len,
                         cases[i].wire.ptr, cut, (int)got, used);
        }
    }
}

static void test_netstring_add_is_parsed_back(void **state)
{
    static const size_t sizes[] = {0, 1, 8, 9, 10, 99, 100, 999, 1000, 100000};
    char *text = xcalloc(1, 100000);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct span payload;
        size_t used;
        struct buf out;

        buf_init(&out, SIZE_MAX);
        netstring_add(&out, SPAN("OK "), (struct span){text, sizes[i]});
        netstring_add(&out, SPAN(""), SPAN("next"));
        assert_int_equal(netstring_parse(buf_span(&out), SIZE_MAX, &payload, &used), PARSE_DONE);
        assert_int_equal(payload.len, 3 + sizes[i]);
        assert_memory_equal(payload.ptr, "OK ", 3);
        assert_memory_equal(payload.ptr + 3, text, sizes[i]);
        assert_true(span_equal(span_skip(buf_span(&out), used), SPAN("4:next,")));
        buf_deinit(&out);
    }
    free(text);
}

static void test_netstring_add_without_room(void **state)
{
    (void)state;
    for (size_t max = 0; max < 9; max++) {
        struct buf out;

        buf_init(&out, max);
        netstring_add(&out, SPAN("OK "), SPAN("abc"));
        assert_int_equal(out.is_over, max < 9);
        buf_deinit(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netstring_good),
        cmocka_unit_test(test_netstring_bad_as_soon_as_seen),
        cmocka_unit_test(test_netstring_limits),
        cmocka_unit_test(test_netstring_discard),
        cmocka_unit_test(test_netstring_add_is_parsed_back),
        cmocka_unit_test(test_netstring_add_without_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
