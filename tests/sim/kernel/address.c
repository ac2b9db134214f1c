#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

static void print_unix(const struct sockaddr_un *un, socklen_t len, char text[ADDRESS_BYTES])
{
    const size_t room = len - offsetof(struct sockaddr_un, sun_path);

    if (len > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0] == '\0') {
        snprintf(text, ADDRESS_BYTES, "@%.*s", (int)(room - 1), un->sun_path + 1);
        return;
    }
    snprintf(text, ADDRESS_BYTES, "%.*s",
             len <= offsetof(struct sockaddr_un, sun_path) ? 0 : (int)strnlen(un->sun_path, room),
             un->sun_path);
}

void address_print(const struct sockaddr *address, socklen_t len, char text[ADDRESS_BYTES])
{
    char host[INET6_ADDRSTRLEN];
    union {
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } u = {0};

    memcpy(&u, address, len < sizeof(u) ? len : sizeof(u));
    if (address->sa_family == AF_UNIX) {
        print_unix(&u.un, len, text);
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &u.in6.sin6_addr, host, sizeof(host));
        snprintf(text, ADDRESS_BYTES, "[%s]:%u", host, (unsigned)ntohs(u.in6.sin6_port));
    } else {
        inet_ntop(AF_INET, &u.in.sin_addr, host, sizeof(host));
        snprintf(text, ADDRESS_BYTES, "%s:%u", host, (unsigned)ntohs(u.in.sin_port));
    }
}

bool address_is_unix(const char *text)
{
    return *text == '/' || *text == '@' || *text == '\0';
}

static void split(const char *text, char host[INET6_ADDRSTRLEN], in_port_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t len;

    if (colon == NULL)
        abort();
    *port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    if (*text == '[') {
        text++;
        colon--;
    }
    len = (size_t)(colon - text);
    if (len >= INET6_ADDRSTRLEN)
        abort();
    memcpy(host, text, len);
    host[len] = '\0';
}

static socklen_t parse_inet(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    const bool is_ipv6 = *text == '[';
    char host[INET6_ADDRSTRLEN];

    split(text, host, is_ipv6 ? &in6.sin6_port : &in.sin_port);
    if (inet_pton(is_ipv6 ? AF_INET6 : AF_INET, host,
                  is_ipv6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) != 1)
        abort();
    if (is_ipv6)
        memcpy(address, &in6, sizeof(in6));
    else
        memcpy(address, &in, sizeof(in));
    return is_ipv6 ? sizeof(in6) : sizeof(in);
}

socklen_t address_parse(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    memset(address, 0, sizeof(*address));
    if (!address_is_unix(text))
        return parse_inet(text, address);
    snprintf(un.sun_path, sizeof(un.sun_path), "%s", text);
    if (*text == '@')
        un.sun_path[0] = '\0';
    memcpy(address, &un, sizeof(un));
    if (*text == '@')
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
    return *text == '\0' ? sizeof(sa_family_t)
                         : (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + 1);
}

void address_copy(const char *text, int family, struct sockaddr *to, socklen_t *len)
{
    struct sockaddr_storage address;
    socklen_t true_len;

    if (*text == '\0' && family != AF_UNIX)
        text = family == AF_INET6 ? "[::]:0" : "0.0.0.0:0";
    true_len = address_parse(text, &address);
    memcpy(to, &address, *len < true_len ? *len : true_len);
    *len = true_len;
}

bool address_covers(const char *bound, const char *text)
{
    const char *port = strrchr(text, ':');

    if (strcmp(bound, text) == 0)
        return true;
    if (port == NULL || address_is_unix(text))
        return false;
    return strcmp(bound + strcspn(bound, *text == '[' ? "]" : ":") + (*text == '['), port) == 0 &&
           strncmp(bound, *text == '[' ? "[::]:" : "0.0.0.0:", *text == '[' ? 5 : 8) == 0;
}
