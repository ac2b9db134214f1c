#include "podop/endpoint.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Accepts 1 to 65535 in decimal and nothing else. */
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

/* Cuts the scope of RFC 4007 section 11 off the end of text: visible ASCII without '%', '/', ':',
 * '[' and ']'. */
static bool take_scope(struct span *text, char scope[ENDPOINT_SCOPE_BYTES])
{
    const char *percent = text->len == 0 ? NULL : memchr(text->ptr, '%', text->len);
    size_t len;

    scope[0] = '\0';
    if (percent == NULL)
        return true;
    len = text->len - (size_t)(percent - text->ptr) - 1;
    if (len == 0 || len >= ENDPOINT_SCOPE_BYTES)
        return false;
    for (size_t i = 1; i <= len; i++) {
        if (percent[i] <= ' ' || percent[i] > '~' || strchr("%/:[]", percent[i]) != NULL)
            return false;
    }
    memcpy(scope, percent + 1, len);
    scope[len] = '\0';
    text->len -= len + 1;
    return true;
}

/* Parses an address of the kind that to->is_ipv6 says. */
static bool parse_address(struct span text, struct endpoint *to)
{
    char address[INET6_ADDRSTRLEN];

    if (to->is_ipv6 && !take_scope(&text, to->scope))
        return false;
    if (text.len == 0 || text.len >= sizeof(address))
        return false;
    memcpy(address, text.ptr, text.len);
    address[text.len] = '\0';
    return inet_pton(to->is_ipv6 ? AF_INET6 : AF_INET, address, to->bytes) == 1;
}

bool endpoint_parse_address(struct span text, struct endpoint *to)
{
    *to = (struct endpoint){.is_ipv6 = span_has_byte(text, ':')};
    return parse_address(text, to);
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
               parse_address((struct span){text + 1, (size_t)(end - text) - 1}, to);
    }
    if (colon != NULL && !to->is_ipv6) {
        end = colon;
        if (!parse_port(colon + 1, &to->port))
            return false;
    }
    return parse_address((struct span){text, (size_t)(end - text)}, to);
}

bool endpoint_is_same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->is_ipv6 == b->is_ipv6 && memcmp(a->bytes, b->bytes, a->is_ipv6 ? 16 : 4) == 0 &&
           strcmp(a->scope, b->scope) == 0;
}

void endpoint_unmap(struct endpoint *e)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291, 2.5.5.2 */

    if (!e->is_ipv6 || memcmp(e->bytes, mapped, sizeof(mapped)) != 0)
        return;
    memmove(e->bytes, e->bytes + sizeof(mapped), 4);
    memset(e->bytes + 4, 0, sizeof(mapped));
    e->is_ipv6 = false;
    e->scope[0] = '\0';
}

uint32_t endpoint_scope_id(const struct endpoint *e)
{
    const unsigned index = e->scope[0] == '\0' ? 0 : if_nametoindex(e->scope);
    char *end;
    unsigned long number;

    if (index != 0 || e->scope[0] < '0' || e->scope[0] > '9')
        return index;
    number = strtoul(e->scope, &end, 10);
    return *end == '\0' && number <= UINT32_MAX ? (uint32_t)number : 0;
}

const char *endpoint_print(const struct endpoint *e, char text[ENDPOINT_TEXT_BYTES])
{
    const bool is_bracketed = e->is_ipv6 && e->port != 0;
    char address[INET6_ADDRSTRLEN] = "", port[7] = "";

    inet_ntop(e->is_ipv6 ? AF_INET6 : AF_INET, e->bytes, address, sizeof(address));
    if (e->port != 0)
        snprintf(port, sizeof(port), ":%u", e->port);
    snprintf(text, ENDPOINT_TEXT_BYTES, "%s%s%s%s%s%s", is_bracketed ? "[" : "", address,
             e->scope[0] == '\0' ? "" : "%", e->scope, is_bracketed ? "]" : "", port);
    return text;
}
