/* test_router.c - the tables of a configuration by name, and what a reload keeps of them. */
#include "config_case.h"

#include "podop/router.h"
#include "podop/write_behind.h"

#include "fake_table.h"

#include <ev.h>

enum { CONF_BYTES = 4096, FAULT_BYTES = 1024 };

static struct ev_loop *loop;
static struct write_behind *wb;
static struct log quiet;
static struct fake_file file; /* of JSON tables */
static char faults[FAULT_BYTES];

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int setup(void **state)
{
    if (enter_directory(state) == -1)
        return -1;
    loop = ev_loop_new(EVFLAG_AUTO);
    wb = write_behind_new(loop, &quiet);
    fake_file_open(&file, SPAN("{\"k\":\"v\"}"));
    faults[0] = '\0';
    return 0;
}

static int teardown(void **state)
{
    fake_file_close(&file);
    write_behind_free(&wb);
    ev_loop_destroy(loop);
    return leave_directory(state);
}

/* A configuration with a JSON table for each of names, which have more settings. */
static struct config *config_of(const char *const *names, size_t count, const char *path,
                                const char *more)
{
    char text[CONF_BYTES];
    size_t len = (size_t)snprintf(text, sizeof(text), LISTEN "tables = (");

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%s{ name = \"%s\"; type = \"json\"; param = \"%s\"; %s }",
                                i == 0 ? "" : ",", names[i], path, more);
    assert_true(len + 4 < sizeof(text));
    snprintf(text + len, sizeof(text) - len, ");\n");
    return load_good(text, (struct config_source){0});
}

static void on_fault(void *arg, const char *text)
{
    const size_t len = strlen(faults);

    (void)arg;
    snprintf(faults + len, sizeof(faults) - len, "%s\n", text);
}

/* The router has the only reference to config. */
static struct router *open_router(struct config *config)
{
    const struct table_env env = {.loop = loop, .write_behind = wb, .log = &quiet};
    struct router *r = router_new(config, &env, on_fault, NULL);

    config_unref(&config);
    return r;
}

static void test_router_finds_by_name(void **state)
{
    static const char *const names[] = {"virtual", "b", "a", "mailbox", "aa", "ab", "transport"};
    static const char *const others[] = {"", "c", "A", "virtua", "virtuals", "mailbax", "a b"};
    struct router *r = open_router(config_of(names, ARRAY_LEN(names), file.path, ""));

    (void)state;
    assert_string_equal(faults, "");
    assert_non_null(r);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct table *t = router_find_table(r, span_of(names[i]));

        if (t == NULL || !span_equal(table_name(t), span_of(names[i])))
            fail_msg("%s", names[i]);
        assert_non_null(router_table(r, i));
    }
    assert_null(router_table(r, ARRAY_LEN(names)));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (router_find_table(r, span_of(others[i])) != NULL)
            fail_msg("%s", others[i]);
    }
    router_free(&r);
    assert_null(r);
    router_free(&r);
}

/* Every table that cannot be opened is a fault of its own, and then there is no router. */
static void test_router_reports_each_fault(void **state)
{
    static const char *const names[] = {"a", "b"};
    const char *first, *second;
    struct router *r = open_router(config_of(names, ARRAY_LEN(names), "/nowhere/x.json", ""));

    (void)state;
    assert_null(r);
    first = strstr(faults, "podop.conf:2: table 'a': ");
    second = strstr(faults, "podop.conf:2: table 'b': ");
    assert_ptr_equal(first, faults);
    assert_non_null(second);
    assert_non_null(strstr(first, "/nowhere/x.json"));
}

static const struct table_key key = {.key = TEXT("k")};

static enum reply_source source_of(struct router *r, const char *name)
{
    struct table *t = router_find_table(r, span_of(name));
    struct reply reply;

    assert_null(table_lookup(t, &key, &reply)); /* a JSON table never waits */
    assert_int_equal(reply.status, REPLY_FOUND);
    return reply.source;
}

/* A table keeps its memory at a reload if, and only if, its configuration is the same. */
static void test_router_takes_over(void **state)
{
    static const char *const before[] = {"gone", "same"}, *const after[] = {"new", "same"};
    const char *const cache = "cache: { ttl = \"1h\"; };";
    struct router *first = open_router(config_of(before, ARRAY_LEN(before), file.path, cache));
    struct router *second, *third;

    (void)state;
    assert_non_null(first);
    router_take_over(first, NULL);
    assert_int_equal(source_of(first, "same"), REPLY_ABSENT);
    assert_int_equal(source_of(first, "gone"), REPLY_ABSENT);

    second = open_router(config_of(after, ARRAY_LEN(after), file.path, cache));
    router_take_over(second, first);
    router_free(&first);
    assert_int_equal(source_of(second, "same"), REPLY_FROM_CACHE);
    assert_int_equal(source_of(second, "new"), REPLY_ABSENT);

    third = open_router(config_of(after, ARRAY_LEN(after), file.path, "cache: { ttl = \"2h\"; };"));
    router_take_over(third, second);
    router_free(&second);
    assert_int_equal(source_of(third, "same"), REPLY_ABSENT);
    router_free(&third);
}

/* A table that is in use outlives its router. */
static void test_router_leaves_tables_in_use(void **state)
{
    static const char *const names[] = {"a"};
    struct router *r = open_router(config_of(names, 1, file.path, ""));
    struct table *t = table_ref(router_find_table(r, SPAN("a")));
    struct reply reply;

    (void)state;
    router_free(&r);
    assert_null(table_lookup(t, &key, &reply));
    assert_true(span_equal(reply.map_value, SPAN("v")));
    table_unref(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_router_finds_by_name),
        WITH(test_router_reports_each_fault),
        WITH(test_router_takes_over),
        WITH(test_router_leaves_tables_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
