/* connecting.c - connect(2): at once on unix sockets; by TCP in two steps, the way to the server
 * and the way back. A server that is silent is asked again after 1, 3, 7... seconds, as Linux does.
 */
#include "faults.h"
#include "server.h"
#include "socket.h"
#include "transcript.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { SYN_RETRIES = 6 }; /* net.ipv4.tcp_syn_retries */

static const int network_errors[] = {ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL};
static const struct sim_route no_route;

/* Unix sockets */

static int connect_to_podop(struct socket *s)
{
    struct socket *listener = socket_find_listener(s->remote);
    struct stream *stream;

    if (listener == NULL)
        return -errno;
    stream = stream_new(s->family == AF_UNIX ? STREAM_UNIX : STREAM_TCP, &no_route);
    socket_add_waiting(listener, &stream->ends[1], s->local);
    socket_attach(s, &stream->ends[0]);
    return 0;
}

static int connect_to_server(struct socket *s, struct sim_server *server)
{
    struct stream *stream = stream_new(STREAM_UNIX, server_route(server));

    server_take(server, &stream->ends[1]);
    socket_attach(s, &stream->ends[0]);
    return 0;
}

static int connect_unix(struct socket *s)
{
    struct sim_server *server;

    switch (server_ask(s->remote, &server)) {
    case SERVER_NONE: return connect_to_podop(s);
    case SERVER_REFUSES: return -ECONNREFUSED;
    case SERVER_SILENT:
    case SERVER_FULL: return -EAGAIN;
    case SERVER_TAKES: return connect_to_server(s, server);
    }
    return -EINVAL;
}

/* TCP */

static void on_answer(void *arg)
{
    struct socket *s = arg;

    transcript_note(s->remote, "connect:", s->result);
    if (s->result == 0) {
        socket_attach(s, s->end);
        return;
    }
    s->state = SOCKET_FAILED;
    s->error = s->result;
    file_wake(&s->file);
}

static void answer(struct socket *s, int result, int64_t delay_ns)
{
    s->result = result;
    s->step.run = on_answer;
    sim_event_in(&s->step, delay_ns);
}

/* How long it may still try, by TCP_USER_TIMEOUT. */
static int64_t left_ns(const struct socket *s)
{
    return s->user_timeout_ms == 0
               ? INT64_MAX
               : s->since_ns + s->user_timeout_ms * INT64_C(1000000) - sim_now();
}

static void ask_again(struct socket *s)
{
    const int64_t pause_ns = (INT64_C(1) << s->attempts) * 1000000000, left = left_ns(s);

    if (left <= 0 || s->attempts > SYN_RETRIES) {
        answer(s, ETIMEDOUT, 0);
        return;
    }
    s->attempts++;
    sim_event_in(&s->step, pause_ns < left ? pause_ns : left);
}

static void take(struct socket *s, struct sim_server *server)
{
    const struct sim_route *route = server_route(server);
    struct stream *stream = stream_new(STREAM_TCP, route);

    s->end = &stream->ends[0];
    server_take(server, &stream->ends[1]);
    answer(s, 0, route->delay_ns);
}

static void ask_podop(struct socket *s)
{
    if (connect_to_podop(s) < 0)
        answer(s, ECONNREFUSED, 0);
}

static void on_syn(void *arg)
{
    struct socket *s = arg;
    struct sim_server *server;

    switch (server_ask(s->remote, &server)) {
    case SERVER_NONE: ask_podop(s); break;
    case SERVER_REFUSES: answer(s, ECONNREFUSED, 0); break;
    case SERVER_SILENT:
    case SERVER_FULL: ask_again(s); break;
    case SERVER_TAKES: take(s, server); break;
    }
}

static int connect_tcp(struct socket *s)
{
    const int error = fault_error(FAULT_CONNECT_FAILS, network_errors, 3);
    struct sim_server *server;
    int64_t delay_ns = 0;

    if (error != 0)
        return -error;
    if (server_ask(s->remote, &server) == SERVER_TAKES)
        delay_ns = server_route(server)->delay_ns;
    s->state = SOCKET_CONNECTING;
    s->attempts = 0;
    s->since_ns = sim_now();
    sim_event_init(&s->step, on_syn, s);
    sim_event_in(&s->step, delay_ns);
    return -EINPROGRESS;
}

int socket_connect(struct socket *s, const struct sockaddr *address, socklen_t len)
{
    if (address->sa_family != s->family)
        return -EAFNOSUPPORT;
    if (s->state == SOCKET_CONNECTING)
        return -EALREADY;
    if (s->state == SOCKET_CONNECTED)
        return -EISCONN;
    address_print(address, len, s->remote);
    socket_name(s);
    return s->family == AF_UNIX ? connect_unix(s) : connect_tcp(s);
}

void socket_stop_connecting(struct socket *s)
{
    sim_event_stop(&s->step);
}
