#include "unit.h"

#include "mail/key_forms.h"

/* Replaces the name of a preset by the names of its forms, as the setting does. */
static void add_preset(const char *name, char **items, size_t *count)
{
    const char *const *forms = key_form_preset(name);

    for (size_t i = 0; forms != NULL && forms[i] != NULL; i++) {
        items[i] = (char *)(uintptr_t)forms[i];
        *count = i + 1;
    }
}

static struct key_rules *rules_new(const char *search, const char *extension)
{
    char *items[16], *copy = xstrdup(search), *delimiters = xstrdup(extension), *save = NULL;
    struct key_config config = {.search = {items, 0}, .extension = delimiters};
    struct key_rules *rules;

    for (char *name = strtok_r(copy, " ", &save); name != NULL; name = strtok_r(NULL, " ", &save))
        items[config.search.count++] = name;
    add_preset(search, items, &config.search.count);
    rules = key_rules_new(&config);
    free(copy);
    free(delimiters);
    return rules;
}

/* Appends the forms of key with a blank between; a form without its extension is followed by "!"
 * and the extension. */
static void add_forms(const struct key_rules *rules, struct span key, struct buf *out)
{
    struct key_forms forms;
    struct key_form form;

    key_forms_begin(&forms, rules, key);
    while (key_forms_next(&forms, &form)) {
        if (out->len > 0)
            buf_add_char(out, ' ');
        buf_add(out, form.key);
        if (form.extension.len > 0) {
            buf_add_char(out, '!');
            buf_add(out, form.extension);
        }
    }
    assert_false(key_forms_next(&forms, &form));
    key_forms_end(&forms);
}

#define ALL "key user@domain user+ext user @domain domain .domain parents * user+ext@ user@"

static void test_forms(void **state)
{
    static const struct {
        const char *search;
        struct span key, forms;
    } cases[] = {
        {"key", TEXT("b+n@a.c"), TEXT("b+n@a.c")},
        {"virtual", TEXT("bob+news@a.example"),
         TEXT("bob+news@a.example bob@a.example!+news @a.example")},
        {"virtual", TEXT("bob@a.example"), TEXT("bob@a.example @a.example")},
        {"virtual", TEXT("a.example"), TEXT("a.example")},
        {"virtual", TEXT("@a.example"), TEXT("@a.example")},
        {"virtual", TEXT("bob+x@"), TEXT("bob+x@ bob@!+x")},
        {"virtual", TEXT("@"), TEXT("@")},
        {"virtual", TEXT("<>"), TEXT("<>")},
        {"virtual", TEXT("\"\""), TEXT("\"\"")},
        {"virtual", TEXT("\"<>\""), TEXT("\"<>\"")},
        {"virtual", TEXT(""), TEXT("")},
        {"virtual", {NULL, 0}, TEXT("")},
        {"virtual", TEXT("\"a b+c\"@d.example"),
         TEXT("\"a b+c\"@d.example \"a b\"@d.example!+c @d.example")},
        {"virtual", TEXT("\"a+b c\"@d.example"),
         TEXT("\"a+b c\"@d.example a@d.example!+b c @d.example")},
        {"virtual", TEXT("a b+c@d.example"), TEXT("a b+c@d.example a b@d.example!+c @d.example")},
        {"virtual", TEXT("\"a@b\"@c"), TEXT("\"a@b\"@c @c")},
        {"virtual", TEXT("a+x@b@c"), TEXT("a+x@b@c a@c!+x@b @c")},
        {"virtual", TEXT("u+e@[127.0.0.1]"), TEXT("u+e@[127.0.0.1] u@[127.0.0.1]!+e @[127.0.0.1]")},
        {"virtual", TEXT("u\0+e@d\0"), TEXT("u\0+e@d\0 u\0@d\0!+e @d\0")},
        {"transport", TEXT("b+x@sub.a.example"),
         TEXT("b+x@sub.a.example b@sub.a.example!+x sub.a.example .a.example .example")},
        {"transport", TEXT("*"), TEXT("*")},
        {"transport *", TEXT("*"), TEXT("*")},
        {"transport *", TEXT("b@a"), TEXT("b@a a *")},
        {"transport", TEXT("b@[192.0.2.1]"), TEXT("b@[192.0.2.1] [192.0.2.1] .0.2.1] .2.1] .1]")},
        {"access", TEXT("b+n@s.a.example"),
         TEXT("b+n@s.a.example b@s.a.example!+n s.a.example a.example example b+n@ b@!+n")},
        {"access", TEXT("mail.a.example"), TEXT("mail.a.example a.example example")},
        {"access", TEXT("unknown"), TEXT("unknown")},
        {"access", TEXT("192.0.2.25"), TEXT("192.0.2.25 192.0.2 192.0 192")},
        {"access", TEXT("2001:db8::1"), TEXT("2001:db8::1 2001:db8: 2001:db8 2001")},
        {"access", TEXT("::1"), TEXT("::1 :")},
        {"access", TEXT("::ffff:192.0.2.25"), TEXT("::ffff:192.0.2.25 ::ffff :")},
        {"access", TEXT("192.0.2"), TEXT("192.0.2 0.2 2")}, /* not an address */
        {"access", TEXT("1.2.3.4.5"), TEXT("1.2.3.4.5 2.3.4.5 3.4.5 4.5 5")},
        {"access", TEXT("u@192.0.2.25"), TEXT("u@192.0.2.25 192.0.2.25 0.2.25 2.25 25 u@")},
        {"access", TEXT("[192.0.2.25]"), TEXT("[192.0.2.25] 0.2.25] 2.25] 25]")},
        {".domain", TEXT("192.0.2.25"), TEXT("")},
        {"domain", TEXT("s.a.example"), TEXT("s.a.example a.example example")},
        {"domain", TEXT("u+e@s.a.example"), TEXT("s.a.example a.example example")},
        {"domain", TEXT("a.example."), TEXT("a.example. example.")},
        {".domain", TEXT("a.example."), TEXT(".example.")},
        {"domain", TEXT("a..b"), TEXT("a..b .b b")},
        {".domain parents", TEXT("a..b"), TEXT("..b .b b")},
        {"domain .domain", TEXT(".a.b"), TEXT(".a.b .b")},
        {"domain .domain", TEXT("."), TEXT(".")},
        {"domain .domain", TEXT(".."), TEXT("..")},
        {"@domain", TEXT("u@"), TEXT("")},
        {"user", TEXT("bob"), TEXT("")},
        {"user+ext user", TEXT("b+x@d"), TEXT("b+x b!+x")},
        {"user+ext user", TEXT("\"a b+x\"@d"), TEXT("\"a b+x\" \"a b\"!+x")},
        {"user+ext@ user@", TEXT("\"a b+x\"@d"), TEXT("\"a b+x\"@ \"a b\"@!+x")},
        {ALL, TEXT("b+x@s.a"), TEXT("b+x@s.a b@s.a!+x b+x b!+x @s.a s.a .a a * b+x@ b@!+x")},
        {ALL, TEXT("b@s.a"), TEXT("b@s.a b @s.a s.a .a a * b@")},
        {ALL, TEXT("s.a"), TEXT("s.a .a a *")},
        {ALL, TEXT("@s.a"), TEXT("@s.a s.a .a a *")},
        {ALL, TEXT("b+x@"), TEXT("b+x@ b@!+x b+x b!+x *")},
        {ALL, TEXT("*"), TEXT("*")},
        {ALL, TEXT("*@*"), TEXT("*@* * @* *@")},
        {ALL, TEXT("a@a"), TEXT("a@a a @a * a@")},
        {ALL, TEXT("192.0.2.25"), TEXT("192.0.2.25 192.0.2 192.0 192 *")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct key_rules *rules = rules_new(cases[i].search, "+");
        struct buf got;

        AT_CASE("%zu: %s '%.*s'", i, cases[i].search, (int)cases[i].key.len, cases[i].key.ptr);
        buf_init(&got, BUF_LIMITED_BY_INPUT);
        add_forms(rules, cases[i].key, &got);
        if (!span_equal(buf_span(&got), cases[i].forms))
            fail_msg("got '%.*s'", (int)got.len, got.ptr);
        buf_deinit(&got);
        key_rules_free(&rules);
    }
}

static void test_without_rules(void **state)
{
    struct buf got;

    (void)state;
    buf_init(&got, BUF_LIMITED_BY_INPUT);
    add_forms(NULL, SPAN("b+n@a.c"), &got);
    assert_true(span_equal(buf_span(&got), SPAN("b+n@a.c")));
    buf_deinit(&got);
}

static size_t count_forms(const struct key_rules *rules, struct span key)
{
    struct key_forms forms;
    struct key_form form;
    size_t count = 0;

    key_forms_begin(&forms, rules, key);
    while (key_forms_next(&forms, &form))
        count++;
    key_forms_end(&forms);
    return count;
}

static void test_long_keys(void **state)
{
    struct key_rules *rules = rules_new(ALL, "+");
    static char text[65536];

    (void)state;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = "a."[i % 2];
    assert_int_equal(count_forms(rules, (struct span){text, 253}), 1 + 126 + 126 + 1);
    assert_int_equal(count_forms(rules, (struct span){text, 254}), 2); /* the key, and '*' */
    assert_int_equal(count_forms(rules, (struct span){text, 20000}), 2);
    memset(text, '.', sizeof(text));
    assert_int_equal(count_forms(rules, (struct span){text, 253}), 1 + 251 + 1 + 1);
    text[1] = '@';
    assert_int_equal(count_forms(rules, (struct span){text, sizeof(text)}), 6);
    memset(text, '+', sizeof(text));
    text[0] = 'u';
    text[sizeof(text) - 2] = '@';
    assert_int_equal(count_forms(rules, (struct span){text, sizeof(text)}), 9);
    key_rules_free(&rules);
}

static void test_extension_as_written(void **state)
{
    static const struct {
        const char *key, *extension;
    } cases[] = {
        {"Bob+News@A.Example", "+News"},
        {"\"A b+C d\"@A.Example", "+C d"},
        {"bob@a.example", ""},
        {"a.example+x", ""},
        {"Bob+News", ""},
    };
    struct key_rules *rules = rules_new("virtual", "+");
    struct buf scratch;

    (void)state;
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%s", cases[i].key);
        assert_true(span_equal(key_extension(rules, span_of(cases[i].key), &scratch),
                               span_of(cases[i].extension)));
    }
    buf_deinit(&scratch);
    key_rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_without_rules),
        cmocka_unit_test(test_long_keys),
        cmocka_unit_test(test_extension_as_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
