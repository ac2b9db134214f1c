#include "unit.h"

#include "mail/propagate.h"

static void test_propagate(void **state)
{
    static const struct {
        struct span value, extension, result;
    } cases[] = {
        {TEXT("alice@w.example"), TEXT("+news"), TEXT("alice+news@w.example")},
        {TEXT("alice@w.example, carol@w.example"), TEXT("+news"),
         TEXT("alice+news@w.example, carol+news@w.example")},
        {TEXT("a@w,b@w"), TEXT("+n"), TEXT("a+n@w,b+n@w")},
        {TEXT("a@w b@w\nc@w"), TEXT("+n"), TEXT("a+n@w b+n@w\nc+n@w")},
        {TEXT("a@w,, b@w,"), TEXT("+n"), TEXT("a+n@w,, b+n@w,")},
        {TEXT("alice"), TEXT("+n"), TEXT("alice+n")},
        {TEXT("alice, carol"), TEXT("+n"), TEXT("alice+n, carol+n")},
        {TEXT("alice+own@w"), TEXT("+n"), TEXT("alice+own+n@w")},
        {TEXT("@w.example"), TEXT("+n"), TEXT("@w.example")},
        {TEXT("@w.example, c@x"), TEXT("+n"), TEXT("@w.example, c@x")},
        {TEXT("c@x, @w.example"), TEXT("+n"), TEXT("c+n@x, +n@w.example")},
        {TEXT("Alice Example <alice@w>"), TEXT("+n"), TEXT("Alice Example <alice+n@w>")},
        {TEXT("alice@w (a comment)"), TEXT("+n"), TEXT("alice+n@w (a comment)")},
        {TEXT("\"quoted local\"@w"), TEXT("+n"), TEXT("\"quoted local+n\"@w")},
        {TEXT("\"needless\"@w"), TEXT("+n"), TEXT("\"needless+n\"@w")},
        {TEXT("\"a\\\"b\"@w"), TEXT("+n"), TEXT("\"a\\\"b+n\"@w")},
        {TEXT("quoted local@w"), TEXT("+n"), TEXT("quoted+n local+n@w")},
        {TEXT("alice@w"), TEXT("+a b"), TEXT("\"alice+a b\"@w")},
        {TEXT("alice@w"), TEXT("+a..b"), TEXT("\"alice+a..b\"@w")},
        {TEXT("alice@w"), TEXT("+"), TEXT("alice+@w")},
        {TEXT("alice@w"), TEXT("+a@b"), TEXT("\"alice+a@b\"@w")},
        {TEXT("alice"), TEXT("+a!b"), TEXT("\"alice+a!b\"")},
        {TEXT("alice"), TEXT("+a%b"), TEXT("\"alice+a%b\"")},
        {TEXT("alice@w"), TEXT("+|b"), TEXT("\"alice+|b\"@w")},
        {TEXT("alice@w"), TEXT("+\xc3\xb6"), TEXT("alice+\xc3\xb6@w")},
        {TEXT("a . b (c) @ w"), TEXT("+n"), TEXT("a.b+n (c) @ w")},
        {TEXT("a@b@w"), TEXT("+n"), TEXT("\"a@b+n\"@w")},
        {TEXT("a@[192.0.2.1]"), TEXT("+n"), TEXT("a+n@[192.0.2.1]")},
        {TEXT("a%x@w"), TEXT("+n"), TEXT("a%x+n@w")},
        {TEXT("a%x"), TEXT("+n"), TEXT("a+n%x")},
        {TEXT("%x"), TEXT("+n"), TEXT("+n%x")},
        {TEXT("\"a%x\""), TEXT("+n"), TEXT("\"a%x+n\"")},
        {TEXT("host!user"), TEXT("+n"), TEXT("host!user+n")},
        {TEXT("host!user"), TEXT("+a b"), TEXT("host!\"user+a b\"")},
        {TEXT("host!a%b"), TEXT("+n"), TEXT("host!a%b+n")},
        {TEXT("host!"), TEXT("+n"), TEXT("host!+n")},
        {TEXT("x, @r:a@w"), TEXT("+n"), TEXT("x+n, @r:a+n@w")},
        {TEXT("group: a@w, b@w;"), TEXT("+n"), TEXT("group: a+n@w, b+n@w;")},
        {TEXT("\"a b\"c@w"), TEXT("+n"), TEXT("\"a b+n\", c+n@w")},
        {TEXT("a\"b c\"@w"), TEXT("+n"), TEXT("a+n, \"b c+n\"@w")},
        {TEXT("a@[1]b@w"), TEXT("+n"), TEXT("a+n@[1], b+n@w")},
        {TEXT("\"\"a@w"), TEXT("+n"), TEXT("\"\", a+n@w")},
        {TEXT("|/bin/false"), TEXT("+n"), TEXT("|/bin/false+n")},
        {TEXT(":include:/etc/x"), TEXT("+n"), TEXT("\":include:/etc/x+n\"")},
        {TEXT("<>"), TEXT("+n"), TEXT("<>")},
        {TEXT("\"\""), TEXT("+n"), TEXT("\"\"")},
        {TEXT("a@w, @"), TEXT("+n"), TEXT("a+n@w, @")},
        {TEXT(" "), TEXT("+n"), TEXT(" ")},
        {TEXT(","), TEXT("+n"), TEXT(",")},
        {TEXT(""), TEXT("+n"), TEXT("")},
        {{NULL, 0}, TEXT("+n"), TEXT("")},
        {TEXT("\"a b\"@w"), TEXT(""), TEXT("\"a b\"@w")},
        {TEXT("j\xc3\xb6rg@w"), TEXT("+n"), TEXT("j\xc3\xb6rg+n@w")},
    };
    struct buf got;

    (void)state;
    buf_init(&got, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu: '%.*s'", i, (int)cases[i].value.len, cases[i].value.ptr);
        buf_clear(&got);
        propagate_extension(cases[i].value, cases[i].extension, &got);
        if (!span_equal(buf_span(&got), cases[i].result))
            fail_msg("got '%.*s'", (int)got.len, got.ptr);
    }
    buf_deinit(&got);
}

static void test_limit(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4);
    propagate_extension(SPAN("a@b"), SPAN("+n"), &out);
    assert_true(out.is_over);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_propagate),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
