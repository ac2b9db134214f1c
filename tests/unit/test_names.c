/* Names over time. The test provides the text of /etc/hosts and /etc/resolv.conf. */
#include "unit.h"

#include "backend/dns/name_files.h"
#include "backend/dns/names.h"
#include "fake_name_server.h"

#include <ev.h>

static const struct fake_record records[] = {{"a.example", DNS_A, TEXT("\x0a\0\0\1"), 30}};

static const char *hosts;  /* the text of /etc/hosts */
static bool has_new_hosts; /* since the last check */
static bool is_short;      /* of descriptors: no file can be opened */
static struct fake_name_server server;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
bool __wrap_name_file_read(const char *path, struct buf *to);
bool __wrap_name_file_has_changed(const char *path, struct name_file_state *state);
bool __wrap_resolv_conf_read(struct resolv_conf *to);

bool __wrap_name_file_read(const char *path, struct buf *to)
{
    assert_string_equal(path, HOSTS_PATH);
    if (!is_short)
        buf_add(to, span_of(hosts));
    return !is_short;
}

bool __wrap_name_file_has_changed(const char *path, struct name_file_state *state)
{
    const bool is_hosts = strcmp(path, HOSTS_PATH) == 0;
    const bool has_changed = state->size == 0 || (is_hosts && has_new_hosts);

    state->size = 1;
    if (is_hosts)
        has_new_hosts = false;
    return has_changed;
}

bool __wrap_resolv_conf_read(struct resolv_conf *to)
{
    *to = (struct resolv_conf){.server_count = 1, .ndots = 1};
    snprintf(to->servers[0], sizeof(to->servers[0]), "%s", is_short ? "127.0.0.1" : server.text);
    return !is_short;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct waiter {
    struct name_wait wait;
    unsigned calls;
    struct name **frees; /* when it is called; may be NULL */
    struct waiter *stops;
};

static struct ev_loop *loop;
static struct names *names;

static void on_news(struct name_wait *wait)
{
    struct waiter *w = CONTAINER_OF(wait, struct waiter, wait);

    w->calls++;
    if (w->frees != NULL)
        names_unref(w->frees);
    if (w->stops != NULL)
        name_wait_stop(&w->stops->wait);
}

static int setup(void **state)
{
    (void)state;
    hosts = "10.0.0.7 local.example\n";
    has_new_hosts = is_short = false;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_name_server_open(&server, loop);
    server.records = records;
    server.record_count = ARRAY_LEN(records);
    names = names_new(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    names_free(&names);
    names_free(&names);
    fake_name_server_close(&server);
    ev_loop_destroy(loop);
    return 0;
}

/* Resolves a name that is needed now. */
static struct name *resolve(const char *host)
{
    struct name *name = names_ref(names, host);
    struct waiter w = {.wait = {.on_news = on_news}};

    name_need(name);
    if (!name_is_resolving(name))
        return name;
    name_wait_start(name, &w.wait);
    assert_true(name_is_waiting(&w.wait));
    while (w.calls == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_false(name_is_waiting(&w.wait));
    while (name_is_resolving(name)) /* the other family */
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(w.calls, 1);
    return name;
}

static void assert_address(const struct name *name, const char *expected)
{
    const struct name_addresses *addresses = name_addresses(name);
    struct endpoint wanted;

    assert_true(endpoint_parse_address(span_of(expected), &wanted));
    if (addresses->count == 0 || !endpoint_is_same_address(&addresses->list[0], &wanted))
        fail_msg("%zu addresses, and %s is not the first", addresses->count, expected);
}

static void test_sources(void **state)
{
    static const struct {
        const char *host, *address;
        unsigned queries;
    } cases[] = {
        {"local.example", "10.0.0.7", 0}, {"LOCAL.example.", "10.0.0.7", 0},
        {"localhost", "::1", 0},          {"a.localhost.", "::1", 0},
        {"a.example", "10.0.0.1", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct name *name = resolve(cases[i].host);

        assert_address(name, cases[i].address);
        assert_int_equal(server.queries, cases[i].queries);
        names_unref(&name);
    }
}

static void test_no_such_name(void **state)
{
    struct name *name = resolve("b.example");

    (void)state;
    assert_int_equal(name_addresses(name)->count, 0);
    assert_string_equal(name_addresses(name)->reason,
                        "there is no such name, or it has no address");
    names_unref(&name);
}

static void test_shared(void **state)
{
    struct name *name = names_ref(names, "a.example"), *same = names_ref(names, "A.EXAMPLE");
    struct name *other = names_ref(names, "b.example");

    (void)state;
    assert_ptr_equal(name, same);
    assert_ptr_not_equal(name, other);
    names_unref(&same);
    assert_null(same);
    names_unref(&same); /* NULL is fine */
    assert_false(name_is_resolving(name));
    names_unref(&name);
    names_unref(&other);
}

/* A new hosts file counts for a name that needs an address, and for all names after a reload. */
static void test_new_hosts_file(void **state)
{
    struct name *name = resolve("local.example");
    const unsigned generation = name_addresses(name)->generation;
    unsigned renewed;

    (void)state;
    hosts = "10.0.0.8 local.example\n";
    has_new_hosts = true;
    name_renew(name);
    assert_true(name_addresses(name)->generation != generation);
    assert_address(name, "10.0.0.8");
    renewed = name_addresses(name)->generation;
    hosts = "10.0.0.9 local.example\n";
    names_reload(names);
    while (name_addresses(name)->generation == renewed)
        ev_run(loop, EVRUN_ONCE);
    assert_address(name, "10.0.0.9");
    names_unref(&name);
}

/* Both files stay as they were known while podop has no descriptor to open them, and are read
 * later. */
static void test_files_that_cannot_be_opened(void **state)
{
    struct name *local = resolve("local.example"), *name = resolve("a.example");
    const unsigned queries = server.queries;

    (void)state;
    hosts = "10.0.0.8 local.example\n";
    is_short = true;
    names_reload(names);
    while (server.queries == queries && name_addresses(name)->reason == NULL)
        ev_run(loop, EVRUN_ONCE);
    assert_null(name_addresses(name)->reason);
    assert_address(local, "10.0.0.7");
    is_short = false;
    name_renew(local);
    assert_address(local, "10.0.0.8");
    names_unref(&local);
    names_unref(&name);
}

/* While DNS fails, the last addresses stay in use. */
static void test_outage(void **state)
{
    struct name *name = resolve("a.example");

    (void)state;
    server.flags = 0x8182; /* SERVFAIL */
    names_reload(names);
    while (name_addresses(name)->reason == NULL)
        ev_run(loop, EVRUN_ONCE);
    assert_string_equal(name_addresses(name)->reason, "the name server answered SERVFAIL");
    assert_int_equal(name_addresses(name)->count, 1);
    server.flags = 0;
    names_reload(names);
    while (name_addresses(name)->reason != NULL)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(name_addresses(name)->count, 1);
    names_unref(&name);
}

/* A waiter may stop another one, and may free the name. */
static void test_waiters(void **state)
{
    struct name *name = names_ref(names, "a.example");
    struct waiter first = {.wait = {.on_news = on_news}, .frees = &name};
    struct waiter second = {.wait = {.on_news = on_news}};

    (void)state;
    first.stops = &second;
    second.stops = &first;
    name_need(name);
    name_wait_start(name, &first.wait);
    name_wait_start(name, &second.wait);
    while (first.calls + second.calls == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(first.calls + second.calls, 1);
    names_unref(&name);
}

static void test_freed_by_a_waiter(void **state)
{
    struct name *name = names_ref(names, "a.example");
    struct waiter w = {.wait = {.on_news = on_news}, .frees = &name};

    (void)state;
    name_need(name);
    name_wait_start(name, &w.wait);
    while (w.calls == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_null(name);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(w.calls, 1);
}

#define NAMES_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        NAMES_TEST(test_sources),
        NAMES_TEST(test_no_such_name),
        NAMES_TEST(test_shared),
        NAMES_TEST(test_new_hosts_file),
        NAMES_TEST(test_files_that_cannot_be_opened),
        NAMES_TEST(test_outage),
        NAMES_TEST(test_waiters),
        NAMES_TEST(test_freed_by_a_waiter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
