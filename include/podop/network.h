/* network.h - a range of IP addresses as text: "192.0.2.0/24", "2001:db8::/32", "[2001:db8::]/32",
 * or one address. */
#ifndef PODOP_NETWORK_H
#define PODOP_NETWORK_H

#include "endpoint.h"
#include "error.h"

struct network {
    bool is_ipv6;
    unsigned char bytes[16]; /* in network order; IPv4 uses the first 4. Zero after the prefix */
    unsigned prefix_bits;
};

/* Returns 0, or -1 with ERR_CONFIG. Bits that are set after the prefix are an error. An IPv4-mapped
 * address or network, such as "::ffff:192.0.2.1", becomes that of IPv4. */
int network_parse(const char *text, struct network *network, struct error *err);

/* Compares the address only. An address of one family is never in a network of the other, so an
 * IPv4-mapped address has to become one of IPv4 first. */
bool network_has(const struct network *network, const struct endpoint *address);

#endif
