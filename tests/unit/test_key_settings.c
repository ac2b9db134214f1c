/* test_key_settings.c - the setting 'key' of a table: its values, what a table inherits of it, and
 * its faults. */
#include "config_case.h"

#include "mail/key_form_kind.h"

static const struct config_source file_only = {0};

static const struct setting *find(const char *name)
{
    return schema_find(schema_find(&schema_table, "key")->group, name);
}

static void test_key_settings_names_of_forms(void **state)
{
    const char *const *names = find("search")->names;

    (void)state;
    for (size_t i = 0; names[i] != NULL; i++) {
        if (!key_form_is_known(names[i]))
            fail_msg("'%s' is not a form", names[i]);
    }
}

static void assert_list(const struct string_list *list, const char *const *expected)
{
    for (size_t i = 0; i < list->count; i++) {
        assert_non_null(expected[i]);
        assert_string_equal(list->items[i], expected[i]);
    }
    assert_null(expected[list->count]);
}

static void test_key_settings_values(void **state)
{
    static const struct {
        const char *text;
        enum key_fold fold;
        enum key_idna idna;
        const char *search[4], *extension;
        bool propagate;
    } cases[] = {
        {"", KEY_FOLD_NONE, KEY_IDNA_NONE, {NULL}, NULL, false},
        {"key = { fold = false; idna = \"none\"; search = [ ]; extension = \"\"; };",
         KEY_FOLD_NONE,
         KEY_IDNA_NONE,
         {NULL},
         NULL,
         false},
        {"key = { fold = true; idna = \"ascii\"; search = \"virtual\"; };",
         KEY_FOLD_ALL,
         KEY_IDNA_ASCII,
         {"key", "user@domain", "@domain"},
         NULL,
         false},
        {"key = { fold = \"domain\"; idna = \"unicode\"; search = ( \"key\", \"*\" ); };",
         KEY_FOLD_DOMAIN,
         KEY_IDNA_UNICODE,
         {"key", "*"},
         NULL,
         false},
        {"key = { fold = \"true\"; search = \"virtual\"; extension = \"+-\"; propagate = true; };",
         KEY_FOLD_ALL,
         KEY_IDNA_NONE,
         {"key", "user@domain", "@domain"},
         "+-",
         true},
        {"key = { search = \"domain\"; };",
         KEY_FOLD_NONE,
         KEY_IDNA_NONE,
         {"domain", "parents"},
         NULL,
         false},
        {"key = { search = [ \"domain\" ]; };",
         KEY_FOLD_NONE,
         KEY_IDNA_NONE,
         {"domain"},
         NULL,
         false},
        {"key = { search = \"@domain\"; };",
         KEY_FOLD_NONE,
         KEY_IDNA_NONE,
         {"@domain"},
         NULL,
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[400];
        struct config *config;
        const struct key_config *key;

        snprintf(text, sizeof(text),
                 LISTEN "tables = ( { name = \"a\"; type = \"url\"; "
                        "param = \"p\"; %s } );\n",
                 cases[i].text);
        config = load_good(text, file_only);
        key = &config->tables[0].key;
        if (key->fold != cases[i].fold || key->idna != cases[i].idna ||
            key->propagate != cases[i].propagate)
            fail_msg("case %zu", i);
        assert_list(&key->search, cases[i].search);
        assert_true((key->extension == NULL) == (cases[i].extension == NULL));
        if (key->extension != NULL)
            assert_string_equal(key->extension, cases[i].extension);
        config_unref(&config);
    }
}

/* A table inherits each member by itself, and can cancel it. */
static void test_key_settings_are_inherited(void **state)
{
    const struct cmdline_set set = {SPAN("tables.b.key.fold"), "domain"};
    struct config *config = load_good(
        LISTEN "defaults = { key = { fold = true; search = \"virtual\"; extension = \"+\"; }; };\n"
               "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; "
               "key = { search = [ ]; idna = \"ascii\"; }; },\n"
               "{ name = \"b\"; type = \"url\"; param = \"p\"; key = { extension = \"\"; }; } );\n",
        (struct config_source){.sets = &set, .set_count = 1});
    const struct key_config *a = &config->tables[0].key, *b = &config->tables[1].key;

    (void)state;
    assert_int_equal(a->fold, KEY_FOLD_ALL);
    assert_int_equal(a->idna, KEY_IDNA_ASCII);
    assert_int_equal(a->search.count, 0);
    assert_string_equal(a->extension, "+");
    assert_int_equal(b->fold, KEY_FOLD_DOMAIN);
    assert_int_equal(b->search.count, 3); /* the forms of "virtual" */
    assert_null(b->extension);
    assert_false(table_config_equal(&config->tables[0], &config->tables[1]));
    config_unref(&config);
}

static void test_key_settings_faults(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"fold = 1;", "'fold'WHERE expects false, true or \"domain\", got 1"},
        {"fold = \"domainn\";",
         "'fold'WHERE must be false, true or \"domain\", got \"domainn\" (did "
         "you mean \"domain\"?)"},
        {"idna = true;", "'idna'WHERE expects \"none\", \"ascii\" or \"unicode\", got true"},
        {"extension = \"+@\";",
         "'extension'WHERE must be delimiters such as \"+\", without blanks, "
         "quotes and '@', got \"+@\""},
        {"extension = \"\xc3\xbc\";",
         "'extension'WHERE must be delimiters in ASCII, got \"\xc3\xbc\""},
        {"search = 5;",
         "'search'WHERE expects a string or a list of strings such as [ \"a\", \"b\" ], got 5"},
        {"propagate = \"yes\";", "'propagate'WHERE expects true or false, got \"yes\""},
        {"folds = true;", "unknown setting 'folds'WHERE (did you mean 'fold'?)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *rest = strstr(cases[i].fault, "WHERE");
        char text[400], fault[500];

        snprintf(text, sizeof(text),
                 LISTEN "tables = ( { name = \"a\"; type = \"url\"; "
                        "param = \"p\"; key = { %s }; } );\n",
                 cases[i].text);
        snprintf(fault, sizeof(fault), "podop.conf:2: %.*s in 'key' of table 'a'%s\n",
                 (int)(rest - cases[i].fault), cases[i].fault, rest + strlen("WHERE"));
        assert_faults(text, file_only, fault);
    }
}

static void test_key_settings_unknown_form(void **state)
{
    struct reported reported;

    (void)state;
    write_text("podop.conf", LISTEN TABLE("key = { search = [ \"key\", \"user@domainn\" ]; };"));
    assert_null(load(&(struct config_source){.file = "podop.conf"}, &reported));
    assert_non_null(strstr(reported.text, "got \"user@domainn\" (did you mean \"user@domain\"?)"));
    assert_non_null(strstr(reported.text, "\"*\", \"virtual\", \"canonical\", \"transport\" or "
                                          "\"access\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_settings_names_of_forms),
        cmocka_unit_test(test_key_settings_values),
        cmocka_unit_test(test_key_settings_are_inherited),
        cmocka_unit_test(test_key_settings_faults),
        cmocka_unit_test(test_key_settings_unknown_form),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
