#include "unit.h"

#include "podop/network.h"

static struct network parsed(const char *text)
{
    struct network network;
    struct error err = {0};

    if (network_parse(text, &network, &err) == -1)
        fail_msg("%s", err.text);
    return network;
}

static bool has(const char *network, const char *address)
{
    const struct network in = parsed(network);
    struct endpoint at;

    assert_true(endpoint_parse_address(span_of(address), &at));
    endpoint_unmap(&at);
    return network_has(&in, &at);
}

static void test_addresses_in_networks(void **state)
{
    static const struct {
        const char *network, *in, *out;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
        {"192.0.2.7/32", "192.0.2.7", "192.0.3.7"},
        {"192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
        {"192.0.2.4/30", "192.0.2.7", "192.0.2.8"},
        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
        {"128.0.0.0/1", "255.0.0.1", "127.255.255.255"},
        {"0.0.0.0/0", "203.0.113.1", "2001:db8::1"},
        {"2001:db8::1", "2001:db8::1", "2001:db8::2"},
        {"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"},
        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
        {"[2001:db8::]/64", "2001:db8::1:2:3:4", "2001:db8:0:1::"},
        {"[::1]", "::1", "::2"},
        {"::/0", "2001:db8::1", "192.0.2.1"},
        {"::/0", "::1", "::ffff:192.0.2.1"}, /* an address of IPv4 */
        {"::ffff:192.0.2.1", "192.0.2.1", "192.0.2.2"},
        {"::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.9"},
        {"::ffff:0:0/96", "203.0.113.1", "::1"},
        {"192.0.2.0/24", "::ffff:192.0.2.1", "::ffff:192.0.3.1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!has(cases[i].network, cases[i].in))
            fail_msg("%s is not in %s", cases[i].in, cases[i].network);
        if (has(cases[i].network, cases[i].out))
            fail_msg("%s is in %s", cases[i].out, cases[i].network);
    }
}

/* Compares with a search by single bits, for each prefix and each bit in which an address differs.
 */
static void test_every_prefix(void **state)
{
    const struct endpoint base = {
        .is_ipv6 = true,
        .bytes = {0x20, 0x01, 0x0d, 0xb8, 0xaa, 0x55, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8}};

    (void)state;
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct network network = {.is_ipv6 = true, .prefix_bits = bits};

        memcpy(network.bytes, base.bytes, bits / 8);
        if (bits % 8 != 0)
            network.bytes[bits / 8] =
                (unsigned char)(base.bytes[bits / 8] & (0xff00U >> bits % 8 & 0xffU));
        assert_true(network_has(&network, &base));
        for (unsigned bit = 0; bit < 128; bit++) {
            struct endpoint other = base;

            other.bytes[bit / 8] ^= (unsigned char)(0x80U >> bit % 8);
            if (network_has(&network, &other) != (bit >= bits))
                fail_msg("prefix %u, bit %u", bits, bit);
        }
    }
}

static void test_texts_that_are_not_networks(void **state)
{
    static const struct {
        const char *text, *fault;
    } cases[] = {
#define NOT_ONE(text)                                                                              \
    {text, "'" text "' is not a network: expected an address such as 192.0.2.1, or a network "     \
           "such as 192.0.2.0/24 or 2001:db8::/32"}
        NOT_ONE(""),
        NOT_ONE("/8"),
        NOT_ONE("mail.example"),
        NOT_ONE("192.0.2"),
        NOT_ONE("192.0.2.256"),
        NOT_ONE("192.0.2.1:25"),
        NOT_ONE("[192.0.2.1]"),
        NOT_ONE("[::1"),
        NOT_ONE("fe80::1%eth0"),
        {"192.0.2.0/33", "'192.0.2.0/33': the prefix must be a number from 0 to 32"},
        {"192.0.2.0/", "'192.0.2.0/': the prefix must be a number from 0 to 32"},
        {"192.0.2.0/024", "'192.0.2.0/024': the prefix must be a number from 0 to 32"},
        {"192.0.2.0/2 4", "'192.0.2.0/2 4': the prefix must be a number from 0 to 32"},
        {"192.0.2.0/255.255.255.0",
         "'192.0.2.0/255.255.255.0': the prefix must be a number from 0 to 32"},
        {"2001:db8::/129", "'2001:db8::/129': the prefix must be a number from 0 to 128"},
        {"192.0.2.1/24", "'192.0.2.1/24' has bits after its prefix: the network is 192.0.2.0/24"},
        {"2001:db8::1/64",
         "'2001:db8::1/64' has bits after its prefix: the network is 2001:db8::/64"},
        {"::ffff:192.0.2.1/64",
         "'::ffff:192.0.2.1/64' has bits after its prefix: the network is ::/64"},
        {"::ffff:192.0.2.1/120",
         "'::ffff:192.0.2.1/120' has bits after its prefix: the network is 192.0.2.0/24"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct network network;
        struct error err = {0};

        if (network_parse(cases[i].text, &network, &err) != -1)
            fail_msg("'%s' is taken", cases[i].text);
        assert_string_equal(err.text, cases[i].fault);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_in_networks),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_texts_that_are_not_networks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
