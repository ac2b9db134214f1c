#include "unit.h"

#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

#define BUECHER                                                                                    \
    "b\xc3\xbc"                                                                                    \
    "cher"
#define BUECHER_CAPITAL                                                                            \
    "B\xc3\x9c"                                                                                    \
    "CHER"

static void test_normalise(void **state)
{
    static const struct {
        enum key_fold fold;
        enum key_idna idna;
        struct span key, normal;
    } cases[] = {
        {KEY_FOLD_NONE, KEY_IDNA_NONE, TEXT("Bob@Example.ORG"), TEXT("Bob@Example.ORG")},
        {KEY_FOLD_ALL, KEY_IDNA_NONE, TEXT("Bob@Example.ORG"), TEXT("bob@example.org")},
        {KEY_FOLD_ALL, KEY_IDNA_NONE, TEXT("\"A B\"@Example.ORG"), TEXT("\"a b\"@example.org")},
        {KEY_FOLD_ALL, KEY_IDNA_NONE, TEXT("Example.ORG"), TEXT("example.org")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_NONE, TEXT("Bob@A@Example.ORG"), TEXT("Bob@A@example.org")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_NONE, TEXT("SRS0=Hash"), TEXT("SRS0=Hash")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_NONE, TEXT("@Example.ORG"), TEXT("@example.org")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_NONE, TEXT("Bob@"), TEXT("Bob@")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_NONE, TEXT("\"A@B\"@C"), TEXT("\"A@B\"@c")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("Bob@Example.ORG"), TEXT("Bob@Example.ORG")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("Bob@" BUECHER_CAPITAL ".Example"),
         TEXT("Bob@xn--bcher-kva.example")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT(BUECHER_CAPITAL ".Example"),
         TEXT("xn--bcher-kva.example")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("@" BUECHER ".example"),
         TEXT("@xn--bcher-kva.example")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("." BUECHER ".example"),
         TEXT(".xn--bcher-kva.example")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("B\xc3\x9c@[192.0.2.1]"),
         TEXT("B\xc3\x9c@[192.0.2.1]")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("Bob@-" BUECHER_CAPITAL ".Example"),
         TEXT("Bob@-" BUECHER_CAPITAL ".Example")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("Bob@-" BUECHER_CAPITAL ".Example"),
         TEXT("bob@-" BUECHER ".example")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII,
         TEXT("B\xc3\x9c+X@Stra\xc3\x9f"
              "e.Example"),
         TEXT("b\xc3\xbc+x@strasse.example")},
        {KEY_FOLD_NONE, KEY_IDNA_ASCII,
         TEXT("Bob@Stra\xc3\x9f"
              "e.Example"),
         TEXT("Bob@xn--strae-oqa.example")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_ASCII, TEXT("Bob@XN--STRAE-OQA.Example"),
         TEXT("Bob@xn--strae-oqa.example")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_UNICODE, TEXT("Bob@XN--STRAE-OQA.Example"),
         TEXT("Bob@strasse.example")},
        {KEY_FOLD_NONE, KEY_IDNA_UNICODE, TEXT("Bob@XN--STRAE-OQA.Example"),
         TEXT("Bob@stra\xc3\x9f"
              "e.example")},
        {KEY_FOLD_ALL, KEY_IDNA_NONE,
         TEXT("Bob@Stra\xc3\x9f"
              "e.Example"),
         TEXT("bob@strasse.example")},
        {KEY_FOLD_ALL, KEY_IDNA_UNICODE,
         TEXT("Bob@Stra\xc3\x9f"
              "e.Example"),
         TEXT("bob@strasse.example")},
        {KEY_FOLD_NONE, KEY_IDNA_UNICODE, TEXT("Bob@XN--BCHER-KVA.Example"),
         TEXT("Bob@" BUECHER ".example")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_UNICODE, TEXT("Bob@Example.ORG"), TEXT("Bob@example.org")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_UNICODE, TEXT("XN--A.Example"), TEXT("XN--A.Example")},
        /* A capital that IDNA does not allow. */
        {KEY_FOLD_NONE, KEY_IDNA_ASCII, TEXT("b@\xe1\x82\xa0.example"),
         TEXT("b@\xe1\x82\xa0.example")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("b@\xe1\x82\xa0.example"), TEXT("b@xn--rkj.example")},
        {KEY_FOLD_DOMAIN, KEY_IDNA_UNICODE, TEXT("b@\xe1\x82\xa0.example"),
         TEXT("b@\xe2\xb4\x80.example")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("<>"), TEXT("<>")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("\"\""), TEXT("\"\"")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("*"), TEXT("*")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("A\xff@B\xc3"), TEXT("a\xff@b\xc3")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT("A\0@B\0"), TEXT("a\0@b\0")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, TEXT(""), TEXT("")},
        {KEY_FOLD_ALL, KEY_IDNA_ASCII, {NULL, 0}, TEXT("")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct key_config config = {.fold = cases[i].fold, .idna = cases[i].idna};
        struct key_rules *rules = key_rules_new(&config);
        struct buf once, twice;

        AT_CASE("%zu: '%.*s'", i, (int)cases[i].key.len, cases[i].key.ptr);
        buf_init(&once, BUF_LIMITED_BY_INPUT);
        buf_init(&twice, BUF_LIMITED_BY_INPUT);
        key_normalise(rules, cases[i].key, &once);
        assert_true(span_equal(buf_span(&once), cases[i].normal));
        key_normalise(rules, cases[i].normal, &twice);
        assert_true(span_equal(buf_span(&twice), cases[i].normal));
        buf_deinit(&once);
        buf_deinit(&twice);
        key_rules_free(&rules);
        assert_null(rules);
    }
}

/* What a key without an '@' is, depends on the forms that a search has. */
static void test_normalise_without_at(void **state)
{
    static const struct {
        const char *search[2];
        struct span key, normal, user;
    } cases[] = {
        {{"key", "domain"}, TEXT(BUECHER), TEXT("xn--bcher-kva"), TEXT(BUECHER)},
        {{"key", "user@"}, TEXT(BUECHER), TEXT("xn--bcher-kva"), TEXT(BUECHER)},
        {{"key", "user"}, TEXT(BUECHER), TEXT(BUECHER), TEXT(BUECHER)},
        {{"key", "user+ext"}, TEXT(BUECHER ".x"), TEXT(BUECHER ".x"), TEXT(BUECHER ".x")},
        {{"key", "user"}, TEXT("@" BUECHER), TEXT("@xn--bcher-kva"), TEXT("@xn--bcher-kva")},
        {{"user", "domain"}, TEXT(BUECHER_CAPITAL), TEXT(BUECHER), TEXT(BUECHER)},
        {{"user", "parents"}, TEXT(BUECHER ".x"), TEXT("xn--bcher-kva.x"), TEXT(BUECHER ".x")},
        {{"user", "access"}, TEXT(BUECHER), TEXT(BUECHER), TEXT(BUECHER)},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *search[] = {xstrdup(cases[i].search[0]), xstrdup(cases[i].search[1])};
        const struct key_config config = {
            .fold = KEY_FOLD_ALL, .idna = KEY_IDNA_ASCII, .search = {search, 2}};
        struct key_rules *rules = key_rules_new(&config);
        struct buf key, user;

        AT_CASE("%zu", i);
        buf_init(&key, BUF_LIMITED_BY_INPUT);
        buf_init(&user, BUF_LIMITED_BY_INPUT);
        key_normalise(rules, cases[i].key, &key);
        key_normalise_user(rules, cases[i].key, &user);
        assert_true(span_equal(buf_span(&key), cases[i].normal));
        assert_true(span_equal(buf_span(&user), cases[i].user));
        buf_deinit(&key);
        buf_deinit(&user);
        key_rules_free(&rules);
        free(search[0]);
        free(search[1]);
    }
}

static void test_rules_that_change_nothing(void **state)
{
    char key[] = "key", virtual[] = "virtual", none[] = "", plus[] = "+";
    char *key_alone[] = {key, key}, *preset[] = {virtual};
    const struct {
        struct key_config config;
        bool is_null, does_search, does_propagate;
        const char *extension;
    } cases[] = {
        {{0}, true, false, false, ""},
        {{.search = {key_alone, 2}, .extension = none}, true, false, false, ""},
        {{.propagate = true}, true, false, false, ""},
        {{.fold = KEY_FOLD_DOMAIN}, false, false, false, ""},
        {{.idna = KEY_IDNA_UNICODE}, false, false, false, ""},
        {{.extension = plus}, false, false, false, "+"},
        {{.search = {preset, 1}}, false, true, false, ""},
        {{.search = {preset, 1}, .extension = plus, .propagate = true}, false, true, true, "+"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key_rules *rules = key_rules_new(&cases[i].config);

        AT_CASE("%zu", i);
        assert_int_equal(rules == NULL, cases[i].is_null);
        assert_int_equal(key_rules_search(rules), cases[i].does_search);
        assert_int_equal(key_rules_propagate(rules), cases[i].does_propagate);
        assert_string_equal(key_rules_extension(rules), cases[i].extension);
        key_rules_free(&rules);
    }
}

static void test_equal(void **state)
{
    static const struct key_config configs[] = {
        {.fold = KEY_FOLD_NONE},    {.fold = KEY_FOLD_ALL},
        {.fold = KEY_FOLD_DOMAIN},  {.idna = KEY_IDNA_ASCII},
        {.idna = KEY_IDNA_UNICODE}, {KEY_FOLD_ALL, KEY_IDNA_ASCII, {0}, NULL, false},
    };
    char virtual[] = "virtual", plus[] = "+", *preset[] = {virtual};
    const struct key_config search = {.search = {preset, 1}, .extension = plus};
    struct key_rules *a, *b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(configs) * ARRAY_LEN(configs); i++) {
        AT_CASE("%zu", i);
        a = key_rules_new(&configs[i / ARRAY_LEN(configs)]);
        b = key_rules_new(&configs[i % ARRAY_LEN(configs)]);
        assert_int_equal(key_rules_equal(a, b), i / ARRAY_LEN(configs) == i % ARRAY_LEN(configs));
        key_rules_free(&a);
        key_rules_free(&b);
    }
    a = key_rules_new(&search);
    assert_true(key_rules_equal(a, NULL));
    key_rules_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_normalise_without_at),
        cmocka_unit_test(test_rules_that_change_nothing),
        cmocka_unit_test(test_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
