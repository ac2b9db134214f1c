#include "unit.h"

#include "podop/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>

static void test_endpoint_good(void **state)
{
    static const struct {
        const char *text, *address;
        uint16_t port;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1", 0},
        {"192.0.2.1:53", "192.0.2.1", 53},
        {"255.255.255.255:65535", "255.255.255.255", 65535},
        {"::", "::", 0},
        {"::1", "::1", 0},
        {"2001:db8::53", "2001:db8::53", 0},
        {"[::1]:1", "::1", 1},
        {"[2001:db8:1:2:3:4:5:6]:5353", "2001:db8:1:2:3:4:5:6", 5353},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.1", 0},
        {"127.0.0.1:00053", "127.0.0.1", 53},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const bool is_ipv6 = strchr(cases[i].address, ':') != NULL;
        unsigned char expected[16] = {0};
        struct endpoint got;

        assert_true(endpoint_parse(cases[i].text, &got));
        assert_int_equal(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, cases[i].address, expected), 1);
        assert_int_equal(got.is_ipv6, is_ipv6);
        assert_memory_equal(got.bytes, expected, sizeof(expected));
        assert_int_equal(got.port, cases[i].port);
    }
}

static void test_endpoint_bad(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        ":",
        ":53",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "ns.example",
        "ns.example:53",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:4294967349",
        "127.0.0.1:53 ",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1:5x",
        " 127.0.0.1",
        "127.0.0.1 ",
        "[",
        "[]",
        "[]:53",
        "[::1",
        "[::1]",
        "[::1]:",
        "[::1]:0",
        "[::1]53",
        "[::1]:53:",
        "[127.0.0.1]:53",
        "::1]:53",
        "[[::1]]:53",
        "::g",
        ":::",
        "1:2:3:4:5:6:7:8:9",
        "::1%",
        "%eth0",
        "[::1%]:53",
        "fe80::1%0123456789abcdef",
        "fe80::1%eth0%eth1",
        "fe80::1%a/b",
        "fe80::1%a b",
        "fe80::1%eth0:53",
        "127.0.0.1%lo",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint ignored;

        if (endpoint_parse(cases[i], &ignored))
            fail_msg("'%s' is an endpoint", cases[i]);
    }
}

static void test_endpoint_scope(void **state)
{
    static const struct {
        const char *text, *scope;
        uint16_t port;
    } cases[] = {
        {"fe80::1%eth0", "eth0", 0},
        {"[fe80::1%eth0]:53", "eth0", 53},
        {"fe80::1%2", "2", 0},
        {"::1%0123456789abcde", "0123456789abcde", 0},
        {"::1", "", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint got;

        if (!endpoint_parse(cases[i].text, &got))
            fail_msg("'%s' is an endpoint", cases[i].text);
        assert_true(got.is_ipv6);
        assert_string_equal(got.scope, cases[i].scope);
        assert_int_equal(got.port, cases[i].port);
    }
}

static void test_endpoint_scope_id(void **state)
{
    struct endpoint e = {.is_ipv6 = true};

    (void)state;
    assert_int_equal(endpoint_scope_id(&e), 0);
    snprintf(e.scope, sizeof(e.scope), "lo");
    assert_int_equal(endpoint_scope_id(&e), if_nametoindex("lo"));
    snprintf(e.scope, sizeof(e.scope), "7");
    assert_int_equal(endpoint_scope_id(&e), 7);
    snprintf(e.scope, sizeof(e.scope), "7x");
    assert_int_equal(endpoint_scope_id(&e), 0);
    snprintf(e.scope, sizeof(e.scope), "nosuch0");
    assert_int_equal(endpoint_scope_id(&e), 0);
}

static void test_endpoint_print(void **state)
{
    static const char *const cases[] = {
        "192.0.2.1",
        "192.0.2.1:53",
        "::1",
        "[::1]:65535",
        "2001:db8::53",
        "fe80::1%eth0",
        "255.255.255.255:65535",
        "[fe80::1%0123456789abcde]:65535",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe%0123456789abcde",
    };
    char text[ENDPOINT_TEXT_BYTES];
    struct endpoint e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(endpoint_parse(cases[i], &e));
        assert_string_equal(endpoint_print(&e, text), cases[i]);
    }
}

static void test_endpoint_same_address(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1:53", true},      {"192.0.2.1", "192.0.2.2", false},
        {"192.0.2.1", "::ffff:192.0.2.1", false}, {"::1", "[::1]:53", true},
        {"fe80::1%eth0", "fe80::1%eth1", false},  {"fe80::1%eth0", "[fe80::1%eth0]:1", true},
    };
    struct endpoint a, b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(endpoint_parse(cases[i].a, &a) && endpoint_parse(cases[i].b, &b));
        assert_int_equal(endpoint_is_same_address(&a, &b), cases[i].is_same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint_good),  cmocka_unit_test(test_endpoint_bad),
        cmocka_unit_test(test_endpoint_scope), cmocka_unit_test(test_endpoint_scope_id),
        cmocka_unit_test(test_endpoint_print), cmocka_unit_test(test_endpoint_same_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
