#include "name_sources.h"

#include "podop/clock.h"

#include <string.h>
#include <strings.h>

enum { CHECK_MS = 1000 }; /* between two checks of the files, at least */

/* Keeps the resolver while the file cannot be read. Returns false then. */
static bool open_resolver(struct name_sources *s)
{
    char *items[NAME_SERVERS_MAX];
    struct string_list servers = {items, 0};
    struct resolv_conf conf;
    const bool was_read = resolv_conf_read(&conf);

    if (!was_read && s->resolver != NULL)
        return false;
    resolver_free(&s->resolver);
    s->conf = conf;
    for (; servers.count < s->conf.server_count; servers.count++)
        items[servers.count] = s->conf.servers[servers.count];
    s->resolver = resolver_new(s->loop, &servers, &s->resolver_error);
    return was_read;
}

/* Keeps what is known while the file cannot be read. Returns false then. */
static bool read_hosts(struct name_sources *s)
{
    struct buf text;

    buf_init(&text, NAME_FILE_BYTES_MAX);
    if (!name_file_read(HOSTS_PATH, &text)) {
        buf_deinit(&text);
        return false;
    }
    buf_deinit(&s->hosts);
    s->hosts = text;
    return true;
}

struct name_sources_change name_sources_check(struct name_sources *s, bool is_forced)
{
    const uint64_t now_ms = clock_coarse_ms();

    if (!is_forced && now_ms - s->checked_at_ms < CHECK_MS)
        return (struct name_sources_change){false, false};
    s->checked_at_ms = now_ms;
    return (struct name_sources_change){
        .is_in_hosts = name_file_has_changed(HOSTS_PATH, &s->hosts_state),
        .is_in_servers = name_file_has_changed(RESOLV_CONF_PATH, &s->conf_state),
    };
}

void name_sources_read(struct name_sources *s, struct name_sources_change change)
{
    if (change.is_in_hosts && !read_hosts(s))
        s->hosts_state = (struct name_file_state){0}; /* the next check finds a change again */
    if (change.is_in_servers && !open_resolver(s))
        s->conf_state = (struct name_file_state){0};
}

void name_sources_forget(struct name_sources *s)
{
    s->conf_state = s->hosts_state = (struct name_file_state){0};
}

void name_sources_open(struct name_sources *s, struct ev_loop *loop)
{
    struct name_sources_change change;

    *s = (struct name_sources){.loop = loop};
    buf_init(&s->hosts, NAME_FILE_BYTES_MAX);
    change = name_sources_check(s, true);
    change.is_in_servers = true; /* a missing file stands for the default server */
    name_sources_read(s, change);
}

void name_sources_close(struct name_sources *s)
{
    resolver_free(&s->resolver);
    buf_deinit(&s->hosts);
}

/* Returns whether DNS is never queried for the name (RFC 6761 section 6.3). */
static bool is_localhost(const char *host)
{
    struct span name = span_of(host);
    const size_t len = strlen("localhost");

    if (name.len > 0 && host[name.len - 1] == '.')
        name.len--;
    return name.len >= len && strncasecmp(name.ptr + name.len - len, "localhost", len) == 0 &&
           (name.len == len || name.ptr[name.len - len - 1] == '.');
}

size_t name_sources_find(const struct name_sources *s, const char *host,
                         struct endpoint to[NAME_ADDRESSES_MAX])
{
    const size_t count = hosts_find(buf_span(&s->hosts), host, to, NAME_ADDRESSES_MAX);

    if (count > 0 || !is_localhost(host))
        return count;
    endpoint_parse_address(SPAN("::1"), &to[0]);
    endpoint_parse_address(SPAN("127.0.0.1"), &to[1]);
    return 2;
}
