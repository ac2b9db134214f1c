/* A host name, a NUL, and a text that is read as /etc/resolv.conf and as /etc/hosts. */
#include "fuzz.h"

#include "backend/dns/name_files.h"
#include "podop/mem.h"

#include <string.h>

enum { ADDRESSES_MAX = 3 };

static void check_resolv_conf(struct span text, const char *host)
{
    struct resolv_conf conf;
    char name[DNS_NAME_BYTES];
    size_t candidates = 0;

    resolv_conf_parse(text, "own.example", &conf);
    PROMISE(conf.server_count > 0 && conf.server_count <= NAME_SERVERS_MAX);
    PROMISE(conf.search_count <= SEARCH_DOMAINS_MAX && conf.ndots <= NDOTS_MAX);
    for (size_t i = 0; i < conf.server_count; i++) {
        struct endpoint server;

        PROMISE(memchr(conf.servers[i], '\0', sizeof(conf.servers[i])) != NULL);
        PROMISE(endpoint_parse(conf.servers[i], &server));
    }
    for (size_t i = 0; i < conf.search_count; i++) {
        const size_t len = strnlen(conf.search[i], sizeof(conf.search[i]));

        PROMISE(len > 0 && len < sizeof(conf.search[i]));
        PROMISE(conf.search[i][len - 1] != '.');
    }
    while (resolv_conf_candidate(&conf, host, candidates, name)) {
        PROMISE(memchr(name, '\0', sizeof(name)) != NULL);
        candidates++;
        PROMISE(candidates <= conf.search_count + 1);
    }
    PROMISE(candidates > 0);
}

static void check_hosts(struct span text, const char *host)
{
    struct endpoint few[1], many[ADDRESSES_MAX];
    const size_t count = hosts_find(text, host, many, ADDRESSES_MAX);

    PROMISE(count <= ADDRESSES_MAX);
    PROMISE(hosts_find(text, host, few, 1) == (count > 0 ? 1 : 0));
    for (size_t i = 0; i < count; i++)
        PROMISE(i > 0 || endpoint_is_same_address(&few[0], &many[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct span all = {(const char *)data, size};
    const char *end = size == 0 ? NULL : memchr(data, '\0', size);
    char *host;

    if (end == NULL)
        return 0;
    host = xmemdup0(all.ptr, (size_t)(end - all.ptr));
    check_resolv_conf(span_skip(all, strlen(host) + 1), host);
    check_hosts(span_skip(all, strlen(host) + 1), host);
    free(host);
    return 0;
}
