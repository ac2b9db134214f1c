#include "unit.h"

#include "mail/idna.h"

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_domain_of_host(void **state)
{
    static const struct {
        struct span text;
        const char *domain; /* NULL: not a host name */
    } cases[] = {
        {TEXT("example.org"), "example.org"},
        {TEXT("EXAMPLE.Org."), "example.org"},
        {TEXT("localhost"), "localhost"},
        {TEXT("a"), "a"},
        {TEXT("3com.example"), "3com.example"},
        {TEXT("1.2.3.4.example"), "1.2.3.4.example"},
        {TEXT("x--y.example"), "x--y.example"},
        {TEXT("_dmarc.example"), "_dmarc.example"},
        {TEXT("xn--mnchen-3ya.example"), "xn--mnchen-3ya.example"},
        {TEXT("m\xc3\xbcnchen.example"), "xn--mnchen-3ya.example"},
        {TEXT("M\xc3\x9cNCHEN.EXAMPLE."), "xn--mnchen-3ya.example"},
        {TEXT("mu\xcc\x88nchen.example"), "xn--mnchen-3ya.example"}, /* u and a diaeresis */
        {TEXT("fa\xc3\x9f.example"), "xn--fa-hia.example"},          /* non-transitional */
        {TEXT("\xef\xbd\x81\xe3\x80\x82"
              "example"),
         "a.example"}, /* full-width */
        {TEXT("a.\xe4\xbe\x8b"), "a.xn--fsq"},
        {TEXT("a.\xe4\xbe\x8b\xe3\x80\x82"), "a.xn--fsq"},
        {TEXT(A63 ".example"), A63 ".example"},
        {TEXT(A63 "." A63 "." A63 "." A61), A63 "." A63 "." A63 "." A61},
        {TEXT(A63 "." A63 "." A63 "." A61 "."), A63 "." A63 "." A63 "." A61},
        {TEXT(""), NULL},
        {{NULL, 0}, NULL},
        {TEXT("."), NULL},
        {TEXT(".."), NULL},
        {TEXT("a.."), NULL},
        {TEXT(".a"), NULL},
        {TEXT("a..b"), NULL},
        {TEXT(" a"), NULL},
        {TEXT("a b.example"), NULL},
        {TEXT("a\0b"), NULL},
        {TEXT("a\0\xc3\xbc"), NULL},
        {TEXT("a\t"), NULL},
        {TEXT("a,b"), NULL},
        {TEXT("a/b"), NULL},
        {TEXT("a:b"), NULL},
        {TEXT("*.example"), NULL},
        {TEXT("a\\.b"), NULL},
        {TEXT("-a.example"), NULL},
        {TEXT("a-.example"), NULL},
        {TEXT("-"), NULL},
        {TEXT("192.0.2.1"), NULL},
        {TEXT("1"), NULL},
        {TEXT("example.1."), NULL},
        {TEXT("[192.0.2.1]"), NULL},
        {TEXT("[IPv6:::1]"), NULL},
        {TEXT("user@example"), NULL},
        {TEXT("a" A63 ".example"), NULL},
        {TEXT(A63 "." A63 "." A63 "." A61 "a"), NULL},
        {TEXT("\xc3"), NULL},
        {TEXT("a\xff.example"), NULL},
        {TEXT("\xed\xa0\x80.example"), NULL}, /* a surrogate */
        {TEXT("\xe2\x80\xa8.example"), NULL}, /* a line separator */
        {TEXT("a\xef\xbc\xa0"
              "b.example"),
         NULL}, /* full-width @ */
        {TEXT("\xc3\xbc b.example"), NULL},
        {TEXT("\xef\xbc\x91"), NULL}, /* full-width 1 */
    };
    char got[IDNA_NAME_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const bool is_name = idna_of_host(cases[i].text, got);

        if (is_name != (cases[i].domain != NULL))
            fail_msg("case %zu: '%.*s'", i, (int)cases[i].text.len, cases[i].text.ptr);
        if (is_name)
            assert_string_equal(got, cases[i].domain);
    }
}

static void test_domain_of_long_text(void **state)
{
    static char text[100000];
    char got[IDNA_NAME_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "\xc3\xbc"[i % 2];
    for (size_t chars = 0; chars < 1500; chars++) /* xn-- and a little more are left for 57 */
        assert_int_equal(idna_of_host((struct span){text, 2 * chars}, got),
                         chars > 0 && chars <= 57);
    assert_false(idna_of_host((struct span){text, sizeof(text)}, got));
    memset(text, 'a', sizeof(text));
    assert_false(idna_of_host((struct span){text, sizeof(text)}, got));
}

static void test_domain_of_key(void **state)
{
    static const struct {
        struct span key;
        const char *domain;
    } cases[] = {
        {TEXT("example.org"), "example.org"},
        {TEXT("Bob@Example.ORG."), "example.org"},
        {TEXT("\"a@b c\"@example.org"), "example.org"},
        {TEXT("@example.org"), "example.org"},
        {TEXT("\xff\0 @example.org"), "example.org"},
        {TEXT("j\xc3\xb6rg@m\xc3\xbcnchen.example"), "xn--mnchen-3ya.example"},
        {TEXT("bob@"), NULL},
        {TEXT("@"), NULL},
        {TEXT(""), NULL},
        {{NULL, 0}, NULL},
        {TEXT("bob@[192.0.2.1]"), NULL},
        {TEXT("example.org@"), NULL},
    };
    char got[IDNA_NAME_BYTES];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(idna_of_key(cases[i].key, got), cases[i].domain != NULL);
        if (cases[i].domain != NULL)
            assert_string_equal(got, cases[i].domain);
    }
}

static void assert_converted(struct span domain, enum idna_labels labels, const char *expected)
{
    struct buf out;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    buf_add(&out, SPAN("bob@"));
    assert_int_equal(idna_convert(domain, labels, &out), expected != NULL);
    buf_add_char(&out, '\0');
    assert_string_equal(out.ptr + 4, expected != NULL ? expected : "");
    buf_deinit(&out);
}

static void test_convert(void **state)
{
    static const struct {
        struct span domain;
        const char *a_labels, *u_labels; /* NULL: there is nothing to convert */
    } cases[] = {
        {TEXT("example.org"), NULL, NULL},
        {TEXT("Example.ORG."), NULL, NULL},
        {TEXT("b\xc3\xbc"
              "cher.example"),
         "xn--bcher-kva.example",
         "b\xc3\xbc"
         "cher.example"},
        {TEXT("B\xc3\x9c"
              "CHER.Example."),
         "xn--bcher-kva.example.",
         "b\xc3\xbc"
         "cher.example."},
        {TEXT(".B\xc3\x9c"
              "CHER.Example"),
         ".xn--bcher-kva.example",
         ".b\xc3\xbc"
         "cher.example"},
        {TEXT("XN--BCHER-KVA.Example"), "xn--bcher-kva.example",
         "b\xc3\xbc"
         "cher.example"},
        {TEXT("b\xc3\xbc"
              "cher.xn--bcher-kva.example"),
         "xn--bcher-kva.xn--bcher-kva.example",
         "b\xc3\xbc"
         "cher.b\xc3\xbc"
         "cher.example"},
        {TEXT("mu\xcc\x88nchen.example"), "xn--mnchen-3ya.example", "m\xc3\xbcnchen.example"},
        {TEXT("stra\xc3\x9f"
              "e.example"),
         "xn--strae-oqa.example",
         "stra\xc3\x9f"
         "e.example"},
        {TEXT("\xef\xbd\x81.example"), "a.example", "a.example"}, /* full-width a */
        {TEXT("_dmarc.b\xc3\xbc"
              "cher.example"),
         "_dmarc.xn--bcher-kva.example",
         "_dmarc.b\xc3\xbc"
         "cher.example"},
        /* These only look like A-labels. */
        {TEXT("xn--a.example"), "xn--a.example", NULL},
        {TEXT("xn--.example"), NULL, NULL},
        {TEXT("xn--example-.example"), NULL, NULL},
        {TEXT("xn--BCHER-KVA0000.example"), "xn--bcher-kva0000.example", NULL},
        {TEXT("yxn--bcher-kva.example"), NULL, NULL},
        /* These are not host names. */
        {TEXT("[b\xc3\xbc]"), NULL, NULL},
        {TEXT("b\xc3\xbc..example"), NULL, NULL},
        {TEXT("..b\xc3\xbc"), NULL, NULL},
        {TEXT("b\xc3\xbc.example.."), NULL, NULL},
        {TEXT("*.b\xc3\xbc.example"), NULL, NULL},
        {TEXT("b\xc3\xbc b"), NULL, NULL},
        {TEXT("b\xc3\xbc\0"), NULL, NULL},
        {TEXT("b\xc3"), NULL, NULL},
        {TEXT("."), NULL, NULL},
        {TEXT("[192.0.2.1]"), NULL, NULL},
        {TEXT("[IPv6:2001:db8::1]"), NULL, NULL},
        {TEXT("<>"), NULL, NULL},
        {TEXT("\"\""), NULL, NULL},
        {TEXT("*"), NULL, NULL},
        {TEXT(""), NULL, NULL},
        {{NULL, 0}, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%zu: '%.*s'", i, (int)cases[i].domain.len, cases[i].domain.ptr);
        assert_converted(cases[i].domain, IDNA_A_LABELS, cases[i].a_labels);
        assert_converted(cases[i].domain, IDNA_U_LABELS, cases[i].u_labels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_domain_of_host),
        cmocka_unit_test(test_domain_of_long_text),
        cmocka_unit_test(test_domain_of_key),
        cmocka_unit_test(test_convert),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
