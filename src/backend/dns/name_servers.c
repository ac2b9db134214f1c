#include "name_servers.h"

#include "name_files.h"

static int add_server(struct name_servers *servers, struct ev_loop *loop, const char *text,
                      struct error *err)
{
    struct dns_channel *channel;
    struct endpoint at;

    if (!endpoint_parse(text, &at))
        return error_set(err, ERR_CONFIG, "'%s' is not the address of a name server", text);
    if (servers->count == NAME_SERVERS_LIMIT)
        return error_set(err, ERR_CONFIG, "more than %d name servers", NAME_SERVERS_LIMIT);
    channel = dns_channel_open(loop, &at, err);
    if (channel == NULL)
        return -1;
    servers->list[servers->count++] = (struct name_server){.channel = channel};
    return 0;
}

static int add_system_servers(struct name_servers *servers, struct ev_loop *loop, struct error *err)
{
    struct resolv_conf conf;

    if (!resolv_conf_read(&conf))
        return error_errno(err, "cannot read " RESOLV_CONF_PATH);
    for (size_t i = 0; i < conf.server_count; i++) {
        if (add_server(servers, loop, conf.servers[i], err) == -1)
            return -1;
    }
    return 0;
}

int name_servers_open(struct name_servers *servers, struct ev_loop *loop,
                      const struct string_list *texts, struct error *err)
{
    if (texts->count == 0)
        return add_system_servers(servers, loop, err);
    for (size_t i = 0; i < texts->count; i++) {
        if (add_server(servers, loop, texts->items[i], err) == -1)
            return -1;
    }
    return 0;
}

void name_servers_close(struct name_servers *servers)
{
    for (unsigned i = 0; i < servers->count; i++)
        dns_channel_close(&servers->list[i].channel);
    servers->count = 0;
}

void name_servers_in_order(const struct name_servers *servers, uint64_t now_ms,
                           unsigned char order[NAME_SERVERS_LIMIT])
{
    unsigned count = 0;

    for (int is_avoided = 0; is_avoided <= 1; is_avoided++) {
        for (unsigned i = 0; i < servers->count; i++) {
            if ((servers->list[i].avoided_until_ms > now_ms) == (is_avoided == 1))
                order[count++] = (unsigned char)i;
        }
    }
}

void name_server_avoid(struct name_server *server, uint64_t now_ms)
{
    server->avoided_until_ms = now_ms + NAME_SERVER_AVOID_MS;
}

void name_server_trust(struct name_server *server)
{
    server->avoided_until_ms = 0;
}
