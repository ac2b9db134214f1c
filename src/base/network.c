#include "podop/network.h"

#include <string.h>

enum { MAPPED_BITS = 96 }; /* of ::ffff:0:0/96 */

/* Parses 0 to max in decimal, without leading zeros, and nothing else. */
static bool parse_prefix(struct span text, unsigned max, unsigned *bits)
{
    *bits = 0;
    if (text.len == 0 || text.len > 3 || (text.len > 1 && text.ptr[0] == '0'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *bits = *bits * 10 + (unsigned)(text.ptr[i] - '0');
    }
    return *bits <= max;
}

/* Removes the brackets around an address of IPv6, as Postfix writes it in mynetworks. */
static struct span without_brackets(struct span text)
{
    if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']' &&
        span_has_byte(text, ':'))
        return (struct span){text.ptr + 1, text.len - 2};
    return text;
}

/* Sets all bits after the prefix to zero. Returns whether they were zero already. */
static bool clear_rest(struct network *network)
{
    const unsigned size = network->is_ipv6 ? 16 : 4;
    bool was_clear = true;

    for (unsigned i = network->prefix_bits / 8; i < size; i++) {
        const unsigned kept = i == network->prefix_bits / 8 ? network->prefix_bits % 8 : 0;
        const unsigned char mask = (unsigned char)(0xff00U >> kept & 0xffU);

        was_clear = was_clear && (network->bytes[i] & ~mask & 0xff) == 0;
        network->bytes[i] &= mask;
    }
    return was_clear;
}

static int not_a_network(const char *text, struct error *err)
{
    return error_set(err, ERR_CONFIG,
                     "'%s' is not a network: expected an address such as 192.0.2.1, or a network "
                     "such as 192.0.2.0/24 or 2001:db8::/32",
                     text);
}

static int extra_bits(const char *text, struct network *network, struct error *err)
{
    struct endpoint first = {.is_ipv6 = network->is_ipv6};
    char shown[ENDPOINT_TEXT_BYTES];

    memcpy(first.bytes, network->bytes, sizeof(first.bytes));
    return error_set(err, ERR_CONFIG, "'%s' has bits after its prefix: the network is %s/%u", text,
                     endpoint_print(&first, shown), network->prefix_bits);
}

int network_parse(const char *text, struct network *network, struct error *err)
{
    const char *slash = strchr(text, '/');
    struct span address = {text, slash == NULL ? strlen(text) : (size_t)(slash - text)};
    struct endpoint first;
    unsigned bits, max;

    if (!endpoint_parse_address(without_brackets(address), &first) || first.scope[0] != '\0')
        return not_a_network(text, err);
    bits = max = first.is_ipv6 ? 128 : 32;
    if (slash != NULL && !parse_prefix(span_of(slash + 1), max, &bits))
        return error_set(err, ERR_CONFIG, "'%s': the prefix must be a number from 0 to %u", text,
                         max);
    if (bits >= MAPPED_BITS) {
        endpoint_unmap(&first);
        bits -= max == 128 && !first.is_ipv6 ? MAPPED_BITS : 0;
    }
    *network = (struct network){.is_ipv6 = first.is_ipv6, .prefix_bits = bits};
    memcpy(network->bytes, first.bytes, first.is_ipv6 ? 16 : 4);
    return clear_rest(network) ? 0 : extra_bits(text, network, err);
}

bool network_has(const struct network *network, const struct endpoint *address)
{
    const unsigned whole = network->prefix_bits / 8, rest = network->prefix_bits % 8;

    if (network->is_ipv6 != address->is_ipv6 || memcmp(network->bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 ||
           ((network->bytes[whole] ^ address->bytes[whole]) & (0xff00U >> rest & 0xffU)) == 0;
}
