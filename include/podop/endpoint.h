/* endpoint.h - an IP address and a port, as text: "192.0.2.1", "192.0.2.1:53", "2001:db8::1",
 * "[2001:db8::1]:53". Never a name. */
#ifndef PODOP_ENDPOINT_H
#define PODOP_ENDPOINT_H

#include <stdbool.h>
#include <stdint.h>

struct endpoint {
    bool is_ipv6;
    unsigned char bytes[16]; /* of the address, in network order; the first 4 of IPv4 */
    uint16_t port;           /* 0: none was given */
};

/* false: text is none. */
bool endpoint_parse(const char *text, struct endpoint *endpoint);

#endif
