#include "unit.h"

#include "podop/table.h"

#include "table/url/url_template.h"

enum { KEEP_SLASH = 1, NO_SLASH = 2, EITHER = 3 };

static enum url_target expand(const struct url_template *t, const struct table_key *key,
                              bool keep_slash, struct buf *out)
{
    return url_template_expand(
        t, key,
        &(struct url_expansion){.table = SPAN("t/x"), .delimiters = "+-", .keep_slash = keep_slash},
        out);
}

static void test_url_template_targets(void **state)
{
    static const struct {
        const char *text, *base;
        struct table_key key;
        unsigned slash; /* the modes that the case is for */
        const char *target;
    } cases[] = {
        {"http://h/a/\xc2\xa7", "http://h", {.key = TEXT("k")}, EITHER, "/a/k"},
        {"http://h/a/{}", "http://h", {.key = TEXT("k")}, EITHER, "/a/k"},
        {"http://h/a/{key}", "http://h", {.key = TEXT("k")}, EITHER, "/a/k"},
        {"https://h:8443/\xc2\xa7/x", "https://h:8443", {.key = TEXT("k")}, EITHER, "/k/x"},
        {"HTTPS://[::1]:80/{}", "HTTPS://[::1]:80", {.key = TEXT("k")}, EITHER, "/k"},
        {"http://h", "http://h", {.key = TEXT("k")}, EITHER, "/"},
        {"http://h/", "http://h", {.key = TEXT("k")}, EITHER, "/"},
        {"http://h?q={}", "http://h", {.key = TEXT("k")}, EITHER, "/?q=k"},
        {"http://h/p?q={}&r={key}", "http://h", {.key = TEXT("k")}, EITHER, "/p?q=k&r=k"},
        {"http://h/{}{}\xc2\xa7{key}", "http://h", {.key = TEXT("ab")}, EITHER, "/abababab"},
        {"http://h/a%20b/{}", "http://h", {.key = TEXT("k")}, EITHER, "/a%20b/k"},
        {"http://h/{}", "http://h", {.key = TEXT("")}, EITHER, "/"},
        {"http://h/{}", "http://h", {.key = {NULL, 0}}, EITHER, "/"},
        {"http://h/{}", "http://h", {.key = TEXT("a b@c")}, EITHER, "/a%20b%40c"},
        {"http://h/{}", "http://h", {.key = TEXT("j\xc3\xb6rg")}, EITHER, "/j%C3%B6rg"},
        {"http://h/{}", "http://h", {.key = TEXT("a\0b\xff")}, EITHER, "/a%00b%FF"},
        {"http://h/{}",
         "http://h",
         {.key = TEXT("{}{key}{user}")},
         EITHER,
         "/%7B%7D%7Bkey%7D%7Buser%7D"}, /* placeholders in a key are not replaced */
        {"http://h/{}", "http://h", {.key = TEXT("?x=1&y#z;")}, EITHER, "/%3Fx%3D1%26y%23z%3B"},
        {"http://h/{}", "http://h", {.key = TEXT("%2e%2E")}, EITHER, "/%252e%252E"},
        {"http://h/{}", "http://h", {.key = TEXT("a/b")}, KEEP_SLASH, "/a/b"},
        {"http://h/{}", "http://h", {.key = TEXT("a/b")}, NO_SLASH, "/a%2Fb"},
        {"http://h/{}", "http://h", {.key = TEXT("/")}, KEEP_SLASH, "//"},
        {"http://h/{}", "http://h", {.key = TEXT("/")}, NO_SLASH, "/%2F"},
        {"http://h/{}", "http://h", {.key = TEXT("*")}, EITHER, "/%2A"},
        {"http://h/{}", "http://h", {.key = TEXT("...")}, EITHER, "/..."},
        {"http://h/{}", "http://h", {.key = TEXT(".a/b./..c")}, KEEP_SLASH, "/.a/b./..c"},
        {"http://h/{}", "http://h", {.key = TEXT("..?x")}, EITHER, "/..%3Fx"},
        {"http://h/x.{}", "http://h", {.key = TEXT("")}, EITHER, "/x."},
        {"http://h/{}?v=..", "http://h", {.key = TEXT("k")}, EITHER, "/k?v=.."},
        {"http://h/{}?v=/../.", "http://h", {.key = TEXT("k")}, EITHER, "/k?v=/../."},
        /* the parts of a key */
        {"http://h/{domain}/{local}?e={extension}",
         "http://h",
         {.key = TEXT("a+b@d.e")},
         EITHER,
         "/d.e/a?e=b"},
        {"http://h/{local}@{domain}", "http://h", {.key = TEXT("a@b@c")}, EITHER, "/a%40b@c"},
        {"http://h/{local}:{extension}:{domain}",
         "http://h",
         {.key = TEXT("a-b+c@d")},
         EITHER,
         "/a:b%2Bc:d"},
        {"http://h/{local}:{extension}:{domain}",
         "http://h",
         {.key = TEXT("owner-list@d")},
         EITHER,
         "/owner-list::d"},
        {"http://h/{local}:{domain}",
         "http://h",
         {.key = TEXT("\"a b\"@d")},
         EITHER,
         "/%22a%20b%22:d"},
        {"http://h/{local}:{extension}",
         "http://h",
         {.key = TEXT("\"a b+c\"@d")},
         EITHER,
         "/%22a%20b%22:c"},
        {"http://h/{local}:{extension}:{domain}", "http://h", {.key = TEXT("d")}, EITHER, "/::d"},
        {"http://h/{local}:{extension}:{domain}", "http://h", {.key = TEXT("@d")}, EITHER, "/::d"},
        {"http://h/{local}:{extension}:{domain}", "http://h", {.key = TEXT("a+@")}, EITHER, "/a::"},
        {"http://h/{local}:{extension}:{domain}", "http://h", {.key = TEXT("")}, EITHER, "/::"},
        {"http://h/{domain}", "http://h", {.key = TEXT("a@[::1]")}, EITHER, "/%5B%3A%3A1%5D"},
        {"http://h/{local}", "http://h", {.key = TEXT("a/b@d")}, KEEP_SLASH, "/a/b"},
        {"http://h/{local}", "http://h", {.key = TEXT("a/b@d")}, NO_SLASH, "/a%2Fb"},
        {"http://h/{table}/{}", "http://h", {.key = TEXT("k")}, KEEP_SLASH, "/t/x/k"},
        {"http://h/{table}/{}", "http://h", {.key = TEXT("k")}, NO_SLASH, "/t%2Fx/k"},
        /* of a private key, the parts are those of its user */
        {"http://h/{domain}/{local}/{key}",
         "http://h",
         {TEXT("k@x"), TEXT("u+e@d"), true},
         KEEP_SLASH,
         "/d/u/k%40x/u%2Be%40d"},
        {"http://h/{domain}/{local}/{user}/{key}",
         "http://h",
         {TEXT("k@x"), TEXT("u+e@d"), true},
         EITHER,
         "/d/u/u%2Be%40d/k%40x"},
        {"http://h/{domain}/{key}",
         "http://h",
         {TEXT("k@x"), TEXT("u@d"), false},
         EITHER,
         "/x/k%40x"},
        /* dots that cannot climb */
        {"http://h/x?k={}", "http://h", {.key = TEXT("..")}, EITHER, "/x?k=.."},
        {"http://h/x?k={}", "http://h", {.key = TEXT("../..")}, KEEP_SLASH, "/x?k=../.."},
        {"http://h/x?{}/{}", "http://h", {.key = TEXT(".")}, EITHER, "/x?./."},
        {"http://h/x?a?/%2e{}", "http://h", {.key = TEXT(".")}, EITHER, "/x?a?/%2e."},
        {"http://h/{}", "http://h", {.key = TEXT("a/../b")}, NO_SLASH, "/a%2F..%2Fb"},
        {"http://h/{}", "http://h", {.key = TEXT("../")}, NO_SLASH, "/..%2F"},
        {"http://h/{}", "http://h", {TEXT(".."), TEXT("u"), true}, NO_SLASH, "/..%2Fu"},
        {"http://h/x-{}", "http://h", {.key = TEXT("..")}, EITHER, "/x-.."},
        {"http://h/{}.json", "http://h", {.key = TEXT("..")}, EITHER, "/...json"},
        {"http://h/x-{}", "http://h", {.key = TEXT("../b")}, KEEP_SLASH, "/x-../b"},
        {"http://h/x{key}{}", "http://h", {.key = TEXT(".")}, EITHER, "/x.."},
        {"http://h/{}{key}", "http://h", {.key = TEXT("..")}, EITHER, "/...."},
        {"http://h/%2e{}", "http://h", {.key = TEXT("..")}, EITHER, "/%2e.."},
        {"http://h/{}", "http://h", {.key = TEXT("%2e.")}, EITHER, "/%252e."},
        {"http://h/%{}", "http://h", {.key = TEXT("..")}, EITHER, "/%.."},
        {"http://h/%2{}", "http://h", {.key = TEXT("..")}, EITHER, "/%2.."},
        {"http://h/{}%", "http://h", {.key = TEXT("..")}, EITHER, "/..%"},
        {"http://h/{}%2", "http://h", {.key = TEXT(".")}, EITHER, "/.%2"},
        /* priv/KEY by a user */
        {"http://h/{}", "http://h", {TEXT("k"), TEXT("u"), true}, KEEP_SLASH, "/k/u"},
        {"http://h/{}", "http://h", {TEXT("k"), TEXT("u"), true}, NO_SLASH, "/k%2Fu"},
        {"http://h/{}/{key}", "http://h", {TEXT("k"), TEXT("u"), true}, KEEP_SLASH, "/k/u/k/u"},
        {"http://h/{user}/{}", "http://h", {TEXT("k"), TEXT("u@d"), true}, EITHER, "/u%40d/k"},
        {"http://h/{}?u={user}", "http://h", {TEXT("k"), TEXT("a&b"), true}, EITHER, "/k?u=a%26b"},
        {"http://h/{user}/{}", "http://h", {.key = TEXT("k")}, EITHER, "//k"},
        {"http://h/{}", "http://h", {TEXT("k"), TEXT("u/v"), true}, KEEP_SLASH, "/k/u/v"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct url_template *t = url_template_new(cases[i].text, &err);

        if (t == NULL)
            fail_msg("%s: %s", cases[i].text, err.text);
        assert_string_equal(url_template_base(t), cases[i].base);
        for (unsigned slash = KEEP_SLASH; slash <= NO_SLASH; slash++) {
            struct buf out;

            if ((cases[i].slash & slash) == 0)
                continue;
            buf_init(&out, 1000);
            buf_add(&out, SPAN("GET ")); /* the target is appended */
            if (expand(t, &cases[i].key, slash == KEEP_SLASH, &out) != URL_TARGET_OK)
                fail_msg("%s with '%.*s': no target", cases[i].text, (int)cases[i].key.key.len,
                         cases[i].key.key.ptr);
            assert_string_equal(buf_string(&out) + 4, cases[i].target);
            buf_deinit(&out);
        }
        url_template_free(&t);
        assert_null(t);
    }
}

static void test_url_template_climbs(void **state)
{
    static const struct {
        const char *text;
        struct table_key key;
        unsigned slash;
    } cases[] = {
        {"http://h/a/{}", {.key = TEXT(".")}, EITHER},
        {"http://h/a/{}", {.key = TEXT("..")}, EITHER},
        {"http://h/a/{}", {.key = TEXT("../b")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("b/..")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("b/../c")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("b/./c")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("/..")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("../")}, KEEP_SLASH},
        {"http://h/a/{}", {.key = TEXT("%/..")}, KEEP_SLASH},
        {"http://h/a/{}/x", {.key = TEXT("..")}, EITHER},
        {"http://h/a/{}?x", {.key = TEXT("..")}, EITHER},
        {"http://h/a/x{}", {.key = TEXT("/..")}, KEEP_SLASH},
        {"http://h/a/{}x", {.key = TEXT("../")}, KEEP_SLASH},
        {"http://h/{}", {TEXT(".."), TEXT("u"), true}, KEEP_SLASH},
        {"http://h/{}", {TEXT("k"), TEXT(".."), true}, KEEP_SLASH},
        {"http://h/{}", {TEXT("k"), TEXT("u/../v"), true}, KEEP_SLASH},
        {"http://h/{user}/{}", {TEXT("k"), TEXT("."), true}, EITHER},
        {"http://h/a/.{}", {.key = TEXT("")}, EITHER}, /* only with the template's text */
        {"http://h/a/.{}/b", {.key = TEXT("")}, EITHER},
        {"http://h/a/{}./b", {.key = TEXT("")}, EITHER},
        {"http://h/a/{}.?q", {.key = TEXT("")}, EITHER},
        {"http://h/a/.{}", {.key = TEXT(".")}, EITHER},
        {"http://h/a/{}{key}", {.key = TEXT(".")}, EITHER},
        {"http://h/a/{user}{}", {TEXT("."), TEXT(""), true}, EITHER},
        {"http://h/{domain}/{local}", {.key = TEXT("..@d")}, EITHER},
        {"http://h/{domain}/{local}", {.key = TEXT("a@.")}, EITHER},
        {"http://h/.{extension}", {.key = TEXT("a@d")}, EITHER},
        {"http://h/{local}{extension}", {.key = TEXT(".+.@d")}, EITHER},
        /* escapes of the template are decoded */
        {"http://h/a/%2e{}", {.key = TEXT(".")}, EITHER},
        {"http://h/a/%2E{}", {.key = TEXT("")}, EITHER},
        {"http://h/a/{}%2e/b", {.key = TEXT(".")}, EITHER},
        {"http://h/a/{}%2E?b", {.key = TEXT("")}, EITHER},
        {"http://h/a%2f{}", {.key = TEXT("..")}, EITHER},
        {"http://h/a/{}%2Fb", {.key = TEXT("..")}, EITHER},
        {"http://h/a/%2{}", {.key = TEXT("e")}, EITHER},
        {"http://h/a/%{}", {.key = TEXT("2E")}, EITHER},
        {"http://h/a%2{}", {.key = TEXT("F..")}, EITHER},
        {"http://h/a/%{}", {.key = TEXT("/..")}, KEEP_SLASH},
        {"http://h/a/%2{}", {.key = TEXT("/../x")}, KEEP_SLASH},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct url_template *t = url_template_new(cases[i].text, &err);

        assert_non_null(t);
        for (int keep_slash = 0; keep_slash < 2; keep_slash++) {
            enum url_target got;
            struct buf out;

            buf_init(&out, 1000);
            if ((cases[i].slash & (keep_slash ? KEEP_SLASH : NO_SLASH)) == 0)
                continue;
            got = expand(t, &cases[i].key, keep_slash, &out);
            if (got != URL_TARGET_CLIMBS)
                fail_msg("%s with '%.*s': %s", cases[i].text, (int)cases[i].key.key.len,
                         cases[i].key.key.ptr, buf_string(&out));
            buf_deinit(&out);
        }
        url_template_free(&t);
    }
}

static void test_url_template_long(void **state)
{
    const struct table_key key = {.key = SPAN("a b")};
    struct error err = {0};
    struct url_template *t = url_template_new("http://h/x/{}/y", &err);
    size_t whole = strlen("/x/a%20b/y");

    (void)state;
    for (size_t max = 0; max <= whole; max++) {
        struct buf out;

        buf_init(&out, max);
        assert_int_equal(expand(t, &key, true, &out),
                         max < whole ? URL_TARGET_LONG : URL_TARGET_OK);
        buf_deinit(&out);
    }
    url_template_free(&t);
}

static void test_url_template_bad(void **state)
{
    static const char *const cases[] = {
        "",
        "h",
        "/path/{}",
        "://h/{}",
        "http:/h/{}",
        "http//h/{}",
        "ftp://h/{}",
        "httpx://h/{}",
        "htt://h/{}",
        "file:///etc/passwd",
        " http://h/{}",
        "http://",
        "http:///{}",
        "http://?{}",
        "http://:80/{}",
        "http://user@h/{}",
        "http://user:secret@h/{}",
        "http://@h/{}",
        "http://h{}/x",
        "http://{key}/x",
        "http://\xc2\xa7/x",
        "http://{user}.h/x",
        "http://h:{}/x",
        "http{}://h/x",
        "\xc2\xa7://h/x",
        "http://h/#x",
        "http://h#x",
        "http://h/{}#",
        "http://h/{name}",
        "http://h/{Local}",
        "http://{domain}/x",
        "http://{table}.h/{}",
        "http://h/{Key}",
        "http://h/{KEY}",
        "http://h/{ }",
        "http://h/{",
        "http://h/}",
        "http://h/{}}",
        "http://h/{{}}",
        "http://h/{key",
        "http://h/a b",
        "http://h/a\tb",
        "http://h/a\nb",
        "http://h/a\x7f",
        "http://h/\"",
        "http://h/<x>",
        "http://h/\\",
        "http://h/^",
        "http://h/`",
        "http://h/|",
        "http://h/\xc3\xb6",
        "http://h/\xc2",
        "http://h/\xa7",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct url_template *t = url_template_new(cases[i], &err);

        if (t != NULL)
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_true(err.text[0] != '\0');
    }
}

static void test_url_template_bad_authority(void **state)
{
    static const char *const cases[] = {"http://h\n/x", "http://a b/x", "http://h{x}/x",
                                        "http://h\x7f/x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct url_template *t = url_template_new(cases[i], &err);

        if (t != NULL)
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

/* No message shows a password, even if there are other faults. */
static void test_url_template_error_without_secret(void **state)
{
    static const char *const cases[] = {
        "http://user:hunter2@h/{}", "http://user:hunter2@h/{name}", "http://user:hunter2@h{}/x",
        "htps://user:hunter2@h/{}", "http://user:hunter2@/{}",      "http://:hunter2@h/{}",
        "http//user:hunter2@h/{}",  "http:/user:hunter2@h/{}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        assert_null(url_template_new(cases[i], &err));
        if (strstr(err.text, "hunter2") != NULL)
            fail_msg("%s", err.text);
    }
}

/* A template with a dot segment would make every key a miss, so that Postfix would reject mail. */
static void test_url_template_must_not_climb_by_itself(void **state)
{
    static const char *const cases[] = {
        "http://h/../{}",  "http://h/./{}",   "http://h/a/../b?q={}", "http://h/{}/..",
        "http://h/.?q={}", "http://h/%2e/{}", "http://h/.%2E?q={}",   "http://h/a%2f..%2F{}"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};
        struct url_template *t = url_template_new(cases[i], &err);

        if (t != NULL)
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static void test_url_template_free_null(void **state)
{
    struct url_template *t = NULL;

    (void)state;
    url_template_free(&t);
    assert_null(t);
}

static void assert_doubt(const char *text, const char *doubt)
{
    struct error err = {0};

    assert_int_equal(url_template_doubt(text, &err), doubt == NULL ? 0 : -1);
    if (doubt == NULL)
        assert_string_equal(err.text, "");
    else
        assert_non_null(strstr(err.text, doubt));
}

static void test_url_template_doubt(void **state)
{
    (void)state;
    assert_doubt("http://h/\xc2\xa7", NULL);
    assert_doubt("http://h/{}", NULL);
    assert_doubt("http://h/a?k={key}&u={user}", NULL);
    assert_doubt("http://h/%c2%a7{}%2F", NULL);
    assert_doubt("http://h/%s", "'%s'");
    assert_doubt("http://h/{}?a=%u", "'%u'");
    assert_doubt("http://h/%2g{}", "'%2'");
    assert_doubt("http://h/{}%", "ends with");
}

static void assert_doubt_of_places(const char *text, const char *of_get, const char *of_post)
{
    struct error err = {0};

    assert_int_equal(url_template_doubt_places(text, false, true, &err), of_get == NULL ? 0 : -1);
    if (of_get != NULL)
        assert_non_null(strstr(err.text, of_get));
    assert_int_equal(url_template_doubt_places(text, true, true, &err), of_post == NULL ? 0 : -1);
    if (of_post != NULL)
        assert_non_null(strstr(err.text, of_post));
}

static void test_url_template_doubt_of_places(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(url_template_doubt_places("http://h/{}/{extension}", false, false, &err), -1);
    assert_non_null(strstr(err.text, "always empty"));
    assert_doubt_of_places("http://h/{}", NULL, "has a placeholder for the key");
    assert_doubt_of_places("http://h/x?k=\xc2\xa7", NULL, "has a placeholder for the key");
    assert_doubt_of_places("http://h/{local}", NULL, "has a placeholder for the key");
    assert_doubt_of_places("http://h/{domain}", NULL, NULL);
    assert_doubt_of_places("http://h/{extension}", "no place", NULL);
    assert_doubt_of_places("http://h/{table}", "no place", NULL);
    assert_doubt_of_places("http://h/", "no place", NULL);
    assert_doubt_of_places("http://h/{user}", "no place", NULL);
    assert_doubt_of_places("http://h/%c2%a7", "no place", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url_template_doubt),
        cmocka_unit_test(test_url_template_doubt_of_places),
        cmocka_unit_test(test_url_template_targets),
        cmocka_unit_test(test_url_template_climbs),
        cmocka_unit_test(test_url_template_long),
        cmocka_unit_test(test_url_template_bad),
        cmocka_unit_test(test_url_template_bad_authority),
        cmocka_unit_test(test_url_template_error_without_secret),
        cmocka_unit_test(test_url_template_must_not_climb_by_itself),
        cmocka_unit_test(test_url_template_free_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
