#include "unit.h"

#include "mail/fold.h"

static void test_fold(void **state)
{
    static const struct {
        struct span text, folded;
    } cases[] = {
        {TEXT("Bob+News@Example.COM"), TEXT("bob+news@example.com")},
        {TEXT("az AZ @[`{09"), TEXT("az az @[`{09")},
        {TEXT("J\xc3\x96RG+\xc3\x9f@B\xc3\xbc"
              "cher.Example"),
         TEXT("j\xc3\xb6rg+ss@b\xc3\xbc"
              "cher.example")},
        {TEXT("\xe1\xba\x9e"), TEXT("ss")},                   /* capital sharp s */
        {TEXT("\xc4\xb0"), TEXT("i\xcc\x87")},                /* I with a dot, of no language */
        {TEXT("I\xc4\xb1"), TEXT("i\xc4\xb1")},               /* i without a dot is its own */
        {TEXT("\xce\xa3\xcf\x82"), TEXT("\xcf\x83\xcf\x83")}, /* Sigma, final sigma */
        {TEXT("\xef\xac\x80"), TEXT("ff")},                   /* a ligature */
        {TEXT("\xe2\x84\xaa"), TEXT("k")},                    /* the Kelvin sign */
        {TEXT("\xd0\x98"), TEXT("\xd0\xb8")},                 /* Cyrillic */
        {TEXT("U\xcc\x88"), TEXT("u\xcc\x88")},               /* not composed */
        {TEXT("\xf0\x90\x90\x80"), TEXT("\xf0\x90\x90\xa8")}, /* Deseret */
        {TEXT("A\xff\xc3\x96"), TEXT("a\xff\xc3\x96")},       /* not UTF-8 */
        {TEXT("A\xed\xa0\x80\xc3\x96"), TEXT("a\xed\xa0\x80\xc3\x96")},
        {TEXT("A\xc3"), TEXT("a\xc3")},
        {TEXT("A\0B\xc3\x96"), TEXT("a\0b\xc3\xb6")},
        {TEXT(""), TEXT("")},
        {{NULL, 0}, TEXT("")},
    };
    struct buf out;

    (void)state;
    buf_init(&out, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu", i);
        buf_clear(&out);
        buf_add(&out, SPAN("X"));
        fold_case(cases[i].text, &out);
        assert_true(span_equal(span_skip(buf_span(&out), 1), cases[i].folded));
    }
    buf_deinit(&out);
}

static size_t encode(uint32_t c, char *to)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Folding twice is folding once, and no character becomes one that divides an address. */
static void test_every_character(void **state)
{
    struct buf once, twice;
    char text[4];

    (void)state;
    buf_init(&once, BUF_LIMITED_BY_INPUT);
    buf_init(&twice, BUF_LIMITED_BY_INPUT);
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        buf_clear(&once);
        buf_clear(&twice);
        fold_case((struct span){text, encode(c, text)}, &once);
        fold_case(buf_span(&once), &twice);
        if (!span_equal(buf_span(&once), buf_span(&twice)))
            fail_msg("U+%04X", c);
        if (c >= 0x80 && once.len <= 3 && memchr(once.ptr, '@', once.len) != NULL)
            fail_msg("U+%04X gives an '@'", c);
        if (c >= 0x80 && memchr(once.ptr, '+', once.len) != NULL)
            fail_msg("U+%04X gives a '+'", c);
        if (once.len > 6)
            fail_msg("U+%04X becomes %zu bytes", c, once.len);
    }
    buf_deinit(&once);
    buf_deinit(&twice);
}

static void test_limit(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 3);
    fold_case(SPAN("ABCD"), &out);
    assert_true(out.is_over);
    assert_int_equal(out.len, 0);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
