#include "unit.h"

#include "backend/dns/name_servers.h"

#include <ev.h>

static struct ev_loop *loop;
static struct name_servers servers;

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    servers = (struct name_servers){.count = 0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_servers_close(&servers);
    assert_int_equal(servers.count, 0);
    ev_loop_destroy(loop);
    return 0;
}

/* Opens count servers, each with a different address. */
static int open_servers(size_t count, struct error *err)
{
    char texts[NAME_SERVERS_LIMIT + 1][48];
    char *items[NAME_SERVERS_LIMIT + 1];

    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof(texts[i]), "127.0.0.%zu:5353", i + 1);
        items[i] = texts[i];
    }
    return name_servers_open(&servers, loop, &(struct string_list){items, count}, err);
}

static void assert_order(uint64_t now_ms, const char *expected)
{
    unsigned char order[NAME_SERVERS_LIMIT];
    char text[NAME_SERVERS_LIMIT + 1] = "";

    name_servers_in_order(&servers, now_ms, order);
    for (unsigned i = 0; i < servers.count; i++)
        text[i] = (char)('0' + order[i]);
    assert_string_equal(text, expected);
}

static void test_order(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(open_servers(4, &err), 0);
    assert_order(1000, "0123");
    name_server_avoid(&servers.list[0], 1000);
    name_server_avoid(&servers.list[2], 2000);
    assert_order(2000, "1302");
    assert_order(1000 + NAME_SERVER_AVOID_MS - 1, "1302");
    assert_order(1000 + NAME_SERVER_AVOID_MS, "0132");
    name_server_trust(&servers.list[2]);
    assert_order(2000, "1230");
}

static void test_bad_address(void **state)
{
    char good[] = "[::1]:5353", bad[] = "ns.example";
    char *items[] = {good, bad};
    struct error err = {0};

    (void)state;
    assert_int_equal(name_servers_open(&servers, loop, &(struct string_list){items, 2}, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "'ns.example'"));
}

static void test_limit(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(open_servers(NAME_SERVERS_LIMIT, &err), 0);
    assert_int_equal(servers.count, NAME_SERVERS_LIMIT);
    name_servers_close(&servers);
    assert_int_equal(open_servers(NAME_SERVERS_LIMIT + 1, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_system_servers(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(open_servers(0, &err), 0);
    assert_true(servers.count > 0);
}

#define SERVERS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVERS_TEST(test_order),
        SERVERS_TEST(test_bad_address),
        SERVERS_TEST(test_limit),
        SERVERS_TEST(test_system_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
