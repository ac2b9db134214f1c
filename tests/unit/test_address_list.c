#include "unit.h"

#include "mail/address_list.h"

/* Appends the addresses of text as Postfix means them: the texts of their tokens, each address in
 * brackets. */
static void add_addresses(struct span text, struct buf *out)
{
    struct address_list list;

    address_list_init(&list, text);
    for (size_t i = 0; i < list.address_count; i++) {
        buf_add_char(out, '{');
        for (size_t t = list.addresses[i].first; t < list.addresses[i].end; t++)
            address_token_add(&list.tokens[t], out);
        buf_add_char(out, '}');
    }
    address_list_deinit(&list);
}

static void test_addresses(void **state)
{
    static const struct {
        struct span text, addresses;
    } cases[] = {
        {TEXT("a@b"), TEXT("{a@b}")},
        {TEXT("a@b, c@d"), TEXT("{a@b}{c@d}")},
        {TEXT("a@b c@d\te@f\r\ng"), TEXT("{a@b}{c@d}{e@f}{g}")},
        {TEXT("a@b,, c@d,"), TEXT("{a@b}{c@d}")},
        {TEXT(" ,"), TEXT("")},
        {TEXT(""), TEXT("")},
        {{NULL, 0}, TEXT("")},
        {TEXT("Alice Example <alice@w>"), TEXT("{alice@w}")},
        {TEXT("\"Example, Alice\" <alice@w>, b@c"), TEXT("{alice@w}{b@c}")},
        {TEXT("Alice <a@b> Bob <c@d>"), TEXT("{a@b}{c@d}")},
        {TEXT("Alice <a@b> c@d"), TEXT("{a@b}{c@d}")},
        {TEXT("a@b (comment, with (another) and \\) in it), c@d"), TEXT("{a@b}{c@d}")},
        {TEXT("a (x) @ (y) b"), TEXT("{a@b}")},
        {TEXT("a@b (never closed, c@d"), TEXT("{a@b}")},
        {TEXT("a(x)b"), TEXT("{a}{b}")},
        {TEXT("\"a b\"@c"), TEXT("{a b@c}")},
        {TEXT("\"a\\\"\\\\b\"@c"), TEXT("{a\"\\b@c}")},
        {TEXT("\"a, b"), TEXT("{a, b}")}, /* never closed */
        {TEXT("\"a\\"), TEXT("{a}")},
        {TEXT("a\\ b@c\\"), TEXT("{a b@c}")},
        {TEXT("a b@c"), TEXT("{a}{b@c}")},
        {TEXT("\"a b\"c@d"), TEXT("{a b}{c@d}")},
        {TEXT("a@[192.0.2.1]"), TEXT("{a@[192.0.2.1]}")},
        {TEXT("a@[1]b@c"), TEXT("{a@[1]}{b@c}")},
        {TEXT("a . b @ c . d"), TEXT("{a.b@c.d}")},
        {TEXT("@r1,@r2:a@b"), TEXT("{@r1}{@r2:a@b}")},
        {TEXT("@r:a@b"), TEXT("{@r:a@b}")},
        {TEXT("group: a@b, c@d; e@f"), TEXT("{a@b}{c@d}{e@f}")},
        {TEXT("x@y, group: a@b;"), TEXT("{x@y}{a@b}")},
        {TEXT("group:;"), TEXT("")},
        {TEXT(";"), TEXT("")},
        {TEXT(":include:/etc/x"), TEXT("{:include:/etc/x}")},
        {TEXT("|/bin/false"), TEXT("{|/bin/false}")},
        {TEXT("<>"), TEXT("")},
        {TEXT("a@b, <>"), TEXT("{a@b}")},
        {TEXT("<a@b"), TEXT("{<a@b}")},
        {TEXT("a@b>"), TEXT("{a@b}")},
        {TEXT(">"), TEXT("")},
        {TEXT("<<a>>"), TEXT("{a>}")},
        {TEXT("a>b"), TEXT("{a}{b}")},
        {TEXT("\"\""), TEXT("{}")},
        {TEXT("@"), TEXT("{@}")},
        {TEXT("a\0b@c"), TEXT("{a\0b@c}")},
        {TEXT("j\xc3\xb6rg@\xff"), TEXT("{j\xc3\xb6rg@\xff}")},
    };
    struct buf got;

    (void)state;
    buf_init(&got, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu: '%.*s'", i, (int)cases[i].text.len, cases[i].text.ptr);
        buf_clear(&got);
        add_addresses(cases[i].text, &got);
        if (!span_equal(buf_span(&got), cases[i].addresses))
            fail_msg("got '%.*s'", (int)got.len, got.ptr);
    }
    buf_deinit(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
