/* name_servers.h - the name servers of one resolver, and in which order they are asked. Private to
 * src/backend. */
#ifndef PODOP_BACKEND_DNS_NAME_SERVERS_H
#define PODOP_BACKEND_DNS_NAME_SERVERS_H

#include "dns_channel.h"

#include "podop/config.h"

enum {
    NAME_SERVERS_LIMIT = 16,
    NAME_SERVER_AVOID_MS = 30 * 1000, /* one that was silent is asked last for so long */
};

struct name_server {
    struct dns_channel *channel;
    uint64_t avoided_until_ms;
};

/* All zero: there are none. */
struct name_servers {
    struct name_server list[NAME_SERVERS_LIMIT];
    unsigned count;
};

/* texts as endpoint.h reads them; an empty list stands for those of /etc/resolv.conf. -1 with the
 * reason in err; what is open then is left to name_servers_close(). */
int name_servers_open(struct name_servers *servers, struct ev_loop *loop,
                      const struct string_list *texts, struct error *err);
void name_servers_close(struct name_servers *servers);

/* As they are listed, but for those that are avoided, which come last. */
void name_servers_in_order(const struct name_servers *servers, uint64_t now_ms,
                           unsigned char order[NAME_SERVERS_LIMIT]);

void name_server_avoid(struct name_server *server, uint64_t now_ms);
void name_server_trust(struct name_server *server);

#endif
