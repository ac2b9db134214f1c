/* name_servers.h - the name servers of one resolver, and in which order they are queried. Private
 * to src/backend/dns. */
#ifndef PODOP_BACKEND_DNS_NAME_SERVERS_H
#define PODOP_BACKEND_DNS_NAME_SERVERS_H

#include "dns_channel.h"

#include "podop/settings.h"

enum {
    NAME_SERVERS_LIMIT = 16,
    NAME_SERVER_AVOID_MS = 30 * 1000, /* how long a silent server is queried last */
};

struct name_server {
    struct dns_channel *channel;
    uint64_t avoided_until_ms;
};

/* Zeroed: there are none. */
struct name_servers {
    struct name_server list[NAME_SERVERS_LIMIT];
    unsigned count;
};

/* Opens a channel for each of texts, which endpoint_parse() reads. An empty list stands for the
 * servers of /etc/resolv.conf. Returns 0, or -1 with the reason in err; close the servers in both
 * cases. */
int name_servers_open(struct name_servers *servers, struct ev_loop *loop,
                      const struct string_list *texts, struct error *err);
void name_servers_close(struct name_servers *servers);

/* Lists the indexes of the servers in their order, but avoided servers last. */
void name_servers_in_order(const struct name_servers *servers, uint64_t now_ms,
                           unsigned char order[NAME_SERVERS_LIMIT]);

/* Note that a server was silent or unreachable, and that it has answered. */
void name_server_avoid(struct name_server *server, uint64_t now_ms);
void name_server_trust(struct name_server *server);

#endif
