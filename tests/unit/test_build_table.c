#include "config_case.h"

/* Two types of this test's own: one whose param may be a list and which takes writes, and one that
 * shares a setting with it. */
struct first_settings {
    uint32_t shared;
    bool only_here;
};
struct second_settings {
    uint32_t shared;
};

static const struct setting first_settings[] = {
    {"shared", SETTING_INTEGER, SETTING_FIELD(first_settings, shared), 1, 10, .default_text = "2",
     .doc = "of both"},
    {"only_here", SETTING_BOOL, SETTING_FIELD(first_settings, only_here), .default_text = "false",
     .doc = "of one"},
};
static const struct setting_group first_group = {.name = "tables", SETTINGS_OF(first_settings)};
static const struct setting second_settings[] = {
    {"shared", SETTING_INTEGER, SETTING_FIELD(second_settings, shared), 1, 5, .default_text = "3",
     .doc = "of both"},
};
static const struct setting_group second_group = {.name = "tables", SETTINGS_OF(second_settings)};

static void cross_check(const struct node *table, const struct table_config *config,
                        const char *where, struct faults *faults)
{
    const struct first_settings *settings = config->settings;

    if (settings->only_here && settings->shared == 7)
        fault_add(faults, table->origin, "7 does not fit%s", where);
}

static void cross_check_defaults(const struct node *defaults, const struct table_config *config,
                                 struct faults *faults)
{
    const struct first_settings *settings = config->settings;

    if (settings->shared == 4)
        fault_add(faults, defaults->origin, "4 fits no table");
}

static int doubt_param(const char *param, struct error *err)
{
    return strcmp(param, "odd") == 0 ? error_set(err, ERR_CONFIG, "it is odd") : 0;
}

static const struct config_type first = {
    .name = "first",
    .settings_bytes = sizeof(struct first_settings),
    .settings = &first_group,
    .may_be_list = true,
    .can_write = true,
    .doubt_param = doubt_param,
    .cross_check = cross_check,
    .cross_check_defaults = cross_check_defaults,
};
static const struct config_type second = {
    .name = "second", .settings_bytes = sizeof(struct second_settings), .settings = &second_group};
static const struct config_type bare = {.name = "bare"};
static const struct config_type *const items[] = {&first, &second, &bare};
static const struct config_types types = {items, ARRAY_LEN(items)};
static const struct config_source source = {.types = &types};

static void test_build_table_settings_of_the_type(void **state)
{
    struct config *config = load_good(
        LISTEN
        "defaults = { shared = 5; only_here = true; };\n"
        "tables = ( { name = \"a\"; type = \"first\"; param = [ \"p\", \"q\" ]; shared = 9; },\n"
        "  { name = \"b\"; type = \"second\"; param = \"p\"; },\n"
        "  { name = \"c\"; type = \"bare\"; param = \"p\"; } );\n",
        source);
    const struct first_settings *a = config->tables[0].settings;
    const struct second_settings *b = config->tables[1].settings;

    (void)state;
    assert_ptr_equal(config->tables[0].kind, &first);
    assert_int_equal(a->shared, 9);
    assert_true(a->only_here);
    assert_int_equal(config->tables[0].fallbacks.count, 1);
    assert_int_equal(b->shared, 5);
    assert_null(config->tables[2].settings);
    config_unref(&config);
}

static void test_build_table_faults(void **state)
{
    static const struct {
        const char *defaults, *table, *faults;
    } cases[] = {
        {"", "type = \"bare\"; param = \"p\"; shared = 1;",
         "podop.conf:3: 'shared' in table 'a' is for type \"first\" or \"second\" only, and this "
         "is "
         "\"bare\"\n"},
        {"", "type = \"second\"; param = \"p\"; write_behind = 1;",
         "podop.conf:3: 'write_behind' in table 'a' is for type \"first\" only, and this is "
         "\"second\"\n"},
        {"", "type = \"second\"; param = [ \"p\" ];",
         "podop.conf:3: 'param' in table 'a' can be a list for type \"first\" only, and this is "
         "\"second\"\n"},
        {"", "type = \"first\"; param = \"p\"; only_heer = 1;",
         "podop.conf:3: unknown setting 'only_heer' in table 'a' (did you mean 'only_here'?)\n"},
        /* The settings of a table whose type is not known are checked all the same. */
        {"", "type = \"fist\"; param = \"p\"; shared = 11;",
         "podop.conf:3: 'type' in table 'a' must be \"first\", \"second\" or \"bare\", got "
         "\"fist\" (did you mean \"first\"?)\n"
         "podop.conf:3: 'shared' in table 'a' must be from 1 to 10, got 11\n"},
        {"", "type = \"first\"; param = \"p\"; shared = 7; only_here = true;",
         "podop.conf:3: 7 does not fit in table 'a'\n"},
        {"shared = 4;", "type = \"first\"; param = \"p\";", "podop.conf:2: 4 fits no table\n"},
        /* Good for one type, not for the other. */
        {"shared = 6;", "type = \"first\"; param = \"p\";",
         "podop.conf:2: 'shared' in 'defaults' must be from 1 to 5, got 6\n"},
        /* Wrong for both, and reported once. */
        {"shared = 11;", "type = \"first\"; param = \"p\";",
         "podop.conf:2: 'shared' in 'defaults' must be from 1 to 10, got 11\n"},
        {"name = \"x\";", "type = \"first\"; param = \"p\";",
         "podop.conf:2: 'name' cannot be in 'defaults': each table has its own\n"},
    };
    char text[500];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof(text),
                 LISTEN "defaults = { %s };\n"
                        "tables = ( { name = \"a\"; %s } );\n",
                 cases[i].defaults, cases[i].table);
        assert_faults(text, source, cases[i].faults);
    }
}

static void test_build_table_mandatory_settings_of_the_type(void **state)
{
    static const struct setting settings[] = {
        {"needed", SETTING_INTEGER, SETTING_FIELD(second_settings, shared), 1, 5,
         .is_mandatory = true, .doc = "of one type"},
    };
    static const struct setting_group group = {.name = "tables", SETTINGS_OF(settings)};
    static const struct config_type strict = {
        .name = "strict", .settings_bytes = sizeof(struct second_settings), .settings = &group};
    static const struct config_type *const with_strict[] = {&strict, &bare};
    static const struct config_types strict_types = {with_strict, ARRAY_LEN(with_strict)};
    static const struct config_source strict_source = {.types = &strict_types};
    static const char good[] =
        LISTEN "defaults = { needed = 5; };\n"
               "tables = ( { name = \"a\"; type = \"strict\"; param = \"p\"; },\n"
               "  { name = \"b\"; type = \"strict\"; param = \"p\"; needed = 4; } );\n";
    struct config *config;

    (void)state;
    assert_faults(LISTEN "tables = ( { name = \"a\"; type = \"strict\"; param = \"p\"; },\n"
                         "  { name = \"b\"; type = \"bare\"; param = \"p\"; },\n"
                         "  { name = \"c\"; type = \"strict\"; param = \"p\"; needed = 6; } );\n",
                  strict_source,
                  "podop.conf:2: 'needed' is missing in table 'a'\n"
                  "podop.conf:4: 'needed' in table 'c' must be from 1 to 5, got 6\n");
    config = load_good(good, strict_source);
    assert_int_equal(((const struct second_settings *)config->tables[0].settings)->shared, 5);
    assert_int_equal(((const struct second_settings *)config->tables[1].settings)->shared, 4);
    config_unref(&config);
}

static void test_build_table_doubts(void **state)
{
    struct config *config = load_good(
        LISTEN "tables = ( { name = \"a\"; type = \"first\"; param = [ \"p\",\n \"odd\" ]; },\n"
               "  { name = \"b\"; type = \"second\"; param = \"odd\"; } );\n",
        source);

    (void)state;
    assert_int_equal(config->warnings.count, 1);
    assert_string_equal(config->warnings.items[0], "podop.conf:3: warning: table 'a': it is odd");
    config_unref(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build_table_settings_of_the_type),
        cmocka_unit_test(test_build_table_faults),
        cmocka_unit_test(test_build_table_mandatory_settings_of_the_type),
        cmocka_unit_test(test_build_table_doubts),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
