/* endpoint.h - an IP address and a port, as text: "192.0.2.1", "192.0.2.1:53", "2001:db8::1",
 * "[2001:db8::1]:53", "fe80::1%eth0", "[fe80::1%eth0]:53". Host names are not endpoints. */
#ifndef PODOP_ENDPOINT_H
#define PODOP_ENDPOINT_H

#include "podop/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    ENDPOINT_SCOPE_BYTES = 16, /* of an interface's name, with the NUL: IFNAMSIZ */
    ENDPOINT_TEXT_BYTES = 80,
};

struct endpoint {
    bool is_ipv6;
    unsigned char bytes[16];          /* the address in network order; IPv4 uses the first 4 */
    char scope[ENDPOINT_SCOPE_BYTES]; /* name or number of an interface; "": none */
    uint16_t port;                    /* 0: not given */
};

/* Returns false if text is not an endpoint. A scope need not name an interface that exists. */
bool endpoint_parse(const char *text, struct endpoint *endpoint);
/* Reads an address alone, without brackets and port. */
bool endpoint_parse_address(struct span text, struct endpoint *endpoint);

/* Compares address and scope, but not the ports. */
bool endpoint_is_same_address(const struct endpoint *a, const struct endpoint *b);

/* Turns an IPv4-mapped address of IPv6, "::ffff:192.0.2.1", into that of IPv4. Leaves any other as
 * it is. */
void endpoint_unmap(struct endpoint *endpoint);

/* Returns the number of the scope's interface, or 0 without a scope or such an interface. */
uint32_t endpoint_scope_id(const struct endpoint *endpoint);

/* Writes endpoint in the form that endpoint_parse() reads, without the port if it is 0. Returns
 * text. */
const char *endpoint_print(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_BYTES]);

#endif
