#include "unit.h"

#include "config/config_type.h"
#include "podop/suggestion.h"

#include "config/hints.h"
#include "podop/table.h"
#include "table/program/program_settings.h"
#include "table/url/url_settings.h"

#include <limits.h>

/* The last fault, and how many there were. */
struct reported {
    char text[512];
    size_t count;
};

static void collect(void *arg, const char *text)
{
    struct reported *reported = arg;

    snprintf(reported->text, sizeof(reported->text), "%s", text);
    reported->count++;
}

/* A value of a case: text is a string; without it, kind says which member is used. */
struct value {
    enum node_kind kind;
    const char *text;
    long long integer;
    double real;
};
#define STRING(s) {NODE_STRING, (s), 0, 0.0}
#define INTEGER(n) {NODE_INTEGER, NULL, (n), 0.0}
#define FLOAT(f) {NODE_FLOAT, NULL, 0, (f)}
#define KIND(k) {(k), NULL, 0, 0.0}

static struct node *node_of(const struct value *value)
{
    struct node *node = node_new(value->kind, NULL, "f:1");

    if (value->text != NULL)
        node->text = xstrdup(value->text);
    node->integer = value->integer;
    node->real = value->real;
    return node;
}

static int store(const struct setting *setting, const struct value *value, void *base,
                 struct reported *reported)
{
    struct faults faults = {collect, reported, reported->count, NULL};
    struct node *node = node_of(value);
    int result = setting_store(setting, node, base, " in table 'a'", &faults);

    node_free(&node);
    assert_int_equal(reported->count, faults.count);
    return result;
}

static size_t size_of_kind(enum setting_kind kind)
{
    switch (kind) {
    case SETTING_STRING: return sizeof(char *);
    case SETTING_BOOL: return sizeof(bool);
    case SETTING_INTEGER:
    case SETTING_DURATION: return sizeof(uint32_t);
    case SETTING_SIZE: return sizeof(size_t);
    case SETTING_PERMISSIONS: return sizeof(unsigned);
    case SETTING_ENUM: return sizeof(enum listen_mode);
    case SETTING_STRINGS: return sizeof(struct string_list);
    case SETTING_STATUSES: return sizeof(struct status_set);
    case SETTING_GROUP:
    case SETTING_SECTION: break;
    }
    return 0;
}

static bool is_number(enum setting_kind kind)
{
    return kind == SETTING_INTEGER || kind == SETTING_DURATION || kind == SETTING_SIZE ||
           kind == SETTING_PERMISSIONS;
}

static void check_setting(const struct setting_group *group, const struct setting *s)
{
    assert_ptr_equal(schema_find(group, s->name), s); /* no second of the name */
    assert_non_null(s->doc);
    assert_non_null(setting_kind_name(s->kind));
    assert_true(s->kind != SETTING_ENUM || s->names != NULL);
    assert_false(s->default_text != NULL && s->default_note != NULL);
    assert_false(s->is_mandatory && (s->default_text != NULL || s->default_note != NULL));
    if (s->kind == SETTING_GROUP || s->kind == SETTING_SECTION) {
        assert_non_null(s->group);
        return;
    }
    assert_int_equal(s->size, size_of_kind(s->kind));
    assert_true(s->is_mandatory || s->default_text != NULL || s->default_note != NULL);
    if (is_number(s->kind)) {
        assert_true(s->min < s->max);
        assert_true(s->max < UINT32_MAX || s->kind == SETTING_SIZE);
    }
}

/* Checks the settings of group and of the groups in it; returns how many there are. */
static size_t check_group(const struct setting_group *group)
{
    size_t count = group->count;

    for (size_t i = 0; i < group->count; i++) {
        const struct setting *s = &group->settings[i];

        check_setting(group, s);
        if (s->group != NULL && strcmp(s->name, "defaults") != 0)
            count += check_group(s->group);
    }
    return count;
}

static void test_schema_every_setting_is_whole(void **state)
{
    size_t count = check_group(&schema_root);

    (void)state;
    for (size_t i = 0; i < table_types.count; i++) {
        const struct config_type *type = table_types.items[i];

        assert_int_equal(type->settings == NULL, type->settings_bytes == 0);
        for (size_t j = 0; type->settings != NULL && j < type->settings->count; j++)
            assert_null(schema_find(&schema_table, type->settings->settings[j].name));
        count += type->settings == NULL ? 0 : check_group(type->settings);
    }
    assert_int_equal(count,
                     11 + 3 + 12 + 9 + 5 + 5 + 3 + 5 + 5 /* and of the types: */ + 24 + 3 + 2 + 1);
}

static void test_schema_defaults(void **state)
{
    struct config config = {0};
    struct listen_config listener = {0};
    struct table_config table = {0};
    struct url_settings url = {0};
    struct program_settings program = {0};

    (void)state;
    schema_set_defaults(&schema_root, &config);
    assert_int_equal(config.log_level, LOG_LEVEL_WARNING);
    assert_int_equal(config.log_format, LOG_FORMAT_TEXT);
    assert_int_equal(config.log_target, LOG_TARGET_STDERR);
    assert_int_equal(config.shutdown_timeout_ms, 10000);
    assert_int_equal(config.pool.max_connections, 64);
    assert_int_equal(config.pool.max_waiting, 10000);
    assert_int_equal(config.pool.idle_timeout_ms, 60000);
    assert_null(config.control.socket);
    assert_int_equal(config.control.permissions, 0600);
    schema_set_defaults(&schema_listen, &listener);
    assert_int_equal(listener.mode, MODE_AUTO);
    assert_int_equal(listener.permissions, 0660);
    assert_int_equal(listener.max_clients, 4096);
    assert_int_equal(listener.request_timeout_ms, 10000);
    assert_int_equal(listener.max_request, 0);
    assert_int_equal(listener.max_reply, 100000);
    schema_set_defaults(&schema_table, &table);
    assert_int_equal(table.timeout_ms, 10000);
    assert_int_equal(table.cache.ttl_ms, 0);
    assert_int_equal(table.cache.stale_ms, 0);
    assert_int_equal(table.cache.max_entries, 100000);
    assert_int_equal(table.cache.max_bytes, 64 * 1024 * 1024);
    schema_set_defaults(&url_settings, &url);
    assert_int_equal(url.connect_timeout_ms, 2000);
    assert_int_equal(url.retries, 1);
    assert_int_equal(url.max_response, 1024 * 1024);
    assert_int_equal(url.encode, ENCODE_PATH);
    schema_set_defaults(&program_settings, &program);
    assert_int_equal(program.processes, 2);
    assert_int_equal(program.max_response, 1024 * 1024);
}

static void test_schema_durations(void **state)
{
    static const struct setting any = {
        .name = "d", .kind = SETTING_DURATION, .min = 0, .max = UINT32_MAX - 1};
    static const struct {
        struct value value;
        uint32_t ms;
    } good[] = {
        {INTEGER(0), 0},           {INTEGER(30), 30000},
        {FLOAT(1.5), 1500},        {FLOAT(0.25), 250},
        {FLOAT(0.1), 100},         {FLOAT(0.0000001), 1},
        {STRING("250ms"), 250},    {STRING("30s"), 30000},
        {STRING("5m"), 300000},    {STRING("2h"), 7200000},
        {STRING("1d"), 86400000},  {STRING("7"), 7000},
        {STRING("0"), 0},          {STRING("1.5"), 1500},
        {STRING("0.5h"), 1800000}, {STRING("1.25s"), 1250},
        {STRING("0.4ms"), 1},      {STRING("0s"), 0},
        {STRING("00030s"), 30000}, {STRING("0.0000000s"), 0},
        {STRING("1.2346s"), 1235}, {STRING("4294967294ms"), UINT32_MAX - 1},
    };
    static const struct value wrong[] = {
        STRING(""),       STRING("5x"),       STRING("5 s"),    STRING(" 5s"),  STRING("5s "),
        STRING("+5s"),    STRING("s"),        STRING(".5s"),    STRING("5.s"),  STRING("5S"),
        STRING("1h30m"),  STRING("1e3"),      STRING("0x10"),   STRING("--5"),  STRING("-"),
        STRING("5ss"),    STRING("infinity"), STRING("nan"),    STRING("1,5s"), KIND(NODE_LIST),
        KIND(NODE_GROUP), KIND(NODE_BOOL),    KIND(NODE_ARRAY),
    };
    static const struct value out[] = {
        INTEGER(-1),
        INTEGER(4294968),
        INTEGER(LLONG_MAX),
        INTEGER(LLONG_MIN),
        FLOAT(-0.001),
        FLOAT(1e300),
        STRING("-5s"),
        STRING("50d"),
        STRING("4294967295ms"),
        STRING("99999999999999999999999999999999999999999999999999d"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct reported reported = {0};
        uint32_t ms = 77;

        assert_int_equal(store(&any, &good[i].value, &ms, &reported), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct reported reported = {0};
        uint32_t ms = 77;

        assert_int_equal(store(&any, &wrong[i], &ms, &reported), -1);
        assert_non_null(
            strstr(reported.text, "'d' in table 'a' expects a duration such as \"30s\""));
        assert_int_equal(ms, 77);
    }
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        struct reported reported = {0};
        uint32_t ms = 77;

        assert_int_equal(store(&any, &out[i], &ms, &reported), -1);
        assert_non_null(
            strstr(reported.text, "'d' in table 'a' must be from 0 to 4294967294ms, got"));
        assert_int_equal(ms, 77);
    }
}

static void test_schema_duration_range_ends(void **state)
{
    static const struct setting any = {
        .name = "d", .kind = SETTING_DURATION, .min = 1, .max = 3600000};
    static const struct value inside[] = {STRING("1ms"), STRING("1h"), INTEGER(3600), FLOAT(1e-9)};
    static const struct value outside[] = {STRING("0"), STRING("3600001ms"), INTEGER(0), FLOAT(0)};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
        struct reported reported = {0};
        uint32_t ms;

        assert_int_equal(store(&any, &inside[i], &ms, &reported), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
        struct reported reported = {0};
        uint32_t ms;

        assert_int_equal(store(&any, &outside[i], &ms, &reported), -1);
        assert_non_null(strstr(reported.text, "must be from 1ms to 1h, got "));
    }
}

static void test_schema_sizes(void **state)
{
    static const struct setting any = {
        .name = "s", .kind = SETTING_SIZE, .min = 1, .max = UINT64_C(64) << 30};
    static const struct {
        struct value value;
        uint64_t bytes;
    } good[] = {
        {INTEGER(1), 1},
        {INTEGER(100000), 100000},
        {INTEGER(INT64_C(4294967296)), UINT64_C(1) << 32},
        {STRING("64K"), 65536},
        {STRING("64k"), 65536},
        {STRING("16M"), 16 << 20},
        {STRING("16m"), 16 << 20},
        {STRING("1G"), 1 << 30},
        {STRING("64g"), UINT64_C(64) << 30},
        {STRING("512"), 512},
    };
    static const struct value wrong[] = {
        STRING(""), STRING("K"),  STRING("64KB"), STRING("64 K"), STRING("1.5M"),  STRING("64T"),
        FLOAT(1.0), STRING("+1"), STRING("0x10"), STRING("64KK"), KIND(NODE_BOOL), KIND(NODE_LIST),
    };
    static const struct value out[] = {
        INTEGER(0),
        INTEGER(-1),
        STRING("0"),
        STRING("-1K"),
        STRING("65G"),
        STRING("18446744073709551616"),
        STRING("17179869185G"), /* 2^64 + 1G: 1G if it wrapped */
        STRING("99999999999999999999999999999G"),
        INTEGER(LLONG_MAX),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct reported reported = {0};
        size_t bytes = 0;

        assert_int_equal(store(&any, &good[i].value, &bytes, &reported), 0);
        assert_int_equal(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct reported reported = {0};
        size_t bytes = 0;

        assert_int_equal(store(&any, &wrong[i], &bytes, &reported), -1);
        if (wrong[i].kind != NODE_FLOAT && wrong[i].kind != NODE_BOOL)
            assert_non_null(
                strstr(reported.text, "'s' in table 'a' expects a size such as \"64K\""));
    }
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        struct reported reported = {0};
        size_t bytes = 0;

        assert_int_equal(store(&any, &out[i], &bytes, &reported), -1);
        assert_non_null(strstr(reported.text, "'s' in table 'a' must be from 1 to 64G, got "));
    }
}

/* Values of real settings, each with the whole message. NULL: the value is good. */
static void test_schema_messages(void **state)
{
    static const struct {
        const struct setting_group *group;
        const char *name;
        struct value value;
        const char *message;
    } cases[] = {
        {&schema_listen, "permissions", STRING("0660"), NULL},
        {&schema_listen, "permissions", STRING("660"), NULL},
        {&schema_listen, "permissions", STRING("0000"), NULL},
        {&schema_listen, "permissions", STRING("0668"),
         "expects octal permissions such as \"0660\", got \"0668\""},
        {&schema_listen, "permissions", STRING("66"),
         "expects octal permissions such as \"0660\", got \"66\""},
        {&schema_listen, "permissions", STRING("00660"),
         "expects octal permissions such as \"0660\", got \"00660\""},
        {&schema_listen, "permissions", STRING("1777"),
         "must be from \"0000\" to \"0777\", got \"1777\""},
        {&schema_listen, "permissions", INTEGER(660),
         "expects octal permissions such as \"0660\", got 660"},
        {&schema_listen, "mode", STRING("dovecot"), NULL},
        {&schema_listen, "mode", STRING("posfix"),
         "must be \"auto\", \"postfix\" or \"dovecot\", got \"posfix\""
         " (did you mean \"postfix\"?)"},
        {&schema_listen, "mode", STRING(""),
         "must be \"auto\", \"postfix\" or \"dovecot\", got \"\""},
        {&schema_listen, "mode", KIND(NODE_GROUP),
         "expects \"auto\", \"postfix\" or \"dovecot\", got a group"},
        {&schema_listen, "max_clients", INTEGER(1), NULL},
        {&schema_listen, "max_clients", INTEGER(0), "must be from 1 to 1000000, got 0"},
        {&schema_listen, "max_clients", INTEGER(INT64_C(4294967297)),
         "must be from 1 to 1000000, got 4294967297"},
        {&schema_listen, "max_clients", STRING("5"), "expects a whole number, got \"5\""},
        {&schema_listen, "max_clients", FLOAT(1.5), "expects a whole number, got 1.5"},
        {&schema_listen, "socket", STRING(""), "must not be empty"},
        {&schema_listen, "socket", INTEGER(9100), "expects a string, got 9100"},
        {&schema_listen, "tables", KIND(NODE_LIST), NULL},
        {&schema_listen, "tables", STRING("a"),
         "expects a list of strings such as [ \"a\", \"b\" ], got \"a\""},
        {&schema_table, "name", STRING("a.b/c=d"), NULL},
        {&schema_table, "name", STRING("\xc3\xa9"), NULL},
        {&schema_table, "name", STRING("a b"),
         "must not contain white space or control bytes, got \"a b\""},
        {&schema_table, "name", STRING("a\nb"),
         "must not contain white space or control bytes, got \"a\\x0ab\""},
        {&url_settings, "retries", INTEGER(0), NULL},
        {&url_settings, "retries", INTEGER(10), NULL},
        {&url_settings, "retries", INTEGER(11), "must be from 0 to 10, got 11"},
        {&url_settings, "retries", INTEGER(-1), "must be from 0 to 10, got -1"},
        {&url_settings, "retries", {NODE_BOOL, NULL, 1, 0.0}, "expects a whole number, got true"},
        {&schema_table, "timeout", KIND(NODE_LIST),
         "expects a duration such as \"30s\" (units: ms, s, m, h, d), got a list"},
        {&url_settings, "select", STRING(""), NULL},
        {&url_settings, "select", STRING("/a~0b/~1/0"), NULL},
        {&url_settings, "select", STRING("a"), "must be empty or begin with '/', got \"a\""},
        {&url_settings, "select", STRING("/a~"),
         "must have each '~' written as '~0' (and '/' in a name as '~1'), got \"/a~\""},
        {&url_settings, "unix_socket", STRING("/run/x"), NULL},
        {&url_settings, "unix_socket", STRING("run/x"), "must be an absolute path, got \"run/x\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct setting *setting = schema_find(cases[i].group, cases[i].name);
        struct listen_config listener = {0};
        struct table_config table = {0};
        struct url_settings url = {0};
        void *base = cases[i].group == &schema_listen  ? (void *)&listener
                     : cases[i].group == &schema_table ? (void *)&table
                                                       : (void *)&url;
        struct reported reported = {0};
        char expected[256];

        assert_non_null(setting);
        store(setting, &cases[i].value, base, &reported);
        snprintf(expected, sizeof(expected), "f:1: '%s' in table 'a' %s", cases[i].name,
                 cases[i].message == NULL ? "" : cases[i].message);
        assert_string_equal(reported.text, cases[i].message == NULL ? "" : expected);
        schema_clear(cases[i].group, base);
    }
}

static void test_schema_name_length(void **state)
{
    const struct setting *setting = schema_find(&schema_table, "name");
    char name[257] = {0};
    struct table_config table = {0};
    struct reported reported = {0};

    (void)state;
    memset(name, 'n', 255);
    assert_int_equal(store(setting, &(const struct value)STRING(name), &table, &reported), 0);
    assert_string_equal(table.name, name);
    name[255] = 'n';
    assert_int_equal(store(setting, &(const struct value)STRING(name), &table, &reported), -1);
    assert_non_null(strstr(reported.text, "must have at most 255 bytes, got \"nnnn"));
    assert_non_null(strstr(reported.text, "nnn...\""));
    assert_int_equal(strlen(table.name), 255); /* a bad value leaves the good one */
    schema_clear(&schema_table, &table);
    assert_null(table.name);
}

static void test_schema_bool(void **state)
{
    static const struct setting any = {.name = "b", .kind = SETTING_BOOL};
    static const struct setting defaulted = {
        .name = "b", .kind = SETTING_BOOL, .default_text = "true"};
    const struct setting_group group = {"g", &defaulted, 1};
    struct reported reported = {0};
    bool is_on = false;

    (void)state;
    assert_int_equal(store(&any, &(const struct value){NODE_BOOL, NULL, 1, 0}, &is_on, &reported),
                     0);
    assert_true(is_on);
    assert_int_equal(store(&any, &(const struct value)INTEGER(0), &is_on, &reported), -1);
    assert_string_equal(reported.text, "f:1: 'b' in table 'a' expects true or false, got 0");
    is_on = false;
    schema_set_defaults(&group, &is_on);
    assert_true(is_on);
}

static void test_schema_headers(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"X-Api-Key: secret", NULL},
        {"Authorization:Bearer x", NULL},
        {"a!#$%&'*+-.^_`|~9: x", NULL},
        {"X: \xc3\xa9", NULL},
        {"Hostess: x", NULL},
        {"foo", "must be of the form \"Name: value\""},
        {": x", "must begin with a valid header name and a colon"},
        {"a b: x", "must begin with a valid header name and a colon"},
        {"X : y", "must begin with a valid header name and a colon"},
        {"X\xc3\xa9: y", "must begin with a valid header name and a colon"},
        {"X: a\r\nHost: b", "must not contain control bytes"},
        {"X: a\tb", "must not contain control bytes"},
        {"X:", "must have a value after the colon"},
        {"X:  ", "must have a value after the colon"},
        {"Host: x", "must not be a header that podop sets"},
        {"hOST: x", "must not be a header that podop sets"},
        {"Content-Length: 5", "must not be a header that podop sets"},
        {"Transfer-Encoding: chunked", "must not be a header that podop sets"},
        {"Connection: close", "must not be a header that podop sets"},
        {"Expect: 100-continue", "must not be a header that podop sets"},
        {"Podop-User: root", "must not be a header that podop sets"},
        {"podop-expire: 1", "must not be a header that podop sets"},
        {"Podop-Timestamp: 1.000000000", "must not be a header that podop sets"},
    };
    const struct setting *setting = schema_find(&url_settings, "headers");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reported reported = {0};
        struct faults faults = {collect, &reported, 0, NULL};
        struct url_settings url = {0};
        struct node *list = node_new(NODE_ARRAY, "headers", "f:1");

        node_add(list, node_new_string(NULL, "A: b", "f:2"));
        node_add(list, node_new_string(NULL, cases[i].text, "f:3"));
        if (cases[i].message == NULL) {
            assert_int_equal(setting_store(setting, list, &url, "", &faults), 0);
            assert_int_equal(url.headers.count, 2);
            assert_string_equal(url.headers.items[1], cases[i].text);
        } else {
            assert_int_equal(setting_store(setting, list, &url, "", &faults), -1);
            assert_true(strncmp(reported.text, "f:3: 'headers' must ", 20) == 0);
            assert_non_null(strstr(reported.text, cases[i].message));
            assert_int_equal(url.headers.count, 0);
        }
        node_free(&list);
        schema_clear(&url_settings, &url);
    }
}

static void test_schema_statuses(void **state)
{
    static const struct value good[] = {INTEGER(201), INTEGER(404), INTEGER(599), STRING("3xx"),
                                        STRING("5XX")};
    static const struct value bad[] = {INTEGER(200),  INTEGER(600),  INTEGER(0),   INTEGER(-404),
                                       STRING("2xx"), STRING("6xx"), STRING("4x"), STRING("4xxx"),
                                       STRING(""),    STRING("404"), FLOAT(404),   KIND(NODE_LIST)};
    const struct setting *setting = schema_find(&url_settings, "miss");
    struct url_settings url = {0};
    struct reported reported = {0};
    struct faults faults = {collect, &reported, 0, NULL};
    struct node *list = node_new(NODE_LIST, "miss", "f:1");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        node_add(list, node_of(&good[i]));
    assert_int_equal(setting_store(setting, list, &url, "", &faults), 0);
    for (unsigned code = 0; code < 1200; code++) {
        bool is_code = code == 201 || code == 404 || code == 599;
        bool is_class = (code >= 300 && code < 400) || (code >= 500 && code < 600);

        assert_int_equal(status_set_has_code(&url.miss, code), is_code);
        assert_int_equal(status_set_has_class(&url.miss, code), is_class);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        node_add(list, node_of(&bad[i]));
    assert_int_equal(setting_store(setting, list, &url, "", &faults), -1);
    assert_int_equal(reported.count, ARRAY_LEN(bad)); /* each is reported */
    assert_string_equal(reported.text,
                        "f:1: 'miss' must have codes from 201 to 599, \"3xx\", \"4xx\" "
                        "and \"5xx\" only, got a list");
    assert_true(status_set_has_code(&url.miss, 404));
    node_free(&list);
    assert_int_equal(store(setting, &(const struct value)INTEGER(404), &url, &reported), -1);
    assert_non_null(
        strstr(reported.text, "expects a list of HTTP statuses such as ( 404, \"5xx\" )"));
}

static void test_schema_hints(void **state)
{
    static const struct {
        const struct setting_group *group;
        const char *word, *hint;
    } cases[] = {
        {&schema_root, "usr", " (did you mean 'user'?)"},
        {&schema_root, "tabels", " (did you mean 'tables'?)"},
        {&schema_root, "LISTEN", " (did you mean 'listen'?)"},
        {&schema_root, "level", " (it belongs in 'log')"},
        {&schema_root, "frobnicate", ""},
        {&schema_root, "max-clients", " (did you mean 'max_clients' in a group of 'listen'?)"},
        {&schema_root, "max_clients", " (it belongs in a group of 'listen')"},
        {&schema_root, "ttl", " (it belongs in a group of 'tables')"},
        {&schema_root, "param", " (it belongs in a group of 'tables')"},
        {&schema_root, "sockets", " (did you mean 'listen'?)"},
        {&schema_listen, "listen", " (it belongs outside of all brackets)"},
        {&schema_listen, "level", " (it belongs in 'log')"},
        {&schema_listen, "chmod", " (did you mean 'permissions'?)"},
        {&schema_table, "socket", " (it belongs in a group of 'listen')"},
        {&schema_table, "tll", " (did you mean 'tls', or 'ttl' in 'cache'?)"},
        {&schema_table, "negativ_ttl", " (did you mean 'negative_ttl' in 'cache'?)"},
        {&schema_table, "retry", " (did you mean 'retries'?)"},
        {&schema_table, "URL", " (the URL is the value of 'param')"},
        {&schema_table, "Token",
         " (write the token into a file, and the path of the file as "
         "'token_file' in 'auth')"},
        {&schema_table, "token_file", " (it belongs in 'auth')"},
        {&schema_table, "ca_file", " (it belongs in 'tls')"},
        {&schema_root, "x", ""},
        {&schema_table, "tiemout", " (did you mean 'timeout'?)"},
        {&schema_table, "connect-timeout", " (did you mean 'connect_timeout'?)"},
        {&schema_table, "ttl", " (it belongs in 'cache')"},
        {&schema_table, "header", " (did you mean 'headers'?)"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hint[128];

        const struct setting_group *groups[] = {cases[i].group, &url_settings};

        hint_write(groups, cases[i].group == &schema_table ? 2 : 1, cases[i].word, hint,
                   sizeof(hint));
        assert_string_equal(hint, cases[i].hint);
    }
}

static void test_schema_distances(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"abc", "abc", 0},
        {"abc", "ABC", 0},
        {"abc", "abd", 1},
        {"abc", "ab", 1},
        {"abc", "xabc", 1},
        {"abc", "acb", 1},
        {"abc", "cab", 2},
        {"ca", "abc", 3},
        {"ab", "", 2},
        {"", "ab", 2},
        {"kitten", "sitting", 3},
        {"abcdef", "badcfe", 3},
        {"abcd", "wxyz", 4},
    };
    char long_word[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(edit_distance(cases[i].a, cases[i].b, 9), cases[i].distance);
        assert_int_equal(edit_distance(cases[i].b, cases[i].a, 9), cases[i].distance);
    }
    assert_int_equal(edit_distance("abcd", "wxyz", 2), 3);
    memset(long_word, 'x', 99);
    long_word[99] = '\0';
    assert_int_equal(edit_distance(long_word, "x", 2), 3);
    long_word[64] = '\0';
    assert_int_equal(edit_distance(long_word, long_word, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schema_every_setting_is_whole),
        cmocka_unit_test(test_schema_defaults),
        cmocka_unit_test(test_schema_durations),
        cmocka_unit_test(test_schema_duration_range_ends),
        cmocka_unit_test(test_schema_sizes),
        cmocka_unit_test(test_schema_messages),
        cmocka_unit_test(test_schema_name_length),
        cmocka_unit_test(test_schema_bool),
        cmocka_unit_test(test_schema_headers),
        cmocka_unit_test(test_schema_statuses),
        cmocka_unit_test(test_schema_hints),
        cmocka_unit_test(test_schema_distances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
