#include "unit.h"

#include "mail/mail_address.h"

static void test_split(void **state)
{
    static const struct {
        struct span key, local, domain;
        bool has_at;
    } cases[] = {
        {TEXT("bob@example.org"), TEXT("bob"), TEXT("example.org"), true},
        {TEXT("a@b@c"), TEXT("a@b"), TEXT("c"), true},
        {TEXT("\"a@b\"@c"), TEXT("\"a@b\""), TEXT("c"), true},
        {TEXT("\"a@b\""), TEXT(""), TEXT("\"a@b\""), false},
        {TEXT("\"a\\\"@b\"@c"), TEXT("\"a\\\"@b\""), TEXT("c"), true},
        {TEXT("a.\"b@c\".d@e"), TEXT("a.\"b@c\".d"), TEXT("e"), true},
        {TEXT("a\"b@c"), TEXT("a\"b"), TEXT("c"), true},           /* not closed */
        {TEXT("\"a@b\\\"@c"), TEXT("\"a@b\\\""), TEXT("c"), true}, /* not closed */
        {TEXT("a\\@b"), TEXT("a\\"), TEXT("b"), true},
        {TEXT("@d"), TEXT(""), TEXT("d"), true},
        {TEXT("u@"), TEXT("u"), TEXT(""), true},
        {TEXT("@"), TEXT(""), TEXT(""), true},
        {TEXT("example.org"), TEXT(""), TEXT("example.org"), false},
        {TEXT("<>"), TEXT(""), TEXT("<>"), false},
        {TEXT("\"\""), TEXT(""), TEXT("\"\""), false},
        {TEXT("\"<>\""), TEXT(""), TEXT("\"<>\""), false},
        {TEXT("\"\"@d"), TEXT("\"\""), TEXT("d"), true},
        {TEXT("u@[192.0.2.1]"), TEXT("u"), TEXT("[192.0.2.1]"), true},
        {TEXT("u\0v@d\0"), TEXT("u\0v"), TEXT("d\0"), true},
        {TEXT("\""), TEXT(""), TEXT("\""), false},
        {TEXT("\"\\"), TEXT(""), TEXT("\"\\"), false},
        {TEXT(""), TEXT(""), TEXT(""), false},
        {{NULL, 0}, TEXT(""), TEXT(""), false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct mail_address got = mail_address_split(cases[i].key);

        AT_CASE("%zu: '%.*s'", i, (int)cases[i].key.len, cases[i].key.ptr);
        assert_int_equal(got.has_at, cases[i].has_at);
        assert_true(span_equal(got.local, cases[i].local));
        assert_true(span_equal(got.domain, cases[i].domain));
    }
}

static void test_cut(void **state)
{
    static const struct {
        struct span local;
        const char *delimiters;
        struct span bare, extension; /* no extension: not cut */
    } cases[] = {
        {TEXT("bob+news"), "+", TEXT("bob"), TEXT("+news")},
        {TEXT("bob+a+b"), "+", TEXT("bob"), TEXT("+a+b")},
        {TEXT("bob-a+b"), "+-", TEXT("bob"), TEXT("-a+b")},
        {TEXT("bob-a+b"), "+", TEXT("bob-a"), TEXT("+b")},
        {TEXT("bob+"), "+", TEXT("bob"), TEXT("+")},
        {TEXT("+bob"), "+", TEXT("+bob"), TEXT("")},
        {TEXT("+bob+x"), "+", TEXT("+bob+x"), TEXT("")},
        {TEXT("bob"), "+", TEXT("bob"), TEXT("")},
        {TEXT("bob+x"), "", TEXT("bob+x"), TEXT("")},
        {TEXT("bob+x"), NULL, TEXT("bob+x"), TEXT("")},
        {TEXT(""), "+", TEXT(""), TEXT("")},
        {{NULL, 0}, "+", TEXT(""), TEXT("")},
        {TEXT("a\0b+c"), "+", TEXT("a\0b"), TEXT("+c")},
        {TEXT("a\0b"), "+", TEXT("a\0b"), TEXT("")},
        {TEXT("owner-list"), "-", TEXT("owner-list"), TEXT("")},
        {TEXT("Owner-list"), "+-", TEXT("Owner-list"), TEXT("")},
        {TEXT("owner-list"), "+", TEXT("owner-list"), TEXT("")},
        {TEXT("owner-list+x"), "+", TEXT("owner-list"), TEXT("+x")},
        {TEXT("owner+x"), "+-", TEXT("owner"), TEXT("+x")},
        {TEXT("list-REQUEST"), "-", TEXT("list-REQUEST"), TEXT("")},
        {TEXT("-request"), "-", TEXT("-request"), TEXT("")},
        {TEXT("a+-request"), "+", TEXT("a"), TEXT("+-request")},
        {TEXT("a+-request"), "+-", TEXT("a+-request"), TEXT("")},
        {TEXT("list-request-x"), "-", TEXT("list"), TEXT("-request-x")},
        {TEXT("Mailer-Daemon"), "-", TEXT("Mailer-Daemon"), TEXT("")},
        {TEXT("double-bounce"), "-", TEXT("double-bounce"), TEXT("")},
        {TEXT("postmaster"), "m", TEXT("postmaster"), TEXT("")},
        {TEXT("postmaster+x"), "+", TEXT("postmaster"), TEXT("+x")},
        {TEXT("\"a b+c\""), "+", TEXT("\"a b\""), TEXT("+c")},
        {TEXT("\"a..b+x\""), "+", TEXT("\"a..b\""), TEXT("+x")},
        {TEXT("\"a+b c\""), "+", TEXT("a"), TEXT("+b c")},
        {TEXT("a.+b"), "+", TEXT("\"a.\""), TEXT("+b")},
        {TEXT("a.b.+c"), "+", TEXT("\"a.b.\""), TEXT("+c")},
        {TEXT("a b.+c"), "+", TEXT("a b."), TEXT("+c")}, /* without its quotes */
        {TEXT("\"bob\""), "+", TEXT("\"bob\""), TEXT("")},
        {TEXT("\"+x\""), "+", TEXT("\"+x\""), TEXT("")},
        {TEXT("\"a\\\"b+\\\\c\""), "+", TEXT("\"a\\\"b\""), TEXT("+\\c")},
        {TEXT("\"a\\+b\""), "+", TEXT("a"), TEXT("+b")},
        {TEXT("\"owner-a b\""), "-", TEXT("\"owner-a b\""), TEXT("")},
        {TEXT("\"\""), "+", TEXT("\"\""), TEXT("")},
        {TEXT("\""), "+", TEXT("\""), TEXT("")},
        {TEXT("\"a+b"), "+", TEXT("\"a"), TEXT("+b")}, /* not closed */
        {TEXT("j\xc3\xb6rg+\xc3\xb6"), "+", TEXT("j\xc3\xb6rg"), TEXT("+\xc3\xb6")},
    };
    struct buf scratch;

    (void)state;
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span bare, extension;
        bool is_cut;

        AT_CASE("%zu: '%.*s'", i, (int)cases[i].local.len, cases[i].local.ptr);
        is_cut = mail_address_cut(cases[i].local, cases[i].delimiters, &scratch, &bare, &extension);
        assert_int_equal(is_cut, cases[i].extension.len > 0);
        assert_true(span_equal(bare, cases[i].bare));
        assert_true(span_equal(extension, cases[i].extension));
    }
    buf_deinit(&scratch);
}

/* The quotes are added in a buffer that holds their source: none of its bytes may move. */
static void test_cut_long(void **state)
{
    (void)state;
    for (size_t len = 1; len < 300; len++) {
        char *local = xmalloc(len + 4);
        struct span bare, extension;
        struct buf scratch;

        buf_init(&scratch, BUF_LIMITED_BY_INPUT);
        memset(local, ' ', len + 4);
        local[0] = local[len + 3] = '"';
        memcpy(local + len + 1, "+x", 2);
        assert_true(
            mail_address_cut((struct span){local, len + 4}, "+", &scratch, &bare, &extension));
        assert_true(span_equal(extension, SPAN("+x")));
        assert_int_equal(bare.len, len + 2);
        assert_memory_equal(bare.ptr, local, len + 1);
        buf_deinit(&scratch);
        free(local);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_cut_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
