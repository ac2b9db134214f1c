#include "podop/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

/* 1 to 65535 in decimal, and nothing else. */
static bool parse_port(const char *text, uint16_t *port)
{
    unsigned n = 0;

    for (; *text >= '0' && *text <= '9'; text++) {
        n = n * 10 + (unsigned)(*text - '0');
        if (n > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)n;
    return n > 0 && *text == '\0';
}

/* Of the kind that to says. */
static bool parse_address(const char *text, size_t len, struct endpoint *to)
{
    char address[INET6_ADDRSTRLEN];

    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    return inet_pton(to->is_ipv6 ? AF_INET6 : AF_INET, address, to->bytes) == 1;
}

bool endpoint_parse(const char *text, struct endpoint *to)
{
    const char *colon = strchr(text, ':');
    const char *end = text + strlen(text);

    *to = (struct endpoint){.is_ipv6 = colon != NULL && strchr(colon + 1, ':') != NULL};
    if (text[0] == '[') {
        end = strchr(text, ']');
        to->is_ipv6 = true;
        return end != NULL && end[1] == ':' && parse_port(end + 2, &to->port) &&
               parse_address(text + 1, (size_t)(end - text) - 1, to);
    }
    if (colon != NULL && !to->is_ipv6) {
        end = colon;
        if (!parse_port(colon + 1, &to->port))
            return false;
    }
    return parse_address(text, (size_t)(end - text), to);
}
