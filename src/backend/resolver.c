/* resolver.c - the only door to c-ares, one channel a resolver, driven by libev.
 *
 * c-ares answers from inside of its functions, at times before ares_query() returns, and must not
 * be freed there. So its callback only notes the answer, and the loop delivers it right after.
 *
 * A single question cannot be taken back from c-ares 1.18. One that nobody waits for any more stays
 * in its channel until the servers answer or all tries are over. So that such do not hold up those
 * that are waited for, they are counted apart.
 *
 * Where there are several servers, c-ares asks the next one after SERVFAIL or REFUSED, and at the
 * end only says that all have failed. Where there is one, it is asked once and its word is ours.
 *
 * EDNS is left alone: c-ares 1.18 switches it off and on for the whole channel when a server does
 * not like it. What does not fit into 512 bytes comes over TCP. */
#include "podop/resolver.h"

#include "podop/deadline.h"
#include "podop/endpoint.h"
#include "podop/mem.h"
#include "podop/priority.h"

#define CARES_NO_DEPRECATED /* c-ares 1.28 and later: what 1.18 has is all that we use */
#include <ares.h>
#include <arpa/nameser.h>
#include <ev.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    TRIES = 4, /* of each server; every round waits twice as long as the one before */
    FIRST_TRY_MS = 1000,
    TICK_MS = 100, /* how often c-ares may look for tries that are over */
    DNS_PORT = 53,
    ABANDONED_MAX = 3500, /* that nobody waits for; with more of them, the next ones wait */
};

struct resolver {
    struct ev_loop *loop;
    ares_channel channel;
    struct resolver_socket *sockets;
    ev_timer tick;    /* runs while something is under way */
    ev_prepare kick;  /* never started, only fed: the next may go */
    bool has_several; /* servers */
    unsigned under_way, abandoned;
    struct resolver_call *waiting, **waiting_last; /* oldest first */
};

struct resolver_socket {
    struct resolver *resolver;
    struct resolver_socket *next;
    ev_io io;
};

/* What c-ares has. */
struct query {
    struct resolver *resolver;
    struct resolver_call *call; /* NULL: nobody waits for it any more */
};

struct resolver_call {
    struct resolver *resolver;
    struct query *query;                     /* NULL: it waits in the queue, or has its answer */
    struct resolver_call *next, **prev_next; /* in the queue; prev_next is NULL outside of it */
    enum dns_type type;
    resolver_done_fn *done;
    void *arg;
    struct deadline deadline;
    ev_prepare ready; /* never started, only fed: the answer is there */
    struct resolver_answer answer;
    char *message; /* what answer points to */
    char name[];
};

/* Sockets and timers */

static void on_socket_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct resolver_socket *s = w->data;

    (void)loop;
    ares_process_fd(s->resolver->channel, revents & EV_READ ? w->fd : ARES_SOCKET_BAD,
                    revents & EV_WRITE ? w->fd : ARES_SOCKET_BAD); /* may free s */
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct resolver *r = w->data;

    (void)loop;
    (void)revents;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static void unwatch(struct resolver *r, struct resolver_socket **link)
{
    struct resolver_socket *s = *link;

    *link = s->next;
    ev_io_stop(r->loop, &s->io);
    free(s);
}

/* c-ares: watch fd from now on for this, or no more, as it is closed next. */
static void on_socket(void *arg, ares_socket_t fd, int wants_read, int wants_write)
{
    struct resolver *r = arg;
    struct resolver_socket **link = &r->sockets;
    struct resolver_socket *s;

    while (*link != NULL && (*link)->io.fd != fd)
        link = &(*link)->next;
    s = *link;
    if (!wants_read && !wants_write) {
        if (s != NULL)
            unwatch(r, link);
        return;
    }
    if (s == NULL) {
        s = *link = xcalloc(1, sizeof(*s));
        s->resolver = r;
        ev_init(&s->io, on_socket_ready);
        s->io.data = s;
    }
    ev_io_stop(r->loop, &s->io);
    ev_io_set(&s->io, fd, (wants_read ? EV_READ : 0) | (wants_write ? EV_WRITE : 0));
    ev_io_start(r->loop, &s->io);
}

/* Calls */

static void enqueue(struct resolver_call *call)
{
    call->next = NULL;
    call->prev_next = call->resolver->waiting_last;
    *call->prev_next = call;
    call->resolver->waiting_last = &call->next;
}

static void dequeue(struct resolver_call *call)
{
    *call->prev_next = call->next;
    if (call->next != NULL)
        call->next->prev_next = call->prev_next;
    else
        call->resolver->waiting_last = call->prev_next;
    call->prev_next = NULL;
}

static void call_free(struct resolver_call *call)
{
    free(call->message);
    free(call);
}

static bool has_room(const struct resolver *r)
{
    return r->under_way - r->abandoned < RESOLVER_QUERIES_MAX &&
           r->under_way < RESOLVER_QUERIES_MAX + ABANDONED_MAX;
}

static void kick(struct resolver *r)
{
    if (r->waiting != NULL)
        ev_feed_event(r->loop, &r->kick, EV_CUSTOM);
}

/* Nothing leads to call any more but its owner; what c-ares has of it goes on for nobody. */
static void detach(struct resolver_call *call)
{
    struct resolver *r = call->resolver;

    deadline_stop(&call->deadline);
    ev_clear_pending(r->loop, &call->ready);
    if (call->prev_next != NULL)
        dequeue(call);
    if (call->query != NULL) {
        call->query->call = NULL;
        r->abandoned++;
        kick(r);
    }
}

static void on_ready(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct resolver_call *call = w->data;

    (void)loop;
    (void)revents;
    detach(call);
    call->done(call->arg, &call->answer); /* may free the resolver */
    call_free(call);
}

static void on_deadline(void *arg)
{
    struct resolver_call *call = arg;

    call->answer = (struct resolver_answer){
        .outcome = RESOLVER_TIMED_OUT,
        .reason = "no name server answered within the table's timeout",
    };
    on_ready(call->resolver->loop, &call->ready, EV_CUSTOM);
}

static struct resolver_answer judge(struct resolver_call *call, int status, struct span message)
{
    struct resolver_answer a = {.outcome = RESOLVER_REFUSED};

    if (status == ARES_ETIMEOUT)
        return (struct resolver_answer){RESOLVER_TIMED_OUT, "no name server answers", {0}};
    if (status == ARES_ENOTFOUND && message.len == 0) { /* .onion: RFC 7686 section 2 */
        a.outcome = RESOLVER_ANSWERED;
        a.dns.verdict = DNS_NO_NAME;
    } else if (status == ARES_SUCCESS || status == ARES_ENODATA || status == ARES_ENOTFOUND) {
        dns_answer_read(message, call->type, &a.dns);
        a.reason = a.dns.reason;
        if (a.dns.verdict != DNS_UNDECIDED)
            a.outcome = RESOLVER_ANSWERED;
    } else if (status == ARES_ESERVFAIL) {
        a.reason = "the name server answered SERVFAIL";
    } else if (status == ARES_EREFUSED) {
        a.reason = "the name server answered REFUSED";
    } else if (status == ARES_ECONNREFUSED) {
        a.outcome = call->resolver->has_several ? RESOLVER_REFUSED : RESOLVER_FAILED;
        a.reason = call->resolver->has_several ? "no name server answers the question"
                                               : "the name server cannot be reached";
    } else {
        a.reason = ares_strerror(status);
    }
    return a;
}

static void on_result(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct query *query = arg;
    struct resolver *r = query->resolver;
    struct resolver_call *call = query->call;
    size_t message_len = bytes == NULL || len < 0 ? 0 : (size_t)len;

    (void)timeouts;
    free(query);
    if (--r->under_way == 0)
        ev_timer_stop(r->loop, &r->tick);
    kick(r);
    if (call == NULL) {
        r->abandoned--;
        return;
    }
    call->query = NULL;
    call->message = xmemdup0(bytes, message_len);
    call->answer = judge(call, status, (struct span){call->message, message_len});
    deadline_stop(&call->deadline);
    ev_feed_event(r->loop, &call->ready, EV_CUSTOM);
}

static void send_now(struct resolver_call *call)
{
    struct resolver *r = call->resolver;
    struct query *query = xmalloc(sizeof(*query));

    *query = (struct query){r, call};
    call->query = query;
    if (r->under_way++ == 0)
        ev_timer_again(r->loop, &r->tick);
    ares_query(r->channel, call->name, ns_c_in, (int)call->type, on_result, query);
}

static void on_kick(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct resolver *r = w->data;

    (void)loop;
    (void)revents;
    while (r->waiting != NULL && has_room(r)) {
        struct resolver_call *call = r->waiting;

        dequeue(call);
        send_now(call);
    }
}

struct resolver_call *resolver_start(struct resolver *r, const char *name, enum dns_type type,
                                     uint64_t deadline_at_ms, resolver_done_fn *done, void *arg)
{
    size_t name_bytes = strlen(name) + 1;
    struct resolver_call *call = xmalloc(sizeof(*call) + name_bytes);

    *call = (struct resolver_call){.resolver = r, .type = type, .done = done, .arg = arg};
    memcpy(call->name, name, name_bytes);
    ev_prepare_init(&call->ready, on_ready);
    call->ready.data = call;
    deadline_init(&call->deadline, on_deadline, call);
    deadline_start(&call->deadline, r->loop, deadline_at_ms);
    if (r->waiting == NULL && has_room(r))
        send_now(call);
    else
        enqueue(call);
    return call;
}

void resolver_cancel(struct resolver_call **pcall)
{
    struct resolver_call *call = *pcall;

    if (call == NULL)
        return;
    *pcall = NULL;
    detach(call);
    call_free(call);
}

/* The whole */

static int set_servers(ares_channel channel, const struct string_list *servers, struct error *err)
{
    struct ares_addr_port_node *nodes = xcalloc(servers->count, sizeof(*nodes));
    int status = ARES_SUCCESS;

    for (size_t i = 0; i < servers->count; i++) {
        struct endpoint at;

        if (!endpoint_parse(servers->items[i], &at)) {
            error_set(err, ERR_CONFIG, "'%s' is no name server's address", servers->items[i]);
            goto fail;
        }
        nodes[i].next = i + 1 < servers->count ? &nodes[i + 1] : NULL;
        nodes[i].family = at.is_ipv6 ? AF_INET6 : AF_INET;
        memcpy(&nodes[i].addr, at.bytes, at.is_ipv6 ? 16 : 4);
        nodes[i].udp_port = nodes[i].tcp_port = at.port == 0 ? DNS_PORT : at.port;
    }
    status = ares_set_servers_ports(channel, nodes);
    if (status != ARES_SUCCESS) {
        error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
        goto fail;
    }
    free(nodes);
    return 0;
fail:
    free(nodes);
    return -1;
}

static int open_channel(struct resolver *r, const struct string_list *servers, int flags,
                        struct error *err)
{
    char lookups[] = "b", no_file[] = "/dev/null";
    struct ares_options options = {
        .flags = flags,
        .timeout = FIRST_TRY_MS,
        .tries = TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = r,
        .resolvconf_path = no_file,
    };
    int which = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                ARES_OPT_SOCK_STATE_CB;
    int status;

#ifdef ARES_OPT_QUERY_CACHE /* c-ares 1.23 and later: none, for tables have their own */
    which |= ARES_OPT_QUERY_CACHE;
#endif
    if (servers->count > 0)
        which |= ARES_OPT_RESOLVCONF;
    status = ares_init_options(&r->channel, &options, which);
    if (status != ARES_SUCCESS)
        return error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
    if (servers->count > 0 && set_servers(r->channel, servers, err) == -1) {
        ares_destroy(r->channel);
        return -1;
    }
    return 0;
}

static bool has_several_servers(ares_channel channel)
{
    struct ares_addr_port_node *servers = NULL;
    bool has_several;

    ares_get_servers_ports(channel, &servers);
    has_several = servers != NULL && servers->next != NULL;
    ares_free_data(servers);
    return has_several;
}

/* The number of servers decides on the flags, and is known when there is a channel. */
static int open_fitting_channel(struct resolver *r, const struct string_list *servers,
                                struct error *err)
{
    if (open_channel(r, servers, 0, err) == -1)
        return -1;
    r->has_several = has_several_servers(r->channel);
    if (r->has_several)
        return 0;
    ares_destroy(r->channel);
    return open_channel(r, servers, ARES_FLAG_NOCHECKRESP, err);
}

struct resolver *resolver_new(struct ev_loop *loop, const struct string_list *servers,
                              struct error *err)
{
    struct resolver *r;
    int status = ares_library_init(ARES_LIB_INIT_ALL);

    if (status != ARES_SUCCESS) {
        error_set(err, ERR_SYSTEM, "c-ares: %s", ares_strerror(status));
        return NULL;
    }
    r = xcalloc(1, sizeof(*r));
    r->loop = loop;
    service_clock_hold(loop);
    r->waiting_last = &r->waiting;
    ev_init(&r->tick, on_tick);
    ev_set_priority(&r->tick, PRIORITY_TICKS);
    r->tick.repeat = TICK_MS / 1000.0;
    ev_init(&r->kick, on_kick);
    r->tick.data = r->kick.data = r;
    if (open_fitting_channel(r, servers, err) == -1) {
        service_clock_release(loop);
        free(r);
        ares_library_cleanup();
        return NULL;
    }
    return r;
}

void resolver_free(struct resolver **presolver)
{
    struct resolver *r = *presolver;

    if (r == NULL)
        return;
    *presolver = NULL;
    ares_destroy(r->channel); /* ends what nobody waits for, and closes the sockets */
    while (r->sockets != NULL)
        unwatch(r, &r->sockets);
    ev_timer_stop(r->loop, &r->tick);
    ev_clear_pending(r->loop, &r->kick);
    service_clock_release(r->loop);
    free(r);
    ares_library_cleanup();
}

const char *resolver_version(void)
{
    return ares_version(NULL);
}
