#include "unit.h"

#include "mail/key_form_kind.h"

static void test_known(void **state)
{
    static const char *const known[] = {
        "key", "user@domain", "user+ext", "user",    "@domain",   "domain",    ".domain", "parents",
        "*",   "user+ext@",   "user@",    "virtual", "canonical", "transport", "access",
    };
    static const char *const unknown[] = {"",     "keys", "KEY", "@", "user+ext@domain",
                                          "hash", "key "};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        AT_CASE("%s", known[i]);
        assert_true(key_form_is_known(known[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        AT_CASE("'%s'", unknown[i]);
        assert_false(key_form_is_known(unknown[i]));
    }
}

static void test_order(void **state)
{
    static const struct {
        const char *search[14];
        enum key_form_kind kinds[KEY_FORM_KINDS];
        size_t count;
    } cases[] = {
        {{NULL}, {KEY_FORM_KEY}, 1},
        {{"key"}, {KEY_FORM_KEY}, 1},
        {{"@domain", "key"}, {KEY_FORM_AT_DOMAIN, KEY_FORM_KEY}, 2},
        {{"key", "key", "user", "key"}, {KEY_FORM_KEY, KEY_FORM_USER}, 2},
        {{"virtual"}, {KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_AT_DOMAIN}, 3},
        {{"virtual", "canonical"}, {KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_AT_DOMAIN}, 3},
        {{"virtual", "*"},
         {KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_AT_DOMAIN, KEY_FORM_ANY},
         4},
        {{"@domain", "virtual"}, {KEY_FORM_AT_DOMAIN, KEY_FORM_KEY, KEY_FORM_USER_DOMAIN}, 3},
        {{"domain"}, {KEY_FORM_DOMAIN}, 1},
        {{"domain", "domain"}, {KEY_FORM_DOMAIN}, 1},
        {{"key", "domain"}, {KEY_FORM_KEY, KEY_FORM_DOMAIN}, 2},
        {{"transport", "*"},
         {KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_DOMAIN, KEY_FORM_DOT_PARENTS, KEY_FORM_ANY},
         5},
        {{"access", "key", "user+ext", "user", "@domain", ".domain", "*", "user@"},
         {KEY_FORM_KEY, KEY_FORM_USER_DOMAIN, KEY_FORM_DOMAIN, KEY_FORM_PARENTS,
          KEY_FORM_USER_EXT_AT, KEY_FORM_USER_AT, KEY_FORM_USER_EXT, KEY_FORM_USER,
          KEY_FORM_AT_DOMAIN, KEY_FORM_DOT_PARENTS, KEY_FORM_ANY},
         11},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct string_list search = {0};
        char *items[ARRAY_LEN(cases[i].search)];
        struct key_form_order got;

        AT_CASE("%zu", i);
        search.items = items;
        for (; cases[i].search[search.count] != NULL; search.count++)
            items[search.count] = xstrdup(cases[i].search[search.count]);
        got = key_form_order_of(&search);
        assert_int_equal(got.count, cases[i].count);
        assert_memory_equal(got.kinds, cases[i].kinds, got.count * sizeof(*got.kinds));
        while (search.count > 0)
            free(items[--search.count]);
    }
}

static void test_presets(void **state)
{
    const char *const *forms = key_form_preset("domain");

    (void)state;
    assert_string_equal(forms[0], "domain");
    assert_string_equal(forms[1], "parents");
    assert_null(forms[2]);
    assert_null(key_form_preset("key"));
    assert_null(key_form_preset(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_presets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
