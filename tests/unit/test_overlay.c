/* The command line on top of the file. */
#include "config_case.h"

#define SETS(array) .sets = (array), .set_count = ARRAY_LEN(array)
#define SET(path, value) {{(path), sizeof(path) - 1}, (value)}

/* A command line of the Python podop, without a file. */
static void test_overlay_alone(void **state)
{
    static const struct cmdline_socket sockets[] = {{"/run/a", NULL}, {"[::1]:9", "dovecot"}};
    static const struct cmdline_table tables[] = {{"t", "url", "http://h/\xc2\xa7"},
                                                  {"u", "json", "/f"}};
    struct config *config = load_good(
        NULL, (struct config_source){
                  .sockets = sockets, .socket_count = 2, .tables = tables, .table_count = 2});

    (void)state;
    assert_int_equal(config->listen_count, 2);
    assert_string_equal(config->listen[0].origin, "--socket /run/a");
    assert_int_equal(config->listen[0].mode, MODE_AUTO);
    assert_int_equal(config->listen[0].max_clients, 4096);
    assert_string_equal(config->listen[1].socket, "[::1]:9");
    assert_int_equal(config->listen[1].mode, MODE_DOVECOT);
    assert_int_equal(config->table_count, 2);
    assert_string_equal(config->tables[0].origin, "--name t");
    assert_string_equal(config->tables[0].param, "http://h/\xc2\xa7");
    assert_int_equal(config->tables[0].timeout_ms, 10000);
    assert_int_equal(config->log_level, LOG_LEVEL_WARNING);
    config_unref(&config);
}

static void test_overlay_over_file(void **state)
{
    static const struct cmdline_socket sockets[] = {{"/t", "postfix"}};
    static const struct cmdline_table tables[] = {{"b", "json", "/b"}, {"n", "url", "http://n/"}};
    static const struct cmdline_set sets[] = {
        SET("tables.b.cache.ttl", "5"),
        SET("listen.[1].max_clients", "7"),
    };
    struct config *config = load_good(
        LISTEN "defaults = { timeout = 3; };\n"
               "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; },\n"
               "  { name = \"b\"; type = \"url\"; param = \"p\"; retries = 9; } );\n",
        (struct config_source){
            .sockets = sockets, .socket_count = 1, .tables = tables, .table_count = 2, SETS(sets)});

    (void)state;
    assert_int_equal(config->listen_count, 2);
    assert_string_equal(config->listen[1].socket, "/t");
    assert_int_equal(config->listen[1].mode, MODE_POSTFIX);
    assert_int_equal(config->listen[1].max_clients, 7);
    assert_int_equal(config->table_count, 3);
    assert_string_equal(config->tables[1].origin, "--name b"); /* the whole table is replaced */
    assert_string_equal(config->tables[1].type, "json");
    assert_int_equal(config->tables[1].cache.ttl_ms, 5000);
    assert_string_equal(config->tables[2].name, "n");
    assert_int_equal(config->tables[2].timeout_ms, 3000);
    config_unref(&config);
}

static void test_overlay_faults(void **state)
{
    static const struct cmdline_socket sockets[] = {{"/s", NULL}, {"", "posfix"}};
    static const struct cmdline_table tables[] = {
        {"a", "jsn", "x"}, {"b c", "url", ""}, {"d", "url", "x"}, {"d", "json", "y"}};

    (void)state;
    assert_faults(LISTEN TABLE(""),
                  (struct config_source){
                      .sockets = sockets, .socket_count = 2, .tables = tables, .table_count = 4},
                  "--socket : 'socket' in socket '' must not be empty\n"
                  "--mode posfix: 'mode' in socket '' must be \"auto\", \"postfix\" or "
                  "\"dovecot\", got \"posfix\" (did you mean \"postfix\"?)\n"
                  "--socket /s: socket '/s' is already listened on (podop.conf:1)\n"
                  "--type jsn: 'type' in table 'a' must be \"url\", \"json\", \"dns\" or "
                  "\"program\", got \"jsn\" (did "
                  "you mean \"json\"?)\n"
                  "--name b c: 'name' in table 'b c' must not contain white space or control "
                  "bytes, got \"b c\"\n"
                  "--param : 'param' in table 'b c' must not be empty\n"
                  "--name d: table 'd' is already defined (--name d)\n");
}

/* Only the first --name of a name replaces the file's table. */
static void test_overlay_doubles(void **state)
{
    static const struct cmdline_table tables[] = {{"a", "url", "x"}, {"a", "json", "y"}};

    (void)state;
    assert_faults(LISTEN TABLE(""), (struct config_source){.tables = tables, .table_count = 2},
                  "--name a: table 'a' is already defined (--name a)\n");
}

static void test_overlay_sets(void **state)
{
    static const struct cmdline_set sets[] = {
        SET("log.level", "debug"), /* not a libconfig value, so a string; the group is made */
        SET("log.format", "\"json\""),
        SET("user", "1000"), /* a number for a string setting: as written */
        SET("shutdown_timeout", "5s"),
        SET("shutdown_timeout", "6s"), /* the last one wins */
        SET("pool.idle_timeout", "1.5"),
        SET("listen.[0].permissions", "0640"),
        SET("listen.[0].tables", "[ \"a\", \"a.b\" ]"),
        SET("listen.[0].max_reply", "1K"),
        SET("tables.a.timeout", "9"),
        SET("tables.a.b.timeout", "8"), /* the longest name wins */
        SET("tables.a.b.cache.ttl", "7"),
        SET("tables.[2].cache", "{ ttl = 4; stale = 2; }"),
        SET("tables.[2].cache.stale", "3"),
        SET("tables.a.cache.max_bytes", "8589934592"), /* beyond libconfig's 32 bits */
        SET("tables.a.headers", "( \"A: b\" )"),
        SET("tables.a.param", "http://h/#{};x=1"),
        SET("defaults.connect_timeout", "100ms"),
        SET("tables.c.name", "z"),
    };
    struct config *config = load_good(
        LISTEN "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; },\n"
               "  { name = \"a.b\"; type = \"url\"; param = \"p\"; timeout = 5; },\n"
               "  { name = \"c\"; type = \"url\"; param = \"p\"; cache = { ttl = 1; }; } );\n",
        (struct config_source){SETS(sets)});
    const struct table_config *a = &config->tables[0], *a_b = &config->tables[1];
    const struct table_config *c = &config->tables[2];

    (void)state;
    assert_int_equal(config->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_string_equal(config->user, "1000");
    assert_int_equal(config->shutdown_timeout_ms, 6000);
    assert_int_equal(config->pool.idle_timeout_ms, 1500);
    assert_int_equal(config->listen[0].permissions, 0640);
    assert_int_equal(config->listen[0].tables.count, 2);
    assert_int_equal(config->listen[0].max_reply, 1024);
    assert_int_equal(a->timeout_ms, 9000);
    assert_int_equal(a_b->timeout_ms, 8000);
    assert_int_equal(a_b->cache.ttl_ms, 7000);
    assert_int_equal(c->cache.ttl_ms, 4000);
    assert_int_equal(c->cache.stale_ms, 3000);
    assert_true(a->cache.max_bytes == UINT64_C(8589934592));
    assert_string_equal(url_settings_of(a)->headers.items[0], "A: b");
    assert_string_equal(a->param, "http://h/#{};x=1");
    assert_int_equal(url_settings_of(a)->connect_timeout_ms, 100);
    assert_string_equal(c->name, "z");
    config_unref(&config);
}

static void test_overlay_set_faults(void **state)
{
    static const struct {
        struct cmdline_set set;
        const char *fault;
    } cases[] = {
        {SET("tables.a.tiemout", "5"),
         "--set tables.a.tiemout=5: unknown setting 'tiemout' in table 'a' (did you mean "
         "'timeout'?)\n"},
        {SET("tabels.a.timeout", "5"), "--set tabels.a.timeout=5: unknown setting 'tabels' (did "
                                       "you mean 'tables'?)\n"},
        {SET("tables.a.timeout", "5x"),
         "--set tables.a.timeout=5x: 'timeout' in table 'a' expects a duration such as \"30s\" "
         "(units: ms, s, m, h, d), got \"5x\"\n"},
        {SET("tables.a.timeout", ""), "--set tables.a.timeout=: 'timeout' in table 'a' expects a "
                                      "duration such as \"30s\" (units: ms, s, m, h, d), got "
                                      "\"\"\n"},
        {SET("tables.a.retries", "11"),
         "--set tables.a.retries=11: 'retries' in table 'a' must be from 0 to 10, got 11\n"},
        {SET("tables.alia.timeout", "5"), "--set tables.alia.timeout=5: no table 'alia'\n"},
        {SET("tables.alpha.timeout", "5"),
         "--set tables.alpha.timeout=5: no table 'alpha' (did you mean 'alpah'?)\n"},
        {SET("tables", "5"),
         "--set tables=5: 'tables' expects a list, ( { ... }, { ... } ), got 5\n"},
        {SET("tables.a", "5"), "--set tables.a=5: 'tables' expects groups, ( { ... } ), got 5\n"},
        {SET("tables.[2].timeout", "5"),
         "--set tables.[2].timeout=5: 'tables' has 2 elements, counted from [0]\n"},
        {SET("listen.[1].mode", "auto"),
         "--set listen.[1].mode=auto: 'listen' has 1 element, counted from [0]\n"},
        {SET("listen.[99999999999999999999].mode", "auto"),
         "--set listen.[99999999999999999999].mode=auto: 'listen' has 1 element, counted from "
         "[0]\n"},
        {SET("listen.[x].mode", "auto"),
         "--set listen.[x].mode=auto: expected an index such as [0] at '[x].mode'\n"},
        {SET("listen.[0", "5"), "--set listen.[0=5: expected an index such as [0] at '[0'\n"},
        {SET("listen.mode", "auto"),
         "--set listen.mode=auto: 'listen' is not a group, so it cannot hold 'mode'\n"},
        {SET("log.[0]", "5"), "--set log.[0]=5: 'log' is not a list\n"},
        {SET("log.level.x", "5"),
         "--set log.level.x=5: 'level' is not a group, so it cannot hold 'x'\n"},
        {SET("log.", "5"), "--set log.=5: a name is missing after the last dot\n"},
        {SET("log..level", "5"), "--set log..level=5: a name is missing at '.level'\n"},
        {SET("tables.a.cache", "5"),
         "--set tables.a.cache=5: 'cache' in table 'a' expects a group, { ... }, got 5\n"},
        {SET("tables.a.cache", "{ tl = 1; }"),
         "--set tables.a.cache={ tl = 1; }: unknown setting 'tl' in 'cache' of table 'a' (did you "
         "mean 'ttl'?)\n"},
        {SET("log.level", "a\nb"),
         "--set log.level=a\\x0ab: 'level' in 'log' must be \"error\", \"warning\", \"info\" or "
         "\"debug\", got \"a\\x0ab\"\n"},
        {SET("shutdown_timeout", "1; user = \"x\""), /* one value, not the way to more settings */
         "--set shutdown_timeout=1; user = \"x\": 'shutdown_timeout' expects a duration such as "
         "\"30s\" (units: ms, s, m, h, d), got \"1; user = "
         "\"x\"\"\n"},
        {SET("user", "\n@include \"/etc/passwd\""), NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct config_source source = {.sets = &cases[i].set, .set_count = 1};
        static const char text[] = "log = { level = \"info\"; };\n" LISTEN
                                   "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; },\n"
                                   "  { name = \"alpah\"; type = \"url\"; param = \"p\"; } );\n";

        if (cases[i].fault != NULL) {
            assert_faults(text, source, cases[i].fault);
        } else {
            struct config *config = load_good(text, source);

            assert_string_equal(config->user, cases[i].set.value);
            config_unref(&config);
        }
    }
}

static void test_overlay_verbose(void **state)
{
    static const struct {
        const char *level;
        int verbose;
        enum log_level expected;
    } cases[] = {
        {"error", 0, LOG_LEVEL_ERROR},   {"error", 1, LOG_LEVEL_INFO},
        {"error", 2, LOG_LEVEL_DEBUG},   {"debug", 0, LOG_LEVEL_DEBUG},
        {"debug", 1, LOG_LEVEL_DEBUG},   {"info", 2, LOG_LEVEL_DEBUG},
        {"warning", 7, LOG_LEVEL_DEBUG},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct cmdline_set set = {SPAN("log.level"), cases[i].level};
        struct config *config = load_good(
            LISTEN TABLE(""),
            (struct config_source){.sets = &set, .set_count = 1, .verbose = cases[i].verbose});

        assert_int_equal(config->log_level, cases[i].expected);
        config_unref(&config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_overlay_alone),   cmocka_unit_test(test_overlay_over_file),
        cmocka_unit_test(test_overlay_faults),  cmocka_unit_test(test_overlay_doubles),
        cmocka_unit_test(test_overlay_sets),    cmocka_unit_test(test_overlay_set_faults),
        cmocka_unit_test(test_overlay_verbose),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
