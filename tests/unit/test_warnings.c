#include "config_case.h"

static const struct config_source file_only = {0};

struct warning_case {
    const char *text, *warning; /* NULL: none */
};

/* Asserts the warning of a table with each of the settings. */
static void assert_warnings(const struct warning_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[400];
        struct config *config;

        snprintf(text, sizeof(text),
                 LISTEN
                 "tables = ( { name = \"a\"; type = \"url\"; param = \"http://h/{}\"; %s } );\n",
                 cases[i].text);
        config = load_good(text, file_only);
        if (config->warnings.count != (cases[i].warning == NULL ? 0 : 1))
            fail_msg("case %zu: %zu warnings", i, config->warnings.count);
        if (cases[i].warning != NULL)
            assert_string_equal(config->warnings.items[0], cases[i].warning);
        config_unref(&config);
    }
}

static void test_warnings_of_durations(void **state)
{
    static const struct warning_case cases[] = {
        {"timeout = 100;", NULL},
        {"timeout = 101;", "podop.conf:2: warning: 'timeout' in table 'a' is 101, a number of "
                           "seconds, and longer than any client waits (Postfix 100s, Dovecot 30s); "
                           "is it meant in milliseconds, with \"ms\" after the number?"},
        {"timeout = \"5000\";",
         "podop.conf:2: warning: 'timeout' in table 'a' is \"5000\", a number of seconds, and "
         "longer than any client waits (Postfix 100s, Dovecot 30s); is it meant in milliseconds, "
         "with \"ms\" after the number?"},
        {"timeout = \"100s\";", NULL},
        {"connect_timeout = \"2m\";",
         "podop.conf:2: warning: 'connect_timeout' in table 'a' is \"2m\", longer than any client "
         "waits (Postfix 100s, Dovecot 30s)"},
        {"write_behind = 999;", NULL},
        {"write_behind = 1000;",
         "podop.conf:2: warning: 'write_behind' in table 'a' is 1000, a number of seconds; is it "
         "meant in milliseconds, with \"ms\" after the number?"},
        {"write_behind = \"20m\";", NULL}, /* allowed to be longer than clients wait */
        {"cache = { ttl = 86400; };", NULL},
    };

    (void)state;
    assert_warnings(cases, ARRAY_LEN(cases));
}

static void test_warnings_of_keys(void **state)
{
    static const struct warning_case cases[] = {
        {"key = { fold = true; search = \"virtual\"; extension = \"+\"; propagate = true; };",
         NULL},
        {"key = { search = [ \"key\", \"user@domain\" ]; extension = \"+\"; };", NULL},
        {"key = { search = [ \"domain\", \"parents\" ]; };", NULL},
        {"key = { propagate = true; search = \"virtual\"; };",
         "podop.conf:2: warning: 'propagate' in 'key' of table 'a' changes nothing without "
         "'extension'"},
        {"key = { search = \"virtual\"; extension = \"\"; propagate = false; };", NULL},
        {"key = { search = \"domain\"; extension = \"+\"; };",
         "podop.conf:2: warning: 'extension' in 'key' of table 'a' changes nothing: no form of "
         "'search' cuts it off"},
        {"key = { extension = \"+\"; };",
         "podop.conf:2: warning: 'extension' in 'key' of table 'a' changes nothing: no form of "
         "'search' cuts it off"},
        {"key = { search = [ \"@domain\" ]; };",
         "podop.conf:2: warning: 'search' in 'key' of table 'a' never finds the entry of the key "
         "itself, without \"key\""},
        {"key = { fold = true; }; skip = [ \"no*\", \"[A-Z]*\", \"No*\" ];",
         "podop.conf:2: warning: 'skip' in table 'a' has \"No*\", which matches no key, since keys "
         "are in lower case"},
        {"key = { fold = \"domain\"; }; skip = [ \"No*\" ];", NULL},
    };

    (void)state;
    assert_warnings(cases, ARRAY_LEN(cases));
}

static int refuse(const char *name, struct error *err)
{
    return strcmp(name, "known") == 0 ? 0 : error_set(err, ERR_CONFIG, "no %s here", name);
}

static void test_warnings_of_accounts(void **state)
{
    static const struct config_checks checks = {.user = refuse, .group = refuse};
    static const char *const expected[] = {
        "podop.conf:1: warning: 'user': no u here",
        "podop.conf:2: warning: 'owner' in socket '/s': no o here",
        "podop.conf:4: warning: 'group' in socket '/c': no g here",
    };
    struct config *config = load_good("user = \"u\"; group = \"known\";\n"
                                      "listen = ( { socket = \"/s\"; owner = \"o\"; } );\n" TABLE(
                                          "") "control = { socket = \"/c\"; group = \"g\"; };\n",
                                      (struct config_source){.checks = &checks});

    (void)state;
    assert_int_equal(config->warnings.count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        assert_string_equal(config->warnings.items[i], expected[i]);
    config_unref(&config);
}

static void test_warnings_paths(void **state)
{
    static const struct {
        const char *path;
        enum path_need need;
    } expected[] = {
        {"/run", PATH_MAKE_SOCKETS}, {"/", PATH_MAKE_SOCKETS},   {"/var", PATH_MAKE_SOCKETS},
        {"/ca", PATH_READ},          {"/t", PATH_READ},          {"/u", PATH_CONNECT},
        {"/j.json", PATH_READ},      {"/bin/program", PATH_RUN}, {"podop.conf", PATH_READ},
    };
    struct config *config = load_good(
        "listen = ( { socket = \"unix:/run/s\"; }, { socket = \"/s\"; },\n"
        "  { socket = \"127.0.0.1:1\"; } );\n"
        "control = { socket = \"/var/c\"; };\n"
        "defaults = { tls = { ca_file = \"/ca\"; }; };\n"
        "tables = ( { name = \"a\"; type = \"url\"; param = \"https://h/\"; unix_socket = \"/u\";\n"
        "    auth = { type = \"bearer\"; token_file = \"/t\"; }; },\n"
        "  { name = \"b\"; type = \"json\"; param = \"/j.json\"; },\n"
        "  { name = \"c\"; type = \"program\"; param = \"/bin/program -x\"; },\n"
        "  { name = \"d\"; type = \"program\"; param = \"program\"; },\n"
        "  { name = \"e\"; type = \"program\"; param = \"'\"; },\n"
        "  { name = \"f\"; type = \"dns\"; param = \"mx.example\"; } );\n",
        file_only);

    (void)state;
    assert_int_equal(config->path_count, ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_string_equal(config->paths[i].path, expected[i].path);
        assert_int_equal(config->paths[i].need, expected[i].need);
    }
    assert_string_equal(config->paths[3].origin, "podop.conf:4");
    config_unref(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warnings_of_durations),
        cmocka_unit_test(test_warnings_of_keys),
        cmocka_unit_test(test_warnings_of_accounts),
        cmocka_unit_test(test_warnings_paths),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
