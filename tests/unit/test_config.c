#include "config_case.h"

#define NO_SOCKETS                                                                                 \
    "no sockets to listen on: add listen = ( { socket = \"/run/podop/podop.sock\"; } );"
#define NO_TABLES                                                                                  \
    "no tables: add tables = ( { name = \"alias\"; type = \"url\"; param = "                       \
    "\"http://127.0.0.1:8080/alias/{}\"; } );"

static const struct config_source file_only = {0};

static void test_config_everything(void **state)
{
    struct config *config = load_good(
        "user = \"podop\";  group = \"mail\";\n"
        "log = { level = \"info\"; format = \"json\"; target = \"syslog\"; };\n"
        "shutdown_timeout = \"3s\";\n"
        "listen = (\n"
        "  { socket = \"/run/podop.sock\"; mode = \"auto\"; permissions = \"0600\";\n"
        "    owner = \"postfix\"; group = \"dovecot\"; },\n"
        "  { socket = \"127.0.0.1:9100\"; mode = \"postfix\"; tables = [ \"alias\", \"local\" ];\n"
        "    max_clients = 1000; request_timeout = 2.5; max_request = \"128K\";\n"
        "    max_reply = 200000; }\n"
        ");\n"
        "tables = (\n"
        "  { name = \"alias\"; type = \"url\"; param = \"http://admin/\xc2\xa7\"; timeout = "
        "\"5s\";\n"
        "    cache = { ttl = \"60s\"; negative_ttl = \"10s\"; stale = \"1h\"; max_entries = 5;\n"
        "              max_bytes = 8589934592; }; skip = [ \"\\\\*\", \"*@\\\\[*\" ];\n"
        "    connect_timeout = \"500ms\"; retries = 3; headers = ( \"A: b\" );\n"
        "    unix_socket = \"/run/h\"; max_response = \"2M\"; select = \"/v\";\n"
        "    encode = \"component\"; },\n"
        "  { name = \"local\"; type = \"json\"; param = \"/etc/local.json\"; }\n"
        ");\n"
        "pool = { max_connections = 8; idle_timeout = \"5m\"; };\n",
        file_only);
    const struct listen_config *listen = config->listen;
    const struct table_config *alias = &config->tables[0];

    (void)state;
    assert_string_equal(config->user, "podop");
    assert_string_equal(config->group, "mail");
    assert_int_equal(config->log_level, LOG_LEVEL_INFO);
    assert_int_equal(config->log_format, LOG_FORMAT_JSON);
    assert_int_equal(config->log_target, LOG_TARGET_SYSLOG);
    assert_int_equal(config->shutdown_timeout_ms, 3000);
    assert_int_equal(config->pool.max_connections, 8);
    assert_int_equal(config->pool.idle_timeout_ms, 300000);
    assert_int_equal(config->listen_count, 2);
    assert_string_equal(listen[0].origin, "podop.conf:5");
    assert_string_equal(listen[0].socket, "/run/podop.sock");
    assert_int_equal(listen[0].permissions, 0600);
    assert_string_equal(listen[0].owner, "postfix");
    assert_string_equal(listen[0].group, "dovecot");
    assert_int_equal(listen[0].tables.count, 0);
    assert_int_equal(listen[1].mode, MODE_POSTFIX);
    assert_int_equal(listen[1].tables.count, 2);
    assert_string_equal(listen[1].tables.items[1], "local");
    assert_int_equal(listen[1].max_clients, 1000);
    assert_int_equal(listen[1].request_timeout_ms, 2500);
    assert_int_equal(listen[1].max_request, 128 * 1024);
    assert_int_equal(listen[1].max_reply, 200000);
    assert_null(listen[1].owner);
    assert_int_equal(config->table_count, 2);
    assert_string_equal(alias->origin, "podop.conf:12");
    assert_string_equal(alias->name, "alias");
    assert_string_equal(alias->type, "url");
    assert_string_equal(alias->param, "http://admin/\xc2\xa7");
    assert_int_equal(alias->timeout_ms, 5000);
    assert_int_equal(alias->cache.ttl_ms, 60000);
    assert_int_equal(alias->cache.negative_ttl_ms, 10000);
    assert_int_equal(alias->cache.stale_ms, 3600000);
    assert_int_equal(alias->cache.max_entries, 5);
    assert_true(alias->cache.max_bytes == UINT64_C(8589934592)); /* not its low 32 bits */
    assert_int_equal(alias->skip.count, 2);
    assert_string_equal(alias->skip.items[1], "*@\\[*");
    assert_int_equal(url_settings_of(alias)->connect_timeout_ms, 500);
    assert_int_equal(url_settings_of(alias)->retries, 3);
    assert_int_equal(url_settings_of(alias)->headers.count, 1);
    assert_string_equal(url_settings_of(alias)->unix_socket, "/run/h");
    assert_int_equal(url_settings_of(alias)->max_response, 2 << 20);
    assert_string_equal(url_settings_of(alias)->select, "/v");
    assert_int_equal(url_settings_of(alias)->encode, ENCODE_COMPONENT);
    assert_string_equal(config->tables[1].type, "json");
    config_unref(&config);
    assert_null(config);
    config_unref(&config);
}

static void test_config_all_faults_in_one_go(void **state)
{
    (void)state;
    assert_faults(
        "usr = \"podop\";\n"
        "log = { level = \"debgu\"; format = 5; };\n"
        "level = \"x\";\n"
        "shutdown_timeout = \"5x\";\n"
        "listen = (\n"
        "  { socket = \"/s\"; permissions = 660; tables = [ \"alias\", \"aliass\", \"zz\" ]; },\n"
        "  { mode = \"dovecot\"; max_clients = 0; },\n"
        "  { socket = \"unix:/s\"; max_request = 99999999999; },\n"
        "  \"/t\"\n"
        ");\n"
        "defaults = { timeout = 0; retries = 11; name = \"x\"; cache = { tll = 5; }; };\n"
        "tables = (\n"
        "  { name = \"alias\"; tiemout = 5; ttl = 5; type = \"urll\"; param = \"\"; },\n"
        "  { name = \"alias\"; type = \"json\"; param = \"/x\"; retries = 2;\n"
        "    timeout = ( 1 ); },\n"
        "  { type = \"url\"; param = \"http://x/\"; headers = [ \"foo\", \"Host: x\" ];\n"
        "    select = \"foo\"; cache = 5; auth = { type = \"basic\"; }; },\n"
        "  5\n"
        ");\n"
        "pool = ( );\n",
        file_only,
        "podop.conf:1: unknown setting 'usr' (did you mean 'user'?)\n"
        "podop.conf:2: 'level' in 'log' must be \"error\", \"warning\", \"info\" or \"debug\", got "
        "\"debgu\" (did you mean \"debug\"?)\n"
        "podop.conf:2: 'format' in 'log' expects \"text\" or \"json\", got 5\n"
        "podop.conf:3: unknown setting 'level' (it belongs in 'log')\n"
        "podop.conf:4: 'shutdown_timeout' expects a duration such as \"30s\" (units: ms, s, m, h, "
        "d), got \"5x\"\n"
        "podop.conf:20: 'pool' expects a group, { ... }, got a list\n"
        "podop.conf:6: 'permissions' in socket '/s' expects octal permissions such as \"0660\", "
        "got 660\n"
        "podop.conf:6: no table 'aliass', named by 'tables' in socket '/s' (did you mean "
        "'alias'?)\n"
        "podop.conf:6: no table 'zz', named by 'tables' in socket '/s'\n"
        "podop.conf:7: 'max_clients' in listen.[1] must be from 1 to 1000000, got 0\n"
        "podop.conf:7: 'socket' is missing in listen.[1]\n"
        "podop.conf:8: 'max_request' in socket 'unix:/s' must be from 1 to 64M, got 99999999999\n"
        "podop.conf:10: 'listen' expects groups, ( { ... } ), got \"/t\"\n"
        "podop.conf:8: socket 'unix:/s' is already listened on (podop.conf:6)\n"
        "podop.conf:11: 'timeout' in 'defaults' must be from 1ms to 1d, got 0\n"
        "podop.conf:11: 'retries' in 'defaults' must be from 0 to 10, got 11\n"
        "podop.conf:11: 'name' cannot be in 'defaults': each table has its own\n"
        "podop.conf:11: unknown setting 'tll' in 'cache' of 'defaults' (did you mean 'ttl'?)\n"
        "podop.conf:13: unknown setting 'tiemout' in table 'alias' (did you mean 'timeout'?)\n"
        "podop.conf:13: unknown setting 'ttl' in table 'alias' (it belongs in 'cache')\n"
        "podop.conf:13: 'type' in table 'alias' must be \"url\", \"json\", \"dns\" or \"program\", "
        "got \"urll\" "
        "(did you "
        "mean \"url\"?)\n"
        "podop.conf:13: 'param' in table 'alias' must not be empty\n"
        "podop.conf:14: 'retries' in table 'alias' is for type \"url\" only, and this is \"json\"\n"
        "podop.conf:15: 'timeout' in table 'alias' expects a duration such as \"30s\" (units: ms, "
        "s, m, h, d), got a list\n"
        "podop.conf:16: 'headers' in tables.[2] must be of the form \"Name: value\", got \"foo\"\n"
        "podop.conf:16: 'headers' in tables.[2] must not be a header that podop sets, got \"Host: "
        "x\"\n"
        "podop.conf:17: 'select' in tables.[2] must be empty or begin with '/', got \"foo\"\n"
        "podop.conf:17: 'cache' in tables.[2] expects a group, { ... }, got 5\n"
        "podop.conf:16: 'name' is missing in tables.[2]\n"
        "podop.conf:17: 'user' is missing in 'auth' of tables.[2]\n"
        "podop.conf:17: 'password_file' is missing in 'auth' of tables.[2]\n"
        "podop.conf:18: 'tables' expects groups, ( { ... } ), got 5\n"
        "podop.conf:14: table 'alias' is already defined (podop.conf:13)\n");
}

static void test_config_nothing_to_do(void **state)
{
    (void)state;
    assert_faults("", file_only, "podop.conf: " NO_SOCKETS "\npodop.conf: " NO_TABLES "\n");
    assert_faults("\n# nothing\nlisten = ( );\ntables = [ ];\n", file_only,
                  "podop.conf:3: " NO_SOCKETS "\npodop.conf:4: " NO_TABLES "\n");
    assert_faults("listen = \"/s\";\ntables = { };\n", file_only,
                  "podop.conf:1: 'listen' expects a list, ( { ... }, { ... } ), got \"/s\"\n"
                  "podop.conf:2: 'tables' expects a list, ( { ... }, { ... } ), got a group\n");
    assert_faults(NULL, file_only, "command line: " NO_SOCKETS "\ncommand line: " NO_TABLES "\n");
    assert_faults(LISTEN TABLE("") "defaults = 5;", file_only,
                  "podop.conf:3: 'defaults' expects a group, { ... }, got 5\n");
}

static int refuse_socket(const struct listen_config *listen, struct error *err)
{
    return error_set(err, ERR_CONFIG, "no address: %s", listen->socket);
}

static int refuse_param(const struct table_config *table, const char *param, struct error *err)
{
    return error_set(err, ERR_CONFIG, "no %s: %s", table->type, param);
}

/* Faults that the checks of the server and of the types find are reported with file and line, each
 * once. Incomplete settings are not passed to these checks. */
static void test_config_checks_from_above(void **state)
{
    static const struct config_checks checks = {.listen = refuse_socket};
    static const struct config_type json = {.name = "json", .check_param = refuse_param};
    static const struct config_type list = {
        .name = "list", .may_be_list = true, .check_param = refuse_param};
    static const struct config_type *const items[] = {&json, &list};
    static const struct config_types types = {items, ARRAY_LEN(items)};

    (void)state;
    assert_faults("listen = ( { socket = \"/s\"; }, { mode = \"auto\"; } );\n"
                  "tables = (\n"
                  "  { name = \"a\"; type = \"json\"; param = \"/p\"; },\n"
                  "  { name = \"b\"; type = \"nosuch\"; param = \"/p\"; },\n"
                  "  { name = \"c\"; type = \"list\"; param = [ \"/p\",\n"
                  "    \"/q\" ]; } );\n",
                  (struct config_source){.types = &types, .checks = &checks},
                  "podop.conf:1: 'socket' is missing in listen.[1]\n"
                  "podop.conf:4: 'type' in table 'b' must be \"json\" or \"list\", got \"nosuch\"\n"
                  "podop.conf:1: no address: /s\n"
                  "podop.conf:3: table 'a': no json: /p\n"
                  "podop.conf:5: table 'c': no list: /p\n"
                  "podop.conf:6: table 'c': no list: /q\n");
}

static void test_config_share(void **state)
{
    static const struct {
        const char *defaults, *table;
        bool share;
    } cases[] = {
        {"", "", false},
        {"", "cache = { ttl = 5; };", true},
        {"", "cache = { ttl = 5; }; share = false;", false},
        {"", "share = true;", true},
        {"share = true;", "", true},
        {"share = true;", "share = false;", false},
        {"share = false;", "cache = { ttl = 5; };", false},
        {"cache = { ttl = 5; };", "", true},
        {"cache = { ttl = 5; };", "cache = { ttl = 0; };", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct config *config;

        snprintf(text, sizeof(text),
                 LISTEN "defaults = { %s };\n"
                        "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; %s } );\n",
                 cases[i].defaults, cases[i].table);
        config = load_good(text, file_only);
        assert_int_equal(config->tables[0].share, cases[i].share);
        config_unref(&config);
    }
}

static void test_config_files_that_cannot_be_read(void **state)
{
    static const char with_nul[] = LISTEN "\0" TABLE("");
    struct reported reported;

    (void)state;
    assert_null(load(&(struct config_source){.file = "none.conf"}, &reported));
    assert_string_equal(reported.text,
                        "none.conf: cannot read the configuration: No such file or directory\n");
    assert_null(load(&(struct config_source){.file = "."}, &reported));
    assert_string_equal(reported.text, ".: cannot read the configuration: Is a directory\n");
    assert_null(load(&(struct config_source){.file = "/dev/zero"}, &reported));
    assert_string_equal(reported.text,
                        "/dev/zero: cannot read the configuration: it is larger than 16M\n");
    write_bytes("nul.conf", with_nul, sizeof(with_nul) - 1);
    assert_null(load(&(struct config_source){.file = "nul.conf"}, &reported));
    assert_string_equal(reported.text,
                        "nul.conf:2: a NUL byte: this is not a text file, or it is damaged\n");
}

static void test_config_syntax_errors(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
        {"a = 1;\nb = = 2;\n",
         "podop.conf:2: syntax error: write a single '=' after 'b': 'b = = 2;'\n"},
        {"a = {\n\n", "podop.conf:1: syntax error: a '}' is missing: the '{' in this line is never "
                      "closed: 'a = {'\n"},
        {"a = 1;\nb = 1;\na = 2;\n", "podop.conf:3: duplicate setting name 'a': it is set in "
                                     "podop.conf:1 ('a = 1;') already\n"},
        {"a = 1;\nb = \"x;\nc = 1;\n", "podop.conf:2: syntax error: the string that begins here "
                                       "has no closing quote (\"): 'b = \"x;'\n"},
        {"a = \"x\\\"", "podop.conf:1: syntax error: the string that begins here has no closing "
                        "quote (\"): 'a = \"x\\\"'\n"},
        {"\n/* a\n", "podop.conf:2: the comment that begins here has no end\n"},
        {"a = [ 1, \"x\" ];\n", "podop.conf:1: values of several types are in a list ( ... ), not "
                                "in an array [ ... ]: 'a = [ 1, \"x\" ];'\n"},
        {"@include \"x\n", "podop.conf:1: @include: the name has no closing quote\n"},
        {"\n @include \"none.conf\"\n",
         "podop.conf:2: cannot include 'none.conf': No such file or directory\n"},
        {"@include \".\"\n", "podop.conf:1: cannot include '.': Is a directory\n"},
        {"a = 1; @include \"x\"\n", "podop.conf:1: syntax error: @include must be the first word "
                                    "of its line, with the name of one file in quotes after it\n"},
        {"a = 1;\nb = \"x;\nc = \"2\";\n",
         "podop.conf:2: syntax error: a quote (\") is missing: the string that begins here goes on "
         "to podop.conf:3 ('c = \"2\";'): 'b = \"x;'\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_faults(cases[i].text, file_only, cases[i].fault);
}

static void test_config_include(void **state)
{
    struct reported reported;
    struct config *config;

    (void)state;
    mkdir("d", 0700);
    write_text("d/podop.conf", "/* @include \"none\" */ # \"\n"
                               "@include \"listen.conf\" // \"\n");
    write_text("d/listen.conf", LISTEN "@include \"tables.conf\" @include \"pool.conf\"\n");
    write_text("d/tables.conf", "\n" TABLE("")); /* relative to d, not to here */
    write_text("d/pool.conf", "pool = { max_connections = 5; };");
    config = load(&(struct config_source){.file = "d/podop.conf"}, &reported);
    assert_string_equal(reported.text, "");
    assert_string_equal(config->listen[0].origin, "d/listen.conf:1");
    assert_string_equal(config->tables[0].origin, "d/tables.conf:2");
    assert_int_equal(config->pool.max_connections, 5);
    config_unref(&config);
}

/* Faults and syntax errors in an included file, and after the include, have their own file and
 * line. */
static void test_config_include_faults(void **state)
{
    (void)state;
    write_text("inc.conf", "\nlistn = 1;\n\nusr = 2;");
    assert_faults("\n  @include \"inc.conf\"\nfoo = 1;\n" LISTEN TABLE("bar = 1;"), file_only,
                  "inc.conf:2: unknown setting 'listn' (did you mean 'listen'?)\n"
                  "inc.conf:4: unknown setting 'usr' (did you mean 'user'?)\n"
                  "podop.conf:3: unknown setting 'foo'\n"
                  "podop.conf:5: unknown setting 'bar' in table 'a'\n");
    write_text("inc.conf", "user = \"a\";\ngroup = ;\n");
    assert_faults("@include \"inc.conf\"\n", file_only,
                  "inc.conf:2: syntax error: a value is missing after 'group =': 'group = ;'\n");
    write_text("inc.conf", "user = \"a\";\ngroup = \"b\";\n");
    assert_faults("\nuser = \"b\";\n@include \"inc.conf\"\n", file_only,
                  "inc.conf:1: duplicate setting name 'user': it is set in podop.conf:2 ('user = "
                  "\"b\";') already\n");
    write_text("inc.conf", "\nuser = \"a\n");
    assert_faults("@include \"inc.conf\"\n\"", file_only,
                  "inc.conf:2: syntax error: the string that begins here has no closing quote "
                  "(\"): 'user = \"a'\n");
    assert_faults("\n@include \"podop.conf\"\n", file_only,
                  "podop.conf:2: @include: 'podop.conf' would include itself\n");
}

static void test_config_defaults(void **state)
{
    struct config *config = load_good(
        LISTEN
        "defaults = { timeout = \"7s\"; retries = 4; headers = [ \"A: b\" ]; skip = [ \"x\" ];\n"
        "  unix_socket = \"/u\"; select = \"/s\"; max_response = 5;\n"
        "  cache = { ttl = 5; stale = 6; }; };\n"
        "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; },\n"
        "  { name = \"b\"; type = \"url\"; param = \"p\"; timeout = 1; skip = [ ];\n"
        "    headers = [ \"C: d\", \"E: f\" ]; cache = { ttl = 9; }; unix_socket = \"\";\n"
        "    select = \"\"; retries = 0; },\n"
        "  { name = \"c\"; type = \"json\"; param = \"p\"; } );\n",
        file_only);
    const struct table_config *a = &config->tables[0], *b = &config->tables[1];
    const struct table_config *c = &config->tables[2];

    (void)state;
    assert_int_equal(a->timeout_ms, 7000);
    assert_int_equal(url_settings_of(a)->retries, 4);
    assert_string_equal(url_settings_of(a)->headers.items[0], "A: b");
    assert_string_equal(url_settings_of(a)->unix_socket, "/u");
    assert_string_equal(url_settings_of(a)->select, "/s");
    assert_int_equal(a->cache.ttl_ms, 5000);
    assert_int_equal(a->cache.stale_ms, 6000);
    assert_int_equal(a->cache.max_entries, 100000); /* neither says: the schema does */
    assert_int_equal(b->timeout_ms, 1000);
    assert_int_equal(url_settings_of(b)->retries, 0);
    assert_int_equal(url_settings_of(b)->headers.count, 2);
    assert_int_equal(b->skip.count, 0);
    assert_null(url_settings_of(b)->unix_socket);
    assert_null(url_settings_of(b)->select);
    assert_int_equal(b->cache.ttl_ms, 9000);
    assert_int_equal(b->cache.stale_ms, 6000);
    assert_int_equal(c->timeout_ms, 7000); /* for every type */
    assert_int_equal(c->skip.count, 1);
    config_unref(&config);
}

static void test_config_negative_ttl(void **state)
{
    static const struct {
        const char *defaults, *cache;
        uint32_t negative_ttl_ms;
    } cases[] = {
        {"", "", 0},
        {"", "cache = { ttl = 5; };", 5000},
        {"", "cache = { ttl = 60; };", 60000},
        {"", "cache = { ttl = \"1h\"; };", 60000},
        {"", "cache = { ttl = \"1h\"; negative_ttl = \"2h\"; };", 7200000},
        {"", "cache = { ttl = \"1h\"; negative_ttl = 0; };", 0},
        {"", "cache = { negative_ttl = 3; };", 3000},
        {"cache = { ttl = 7; };", "", 7000},
        {"cache = { ttl = 7; };", "cache = { ttl = 8; };", 8000},
        {"cache = { negative_ttl = 1; };", "cache = { ttl = 8; };", 1000},
        {"cache = { negative_ttl = 1; };", "cache = { negative_ttl = 2; };", 2000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct config *config;

        snprintf(text, sizeof(text),
                 LISTEN "defaults = { %s };\n"
                        "tables = ( { name = \"a\"; type = \"url\"; param = \"p\"; %s } );\n",
                 cases[i].defaults, cases[i].cache);
        config = load_good(text, file_only);
        assert_int_equal(config->tables[0].cache.negative_ttl_ms, cases[i].negative_ttl_ms);
        config_unref(&config);
    }
}

/* Tables are equal for a reload if their settings are, wherever they are written. */
static void test_config_equal_tables(void **state)
{
    static const char *const others[] = {
        "name = \"a\"; type = \"url\"; param = \"q\";",
        "name = \"a\"; type = \"json\"; param = \"p\";",
        "name = \"a\"; type = \"url\"; param = [ \"p\", \"q\" ];",
        "name = \"a\"; type = \"url\"; param = \"p\"; timeout = 1;",
        "name = \"a\"; type = \"url\"; param = \"p\"; max_response = 1;",
        "name = \"a\"; type = \"url\"; param = \"p\"; share = true;",
        "name = \"a\"; type = \"url\"; param = \"p\"; encode = \"component\";",
        "name = \"a\"; type = \"url\"; param = \"p\"; select = \"/v\";",
        "name = \"a\"; type = \"url\"; param = \"p\"; skip = [ \"x\" ];",
        "name = \"a\"; type = \"url\"; param = \"p\"; miss = [ 403 ];",
        "name = \"a\"; type = \"url\"; param = \"p\"; miss = [ \"5xx\" ];",
        "name = \"a\"; type = \"url\"; param = \"p\"; cache = { ttl = 1; };",
    };
    static const char format[] =
        LISTEN "defaults = { retries = 1; };\n tables = ( { name = \"x\"; type = \"url\"; "
               "param = \"x\"; }, { %s } );\n";
    struct config *a = load_good(LISTEN "tables = ( { param = \"p\"; name = \"a\"; type = \"url\"; "
                                        "cache = { ttl = 0; }; } );\n",
                                 file_only);
    char text[512];
    struct config *b;

    (void)state;
    snprintf(text, sizeof(text), format,
             "name = \"a\"; type = \"url\"; param = \"p\"; skip = [ ];");
    b = load_good(text, file_only);
    assert_true(table_config_equal(&a->tables[0], &b->tables[1]));
    config_unref(&b);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        snprintf(text, sizeof(text), format, others[i]);
        b = load_good(text, file_only);
        assert_false(table_config_equal(&a->tables[0], &b->tables[1]));
        assert_true(table_config_equal(&b->tables[1], &b->tables[1]));
        config_unref(&b);
    }
    config_unref(&a);
}

/* Lines 2 and 3 of a file, and the expected faults. */
static void test_config_auth_and_tls_faults(void **state)
{
    static const struct {
        const char *defaults, *table, *faults;
    } cases[] = {
        {"", "auth = { type = \"basic\"; };",
         "podop.conf:3: 'user' is missing in 'auth' of table 'a'\n"
         "podop.conf:3: 'password_file' is missing in 'auth' of table 'a'\n"},
        {"", "auth = { type = \"basic\"; user = \"\"; password_file = \"/p\"; };",
         "podop.conf:3: 'user' is missing in 'auth' of table 'a'\n"},
        {"", "auth = { type = \"bearer\"; };",
         "podop.conf:3: 'token_file' is missing in 'auth' of table 'a'\n"},
        {"",
         "auth = { type = \"basic\"; user = \"u\"; password_file = \"/p\"; token_file = \"/t\"; };",
         "podop.conf:3: 'token_file' in 'auth' of table 'a' is for type \"bearer\" only, and this "
         "is \"basic\"\n"},
        {"", "auth = { type = \"bearer\"; token_file = \"/t\";\nuser = \"u\"; };",
         "podop.conf:4: 'user' in 'auth' of table 'a' is for type \"basic\" only, and this is "
         "\"bearer\"\n"},
        {"", "auth = { token_file = \"/t\"; };",
         "podop.conf:3: 'type' is missing in 'auth' of table 'a'\n"},
        {"", "auth = { type = \"none\"; token_file = \"/t\"; };",
         "podop.conf:3: 'token_file' in 'auth' of table 'a' is for type \"bearer\" only, and this "
         "is \"none\"\n"},
        {"", "auth = { type = \"baerer\"; token_file = \"/t\"; };",
         "podop.conf:3: 'type' in 'auth' of table 'a' must be \"none\", \"basic\" or \"bearer\", "
         "got \"baerer\" (did you mean \"bearer\"?)\n"},
        {"", "auth = { type = \"basic\"; user = \"u:v\"; password_file = \"/p\"; };",
         "podop.conf:3: 'user' in 'auth' of table 'a' must not contain colons or control bytes, "
         "got \"u:v\"\n"},
        /* the value that is written there by mistake may be the secret itself */
        {"", "auth = { type = \"bearer\"; token_file = \"s3cret\"; };",
         "podop.conf:3: 'token_file' in 'auth' of table 'a' must be the absolute path of a file\n"},
        {"", "auth = { type = \"bearer\"; token_file = 4711; };",
         "podop.conf:3: 'token_file' in 'auth' of table 'a' expects a string\n"},
        {"", "auth = { type = \"bearer\"; token = \"s3cret\"; };",
         "podop.conf:3: unknown setting 'token' in 'auth' of table 'a' (write the token into a "
         "file, and the path of the file as 'token_file' in 'auth')\n"
         "podop.conf:3: 'token_file' is missing in 'auth' of table 'a'\n"},
        {"",
         "headers = [ \"A: b\",\n\"authorization: s3cret\" ]; auth = { type = \"bearer\"; "
         "token_file = \"/t\"; };",
         "podop.conf:4: 'headers' in table 'a' must not contain Authorization, which 'auth' "
         "sets\n"},
        {"headers = [ \"Authorization: s3cret\" ];",
         "auth = { type = \"bearer\"; token_file = \"/t\"; };",
         "podop.conf:3: 'headers' in table 'a' must not contain Authorization, which 'auth' "
         "sets\n"},
        {"headers = [ \"Authorization: s3cret\" ];",
         "headers = 5; auth = { type = \"bearer\"; token_file = \"/t\"; };",
         "podop.conf:3: 'headers' in table 'a' expects a list of strings such as [ \"a\", \"b\" ], "
         "got 5\n"
         "podop.conf:3: 'headers' in table 'a' must not contain Authorization, which 'auth' "
         "sets\n"},
        {"auth = { type = \"basic\"; };", "",
         "podop.conf:3: 'user' is missing in 'auth' of table 'a'\n"
         "podop.conf:3: 'password_file' is missing in 'auth' of table 'a'\n"},
        {"auth = { type = \"bearer\"; user = \"u\"; token_file = \"/t\"; };", "",
         "podop.conf:2: 'user' in 'auth' of 'defaults' is for type \"basic\" only, and this is "
         "\"bearer\"\n"},
        {"", "tls = { cert_file = \"/c\"; };",
         "podop.conf:3: 'key_file' is missing in 'tls' of table 'a': certificate and key belong "
         "together\n"},
        {"tls = { cert_file = \"/c\"; key_file = \"/k\"; };", "tls = { cert_file = \"\"; };",
         "podop.conf:3: 'cert_file' is missing in 'tls' of table 'a': certificate and key belong "
         "together\n"},
        {"", "tls = { ca_file = \"ca.pem\"; };",
         "podop.conf:3: 'ca_file' in 'tls' of table 'a' must be the absolute path of a file, got "
         "\"ca.pem\"\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];

        snprintf(text, sizeof(text), LISTEN "defaults = { %s };\n" TABLE("%s"), cases[i].defaults,
                 cases[i].table);
        assert_faults(text, file_only, cases[i].faults);
    }
}

static void test_config_auth_and_tls(void **state)
{
    struct config *config = load_good(
        LISTEN
        "defaults = { auth = { type = \"basic\"; user = \"u\"; password_file = \"/p\"; };\n"
        "  tls = { ca_file = \"/ca\"; cert_file = \"/c\"; key_file = \"/k\"; }; };\n"
        "tables = (\n"
        "  { name = \"a\"; type = \"url\"; param = \"https://h/\"; },\n"
        "  { name = \"b\"; type = \"url\"; param = \"https://h/\";\n"
        "    auth = { type = \"bearer\"; token_file = \"/t\"; }; tls = { ca_file = \"\"; }; },\n"
        "  { name = \"c\"; type = \"url\"; param = \"https://h/\";\n"
        "    auth = { type = \"none\"; }; headers = [ \"Authorization: x\" ];\n"
        "    tls = { cert_file = \"\"; key_file = \"\"; }; },\n"
        "  { name = \"d\"; type = \"url\"; param = \"https://h/\"; auth = { user = \"v\"; }; },\n"
        "  { name = \"e\"; type = \"json\"; param = \"/e\"; }\n"
        ");\n",
        file_only);
    const struct table_config *t = config->tables;

    (void)state;
    assert_int_equal(url_settings_of(&t[0])->auth.type, AUTH_BASIC);
    assert_string_equal(url_settings_of(&t[0])->auth.user, "u");
    assert_string_equal(url_settings_of(&t[0])->auth.password_file, "/p");
    assert_string_equal(url_settings_of(&t[0])->tls.key_file, "/k");
    assert_int_equal(url_settings_of(&t[1])->auth.type, AUTH_BEARER);
    assert_string_equal(url_settings_of(&t[1])->auth.token_file, "/t");
    assert_null(url_settings_of(&t[1])->tls.ca_file);
    assert_string_equal(url_settings_of(&t[1])->tls.cert_file, "/c");
    assert_int_equal(url_settings_of(&t[2])->auth.type, AUTH_NONE);
    assert_null(url_settings_of(&t[2])->tls.cert_file);
    assert_string_equal(url_settings_of(&t[2])->tls.ca_file, "/ca");
    assert_int_equal(url_settings_of(&t[3])->auth.type, AUTH_BASIC);
    assert_string_equal(url_settings_of(&t[3])->auth.user, "v");
    config_unref(&config);
}

/* What owner and group name is known before a socket is opened. */
static void test_accounts(void **state)
{
    struct config *config =
        load_good("listen = ( { socket = \"/a\"; owner = \"4711\"; group = \"4712\"; }, { socket = "
                  "\"/b\"; },\n"
                  "           { socket = \"/c\"; owner = \"no such user\"; } );\n" TABLE(""),
                  (struct config_source){0});
    const struct listen_config *listen = config->listen;

    (void)state;
    assert_true(listen[0].accounts.has_uid && listen[0].accounts.has_gid);
    assert_int_equal(listen[0].accounts.uid, 4711);
    assert_int_equal(listen[0].accounts.gid, 4712);
    assert_string_equal(listen[0].accounts.failure.text, "");
    assert_false(listen[1].accounts.has_uid || listen[1].accounts.has_gid);
    assert_string_equal(listen[2].accounts.failure.text,
                        "owner of /c: there is no user 'no such user'");
    config_unref(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_auth_and_tls_faults),
        cmocka_unit_test(test_config_auth_and_tls),
        cmocka_unit_test(test_config_everything),
        cmocka_unit_test(test_config_all_faults_in_one_go),
        cmocka_unit_test(test_config_nothing_to_do),
        cmocka_unit_test(test_config_checks_from_above),
        cmocka_unit_test(test_config_share),
        cmocka_unit_test(test_config_files_that_cannot_be_read),
        cmocka_unit_test(test_config_syntax_errors),
        cmocka_unit_test(test_config_include),
        cmocka_unit_test(test_config_include_faults),
        cmocka_unit_test(test_config_defaults),
        cmocka_unit_test(test_config_negative_ttl),
        cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_config_equal_tables),
    };

    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
