#include "config_case.h"

#include "podop/table.h"

#include "server/listener_service.h"

#include <ev.h>
#include <sys/mman.h>

static struct ev_loop *loop;
static struct log log_;
static struct config *config;
static struct router *router;
static struct listener_service *service;

/* A configuration of two listeners: the first serves all three tables, the second serves two. */
static const char text[] =
    "listen = ( { socket = \"/all\"; },\n"
    "           { socket = \"/some\"; tables = [ \"alias\", \"slow\" ]; reply_timeout = 7; } );\n"
    "tables = ( { name = \"alias\"; type = \"json\"; param = \"t.json\"; timeout = 2; },\n"
    "           { name = \"other\"; type = \"json\"; param = \"t.json\"; timeout = 3; },\n"
    "           { name = \"slow\"; type = \"json\"; param = \"t.json\"; timeout = 0.5; } );\n";

static void fail_with(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static int setup(void **state)
{
    const struct table_env env = {.log = &log_};
    struct table_env with_loop = env;

    if (enter_directory(state) == -1)
        return -1;
    loop = ev_loop_new(EVFLAG_AUTO);
    with_loop.loop = loop;
    write_text("t.json", "{}");
    config = load_good(text, (struct config_source){0});
    router = router_new(config, &with_loop, fail_with, NULL);
    assert_non_null(router);
    service = listener_service_new(config, &config->listen[0], &log_);
    return 0;
}

static int teardown(void **state)
{
    listener_service_unref(&service);
    assert_null(service);
    router_free(&router);
    config_unref(&config);
    ev_loop_destroy(loop);
    unlink("t.json");
    return leave_directory(state);
}

static bool finds(const char *name)
{
    const struct table *table = service_find_table(&service->base, span_of(name));

    return table != NULL && span_equal(table_name(table), span_of(name));
}

static void test_finds_no_table_without_a_router(void **state)
{
    (void)state;
    assert_false(finds("alias"));
    listener_service_set_router(service, router);
    assert_true(finds("alias"));
    listener_service_set_router(service, NULL);
    assert_false(finds("alias"));
}

static void test_finds_only_the_listeners_tables(void **state)
{
    (void)state;
    listener_service_set_router(service, router);
    assert_true(finds("alias") && finds("other") && finds("slow"));
    assert_false(finds("") || finds("alia") || finds("aliass"));
    listener_service_set_config(service, config, &config->listen[1]);
    assert_true(finds("alias") && finds("slow"));
    assert_false(finds("other"));
}

/* A session keeps a table for as long as the serial stays. */
static void test_serial_changes_with_router_and_settings(void **state)
{
    const uint64_t at_first = service->base.serial;
    uint64_t routed;

    (void)state;
    listener_service_set_router(service, router);
    routed = service->base.serial;
    assert_true(routed != at_first);
    listener_service_set_config(service, config, &config->listen[1]);
    assert_true(service->base.serial != at_first && service->base.serial != routed);
    assert_ptr_equal(service->base.listen, &config->listen[1]);
}

/* Calls of the router, which the linker leads here. */
static unsigned router_calls;

struct table *__real_router_table(const struct router *of, size_t i);
struct table *__wrap_router_table(const struct router *of, size_t i);
struct table *__wrap_router_table(const struct router *of, size_t i)
{
    router_calls++;
    return __real_router_table(of, i);
}

struct table *__real_router_find_table(const struct router *of, struct span name);
struct table *__wrap_router_find_table(const struct router *of, struct span name);
struct table *__wrap_router_find_table(const struct router *of, struct span name)
{
    router_calls++;
    return __real_router_find_table(of, name);
}

/* Each progress of a slow client asks for the timeout, which does not look at the tables again. */
static void test_reply_timeout_is_computed_once(void **state)
{
    (void)state;
    listener_service_set_router(service, router);
    config->listen[1].reply_timeout_ms = 0;
    for (size_t i = 0; i < 2; i++) {
        listener_service_set_config(service, config, &config->listen[i]);
        router_calls = 0;
        assert_int_equal(listener_service_reply_timeout_ms(service), i == 0 ? 3000 : 2000);
        assert_int_equal(router_calls, 0);
    }
    listener_service_set_config(service, config, &config->listen[1]);
    assert_int_equal(router_calls, 2); /* one for each name of 'tables' */
}

static void test_reply_timeout(void **state)
{
    (void)state;
    assert_int_equal(listener_service_reply_timeout_ms(service), 1000); /* at least */
    listener_service_set_router(service, router);
    assert_int_equal(listener_service_reply_timeout_ms(service), 3000); /* the slowest table's */
    listener_service_set_config(service, config, &config->listen[1]);
    assert_int_equal(listener_service_reply_timeout_ms(service), 7000); /* as it is set */
}

static void log_name(const char *name)
{
    service_log_unknown_table(&service->base, "dict", span_of(name));
}

static void log_long(const char *protocol)
{
    service_log_long_request(&service->base, protocol);
}

/* Calls log for each word and returns what was logged. */
static const char *log_by(void (*log)(const char *word), const char *const words[], size_t count)
{
    static char text_[2000];
    const int saved = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    ssize_t len;

    dup2(file, STDERR_FILENO);
    for (size_t i = 0; i < count; i++)
        log(words[i]);
    dup2(saved, STDERR_FILENO);
    close(saved);
    len = pread(file, text_, sizeof(text_) - 1, 0);
    close(file);
    assert_true(len >= 0);
    text_[len] = '\0';
    return text_;
}

static const char *log_of(const char *const names[], size_t count)
{
    return log_by(log_name, names, count);
}

static void test_long_requests_are_logged_once_a_minute(void **state)
{
    static const char *const thrice[] = {"socketmap", "socketmap", "socketmap"};

    (void)state;
    log_.level = LOG_LEVEL_INFO;
    assert_string_equal(log_by(log_long, thrice, 3), "level=warning event=long_request "
                                                     "proto=socketmap socket=/all count=1\n");
    service->base.long_requests_logged.was_logged = false; /* the minute is over */
    assert_string_equal(log_by(log_long, thrice, 1), "level=warning event=long_request "
                                                     "proto=socketmap socket=/all count=4\n");
}

/* The warning names the most similar table that is served, and is logged once a minute. */
static void test_unknown_tables_are_logged_once_a_minute(void **state)
{
    static const char *const twice[] = {"alais", "none"};

    (void)state;
    log_.level = LOG_LEVEL_INFO;
    listener_service_set_router(service, router);
    assert_string_equal(log_of(twice, 2),
                        "level=warning event=unknown_table proto=dict table=alais "
                        "nearest=alias socket=/all count=1\n");
    assert_string_equal(log_of(twice, 1), "");
    service->unknown_limit.was_logged = false; /* the minute is over */
    assert_string_equal(
        log_of(&twice[1], 1),
        "level=warning event=unknown_table proto=dict table=none socket=/all count=4\n");
}

static void test_long_unknown_names_are_cut(void **state)
{
    static char name[1000];
    const char *const names[] = {name};
    const char *line;

    (void)state;
    log_.level = LOG_LEVEL_INFO;
    memset(name, 'n', sizeof(name) - 1);
    line = strstr(log_of(names, 1), "table=");
    assert_non_null(line);
    assert_int_equal(strspn(line + strlen("table="), "n"), 255);
}

/* A session outlives its listener when a commit is still in flight. */
static void test_sessions_keep_the_service(void **state)
{
    struct service *session = service_ref(&service->base);

    (void)state;
    listener_service_unref(&service);
    assert_ptr_equal(session->log, &log_);
    service_unref(&session);
    service = listener_service_new(config, &config->listen[0], &log_);
}

#define WITH_SERVICE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICE(test_finds_no_table_without_a_router),
        WITH_SERVICE(test_finds_only_the_listeners_tables),
        WITH_SERVICE(test_serial_changes_with_router_and_settings),
        WITH_SERVICE(test_reply_timeout),
        WITH_SERVICE(test_reply_timeout_is_computed_once),
        WITH_SERVICE(test_unknown_tables_are_logged_once_a_minute),
        WITH_SERVICE(test_long_requests_are_logged_once_a_minute),
        WITH_SERVICE(test_long_unknown_names_are_cut),
        WITH_SERVICE(test_sessions_keep_the_service),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
