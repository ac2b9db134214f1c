#include "exposure.h"

#include "podop/endpoint.h"
#include "podop/mem.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_loopback(const struct socket_address *address)
{
    const struct sockaddr_in *in = (const void *)&address->u;
    const struct sockaddr_in6 *in6 = (const void *)&address->u;

    return address->u.sa.sa_family == AF_INET6 ? IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)
                                               : ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Returns whether the setting has the address itself, so that reading it was enough for a warning.
 */
static bool is_literal(const char *socket)
{
    struct endpoint ignored;
    const char *bare;

    return socket_address_kind(socket, &bare) == SOCKET_HOST && endpoint_parse(bare, &ignored);
}

void exposure_report(const struct listeners *all, config_report_fn *warn, void *arg)
{
    for (const struct listener *l = all->first; l != NULL; l = l->next) {
        const struct listen_config *listen = l->service->base.listen;
        char *text = NULL;

        if (l->fd == -1 || l->is_unix || listen->allowed.is_limited || is_loopback(&l->address) ||
            is_literal(listen->socket))
            continue;
        if (asprintf(&text,
                     "%s: warning: socket '%s' accepts other hosts on %s, and any client may %s: "
                     "name its clients with 'allow'",
                     listen->origin, listen->socket, l->address.text,
                     listen->mode == MODE_HTTP ? "read the metrics" : "look up and write") == -1)
            abort();
        warn(arg, text);
        free(text);
    }
}
