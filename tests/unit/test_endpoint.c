#include "unit.h"

#include "podop/endpoint.h"

#include <arpa/inet.h>

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
        "::1%lo",
        "fe80::1%eth0",
        "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint ignored;

        if (endpoint_parse(cases[i], &ignored))
            fail_msg("'%s' is an endpoint", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoint_good),
        cmocka_unit_test(test_endpoint_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
