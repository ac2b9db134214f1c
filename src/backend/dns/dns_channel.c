/* dns_channel.c - one c-ares channel for each name server, driven by libev.
 *
 * Each channel has one server and does not judge its answers (ARES_FLAG_NOCHECKRESP). c-ares knows
 * fewer kinds of useless answers than podop, and at the end only reports that all servers failed.
 * It encodes, sends, repeats and matches; resolver.c decides which server is queried next.
 *
 * EDNS is not used: c-ares 1.18 switches it off and on for the whole channel when a server does not
 * support it. An answer that does not fit into 512 bytes comes over TCP. */
#include "dns_channel.h"

#include "podop/list.h"
#include "podop/mem.h"
#include "podop/priority.h"

#define CARES_NO_DEPRECATED /* c-ares 1.28 and later warn about functions that 1.18 needs */
#include <ares.h>
#include <arpa/nameser.h>
#include <ev.h>

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    TRIES = 4, /* each waits twice as long as the one before */
    FIRST_TRY_MS = 1000,
    TICK_MS = 100, /* how often c-ares checks for tries that have timed out */
    DNS_PORT = 53,
};

struct dns_channel {
    struct ev_loop *loop;
    ares_channel channel;
    struct endpoint server;
    struct list sockets; /* of channel_socket */
    ev_timer tick;       /* runs while queries are in progress */
    unsigned in_progress;
};

struct channel_socket {
    struct dns_channel *channel;
    struct list_node node; /* in channel->sockets */
    ev_io io;
};

struct query {
    struct dns_channel *channel;
    dns_channel_fn *done;
    void *arg;
};

/* Sockets and timers */

static void on_socket_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct channel_socket *s = w->data;

    (void)loop;
    ares_process_fd(s->channel->channel, revents & EV_READ ? w->fd : ARES_SOCKET_BAD,
                    revents & EV_WRITE ? w->fd : ARES_SOCKET_BAD); /* may free s */
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct dns_channel *c = w->data;

    (void)loop;
    (void)revents;
    ares_process_fd(c->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void unwatch(struct channel_socket *s)
{
    list_remove(&s->node);
    ev_io_stop(s->channel->loop, &s->io);
    free(s);
}

static struct channel_socket *find_socket(const struct dns_channel *c, ares_socket_t fd)
{
    LIST_FOR_EACH (at, &c->sockets) {
        struct channel_socket *s = CONTAINER_OF(at, struct channel_socket, node);

        if (s->io.fd == fd)
            return s;
    }
    return NULL;
}

static struct channel_socket *channel_socket_new(struct dns_channel *c)
{
    struct channel_socket *s = xcalloc(1, sizeof(*s));

    s->channel = c;
    ev_init(&s->io, on_socket_ready);
    s->io.data = s;
    list_append(&c->sockets, &s->node);
    return s;
}

/* Watches fd as c-ares asks; without both flags, c-ares is about to close fd. Called by c-ares. */
static void on_socket(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct dns_channel *c = arg;
    struct channel_socket *s = find_socket(c, fd);

    if (!wants_read && !wants_write) {
        if (s != NULL)
            unwatch(s);
        return;
    }
    if (s == NULL)
        s = channel_socket_new(c);
    ev_io_stop(c->loop, &s->io);
    ev_io_set(&s->io, fd, (wants_read ? EV_READ : 0) | (wants_write ? EV_WRITE : 0));
    ev_io_start(c->loop, &s->io);
}

/* Sockets for a server with a scope, which c-ares 1.18 does not support. c-ares takes either all of
 * these functions or none. */

static ares_socket_t scoped_socket(int family, int type, int protocol, void *arg)
{
    (void)arg;
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int scoped_close(ares_socket_t fd, void *arg)
{
    (void)arg;
    return close(fd);
}

static int scoped_connect(ares_socket_t fd, const struct sockaddr *to, ares_socklen_t len,
                          void *arg)
{
    const struct dns_channel *c = arg;
    struct sockaddr_in6 scoped;

    if (to->sa_family != AF_INET6 || len < sizeof(scoped))
        return connect(fd, to, len);
    memcpy(&scoped, to, sizeof(scoped));
    scoped.sin6_scope_id = endpoint_scope_id(&c->server);
    return connect(fd, (struct sockaddr *)&scoped, sizeof(scoped));
}

static ares_ssize_t scoped_receive(ares_socket_t fd, void *to, size_t len, int flags,
                                   struct sockaddr *from, ares_socklen_t *from_len, void *arg)
{
    (void)arg;
    return recvfrom(fd, to, len, flags, from, from_len);
}

static ares_ssize_t scoped_send(ares_socket_t fd, const struct iovec *parts, int count, void *arg)
{
    (void)arg;
    return writev(fd, parts, count);
}

static const struct ares_socket_functions scoped_functions = {
    scoped_socket, scoped_close, scoped_connect, scoped_receive, scoped_send};

/* Queries */

static struct dns_result result_of(int status, struct span message)
{
    if (message.len > 0)
        return (struct dns_result){.kind = DNS_RESULT_MESSAGE, .message = message};
    switch (status) {
    case ARES_ENOTFOUND: return (struct dns_result){.kind = DNS_RESULT_NO_NAME};
    case ARES_ECONNREFUSED: return (struct dns_result){.kind = DNS_RESULT_UNREACHABLE};
    case ARES_ETIMEOUT: return (struct dns_result){.kind = DNS_RESULT_SILENT};
    default: break;
    }
    return (struct dns_result){.kind = DNS_RESULT_FAILED, .reason = ares_strerror(status)};
}

static void on_result(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct query *query = arg;
    const struct query ended = *query;
    const struct span message = {(const char *)bytes, bytes == NULL || len < 0 ? 0 : (size_t)len};
    const struct dns_result result = result_of(status, message);

    (void)timeouts;
    free(query);
    if (--ended.channel->in_progress == 0)
        ev_timer_stop(ended.channel->loop, &ended.channel->tick);
    ended.done(ended.arg, &result);
}

void dns_channel_query(struct dns_channel *c, const char *name, enum dns_type type,
                       dns_channel_fn *done, void *arg)
{
    struct query *query = xmalloc(sizeof(*query));

    *query = (struct query){c, done, arg};
    if (c->in_progress++ == 0)
        ev_timer_again(c->loop, &c->tick);
    ares_query(c->channel, name, ns_c_in, (int)type, on_result, query);
}

/* Channels */

static int set_server(struct dns_channel *c, struct error *err)
{
    struct ares_addr_port_node node = {.family = c->server.is_ipv6 ? AF_INET6 : AF_INET};
    int status;

    memcpy(&node.addr, c->server.bytes, c->server.is_ipv6 ? 16 : 4);
    node.udp_port = node.tcp_port = c->server.port == 0 ? DNS_PORT : c->server.port;
    status = ares_set_servers_ports(c->channel, &node);
    if (status != ARES_SUCCESS)
        return error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
    if (c->server.scope[0] != '\0')
        ares_set_socket_functions(c->channel, &scoped_functions, c);
    return 0;
}

static int init_channel(struct dns_channel *c, struct error *err)
{
    char lookups[] = "b", no_file[] = "/dev/null";
    struct ares_options options = {
        .flags = ARES_FLAG_NOCHECKRESP,
        .timeout = FIRST_TRY_MS,
        .tries = TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = c,
        .resolvconf_path = no_file,
    };
    int which = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF;
    int status;

#ifdef ARES_OPT_QUERY_CACHE /* c-ares 1.23 and later: off, because the callers cache */
    which |= ARES_OPT_QUERY_CACHE;
#endif
    status = ares_init_options(&c->channel, &options, which);
    if (status != ARES_SUCCESS)
        return error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
    if (set_server(c, err) == 0)
        return 0;
    ares_destroy(c->channel);
    return -1;
}

struct dns_channel *dns_channel_open(struct ev_loop *loop, const struct endpoint *server,
                                     struct error *err)
{
    struct dns_channel *c;
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    if (status != ARES_SUCCESS) {
        error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
        return NULL;
    }
    c = xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->server = *server;
    list_init(&c->sockets);
    ev_init(&c->tick, on_tick);
    ev_set_priority(&c->tick, PRIORITY_TICKS);
    c->tick.repeat = TICK_MS / 1000.0;
    c->tick.data = c;
    if (init_channel(c, err) == 0)
        return c;
    free(c);
    ares_library_cleanup();
    return NULL;
}

void dns_channel_close(struct dns_channel **pchannel)
{
    struct dns_channel *c = *pchannel;

    if (c == NULL)
        return;
    *pchannel = NULL;
    ares_destroy(c->channel); /* ends what is under way, and closes the sockets */
    LIST_FOR_EACH_SAFE (at, &c->sockets)
        unwatch(CONTAINER_OF(at, struct channel_socket, node));
    ev_timer_stop(c->loop, &c->tick);
    free(c);
    ares_library_cleanup();
}

const char *dns_channel_version(void)
{
    return ares_version(NULL);
}
