/* The same small programs on the real kernel, and then on the model: they must see the same. */
#include "kernel.h"

#include "podop/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    PATIENCE_MS = 20000,
    ALL = POLLIN | POLLOUT | POLLRDHUP,
    LARGE = 1 << 20,
};

static char directory[] = "/tmp/podop-kernel-XXXXXX";
static struct buf seen; /* what the programs note, a line each */

/* Notes */

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
    char line[300];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    buf_add(&seen, (struct span){line, (size_t)len});
    buf_add(&seen, SPAN("\n"));
}

static void note_result(const char *what, ssize_t result)
{
    if (result == -1)
        note("%s: %s", what, strerror(errno));
    else
        note("%s: %zd", what, result);
}

/* The result of a call that returns a descriptor. */
static int note_fd(const char *what, int fd)
{
    note("%s: %s", what, fd == -1 ? strerror(errno) : "a descriptor");
    return fd;
}

/* Waits for all of the events, or for those that come anyway, and notes all that there are. */
static void note_events(const char *what, int fd, short awaited)
{
    struct pollfd p = {.fd = fd, .events = (short)(awaited & ~(POLLHUP | POLLERR))};

    if (awaited != 0)
        poll(&p, 1, PATIENCE_MS);
    p.events = ALL;
    poll(&p, 1, 0);
    note("%s:%s%s%s%s%s%s", what, (p.revents & POLLIN) != 0 ? " IN" : "",
         (p.revents & POLLOUT) != 0 ? " OUT" : "", (p.revents & POLLRDHUP) != 0 ? " RDHUP" : "",
         (p.revents & POLLHUP) != 0 ? " HUP" : "", (p.revents & POLLERR) != 0 ? " ERR" : "",
         (p.revents & POLLNVAL) != 0 ? " NVAL" : "");
}

static void note_receive(const char *what, int fd)
{
    char bytes[100];
    const ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0)
        note("%s: %.*s", what, (int)n, bytes);
    else
        note_result(what, n);
}

static void note_send(const char *what, int fd, const char *text)
{
    note_result(what, send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT));
}

static void note_error(const char *what, int fd)
{
    int error = -1;
    socklen_t len = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    note("%s: %s", what, error == 0 ? "no error" : strerror(error));
}

static void note_count(const char *what, int fd, unsigned long request)
{
    int bytes = -1;
    const int result = ioctl(fd, request, &bytes);

    note("%s: %d, %d", what, result, bytes);
}

/* Sockets */

static struct sockaddr_un unix_address(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", directory, name);
    return at;
}

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int unix_connect(int fd, const char *name)
{
    const struct sockaddr_un at = unix_address(name);

    return connect(fd, (const struct sockaddr *)&at, sizeof(at));
}

static int unix_listen(const char *name, int backlog)
{
    const struct sockaddr_un at = unix_address(name);
    const int fd = unix_socket();

    unlink(at.sun_path);
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, backlog) == -1)
        fail_msg("cannot listen: %s", strerror(errno));
    return fd;
}

struct pair {
    int listener, client, server;
};

static int accept_now(int listener)
{
    struct pollfd p = {.fd = listener, .events = POLLIN};

    poll(&p, 1, PATIENCE_MS);
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static struct pair unix_pair(void)
{
    struct pair p = {.listener = unix_listen("pair", 5), .client = unix_socket()};

    assert_int_equal(unix_connect(p.client, "pair"), 0);
    p.server = accept_now(p.listener);
    assert_int_not_equal(p.server, -1);
    return p;
}

/* Listens on a free port of 127.0.0.1. */
static int tcp_listen(struct sockaddr_in *at)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(*at);

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(fd, (struct sockaddr *)at, len) == -1 || listen(fd, 5) == -1 ||
        getsockname(fd, (struct sockaddr *)at, &len) == -1)
        fail_msg("cannot listen: %s", strerror(errno));
    return fd;
}

static int tcp_connect(const struct sockaddr_in *at)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    note_result("tcp connect", connect(fd, (const struct sockaddr *)at, sizeof(*at)));
    return fd;
}

static struct pair tcp_pair(void)
{
    struct sockaddr_in at;
    struct pair p = {.listener = tcp_listen(&at)};

    p.client = tcp_connect(&at);
    p.server = accept_now(p.listener);
    assert_int_not_equal(p.server, -1);
    note_events("connected", p.client, POLLOUT);
    note_error("connected", p.client);
    return p;
}

static void close_pair(const struct pair *p)
{
    close(p->client);
    close(p->server);
    close(p->listener);
}

/* Waits until so many bytes have arrived. */
static void await_bytes(int fd, int count)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int bytes = 0;

    while (ioctl(fd, FIONREAD, &bytes) == 0 && bytes < count)
        poll(&p, 1, PATIENCE_MS);
}

/* Programs */

static void connect_to_no_unix_socket(void)
{
    const int fd = unix_socket();
    const int listener = unix_listen("left", 5);

    note_events("a new unix socket", fd, 0);
    note_result("connect to nothing", unix_connect(fd, "missing"));
    close(listener);
    note_result("connect to a file that is left", unix_connect(fd, "left"));
    note_send("send on it", fd, "x");
    note_receive("receive on it", fd);
    close(fd);
}

static void use_unix_sockets_before_accept(void)
{
    const int listener = unix_listen("early", 5), fd = unix_socket();
    int server;

    note_events("listener without clients", listener, 0);
    note_fd("accept without clients", accept4(listener, NULL, NULL, SOCK_NONBLOCK));
    note_result("connect", unix_connect(fd, "early"));
    note_result("connect again", unix_connect(fd, "early"));
    note_send("send before accept", fd, "hello");
    note_events("client before accept", fd, 0);
    note_events("listener with a client", listener, POLLIN);
    server = note_fd("accept", accept4(listener, NULL, NULL, SOCK_NONBLOCK));
    note_count("FIONREAD", server, FIONREAD);
    note_receive("receive", server);
    note_receive("receive again", server);
    note_count("SIOCOUTQ when all is read", fd, SIOCOUTQ);
    close(fd);
    close(server);
    close(listener);
}

static void close_unix_listener(void)
{
    const int listener = unix_listen("closing", 5), fd = unix_socket();

    unix_connect(fd, "closing");
    close(listener);
    note_events("client of a closed listener", fd, POLLHUP);
    note_receive("receive", fd);
    note_receive("receive again", fd);
    note_send("send", fd, "x");
    note_events("at the end", fd, 0);
    close(fd);
}

static void fill_unix_backlog(void)
{
    const int listener = unix_listen("full", 2);
    int fds[5];

    for (int i = 0; i < 5; i++) {
        fds[i] = unix_socket();
        note_result("connect", unix_connect(fds[i], "full"));
    }
    close(accept_now(listener));
    note_result("connect after accept", unix_connect(fds[4], "full"));
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    close(listener);
}

static void note_both(const char *what, const struct pair *p)
{
    char text[100];

    snprintf(text, sizeof(text), "%s: client", what);
    note_events(text, p->client, 0);
    snprintf(text, sizeof(text), "%s: server", what);
    note_events(text, p->server, 0);
}

static void end_in_halves(struct pair (*make)(void))
{
    const struct pair p = make();

    note_both("new", &p);
    note_send("client sends", p.client, "question");
    await_bytes(p.server, 8);
    note_events("server has bytes", p.server, POLLIN);
    note_result("client shuts", shutdown(p.client, SHUT_WR));
    note_events("server before it reads", p.server, POLLRDHUP);
    note_events("client after shutdown", p.client, 0);
    note_send("client sends after shutdown", p.client, "x");
    note_receive("server receives", p.server);
    note_receive("server receives the end", p.server);
    note_receive("server receives the end again", p.server);
    note_send("server answers", p.server, "answer");
    await_bytes(p.client, 6);
    note_result("server shuts", shutdown(p.server, SHUT_WR));
    note_events("client before it reads", p.client, POLLRDHUP);
    note_receive("client receives", p.client);
    note_receive("client receives the end", p.client);
    note_both("both ended", &p);
    close_pair(&p);
}

static void end_unix_in_halves(void)
{
    end_in_halves(unix_pair);
}

static void end_tcp_in_halves(void)
{
    end_in_halves(tcp_pair);
}

static void close_with_unread(struct pair (*make)(void))
{
    const struct pair p = make();

    note_send("client sends", p.client, "unread");
    note_send("server sends", p.server, "last words");
    await_bytes(p.server, 6);
    await_bytes(p.client, 10);
    note_result("server closes", close(p.server));
    note_events("client", p.client, POLLHUP);
    note_receive("client receives", p.client);
    note_receive("client receives again", p.client);
    note_receive("client receives a third time", p.client);
    note_send("client sends", p.client, "x");
    note_send("client sends again", p.client, "x");
    note_events("client at the end", p.client, 0);
    note_error("client", p.client);
    close(p.client);
    close(p.listener);
}

static void close_unix_with_unread(void)
{
    close_with_unread(unix_pair);
}

static void close_tcp_with_unread(void)
{
    close_with_unread(tcp_pair);
}

static void send_after_reset(void)
{
    const struct pair p = tcp_pair();

    note_send("client sends", p.client, "unread");
    await_bytes(p.server, 6);
    close(p.server);
    note_events("client", p.client, POLLHUP);
    note_send("client sends", p.client, "x");
    note_receive("client receives", p.client);
    close(p.client);
    close(p.listener);
}

static void send_to_closed(struct pair (*make)(void))
{
    const struct pair p = make();

    note_result("server closes", close(p.server));
    note_events("client", p.client, POLLRDHUP);
    note_send("client sends", p.client, "x");
    note_events("client after that", p.client, POLLHUP);
    note_error("client", p.client);
    note_send("client sends again", p.client, "x");
    note_receive("client receives", p.client);
    note_events("client at the end", p.client, 0);
    close(p.client);
    close(p.listener);
}

static void send_to_closed_unix(void)
{
    send_to_closed(unix_pair);
}

static void send_to_closed_tcp(void)
{
    send_to_closed(tcp_pair);
}

static void receive_after_reset_by_sending(void)
{
    const struct pair p = tcp_pair();

    note_send("server sends", p.server, "answer");
    await_bytes(p.client, 6);
    close(p.server);
    note_events("client", p.client, POLLRDHUP);
    note_send("client sends", p.client, "x");
    note_events("client after that", p.client, POLLHUP);
    note_receive("client receives", p.client);
    note_receive("client receives again", p.client);
    note_send("client sends again", p.client, "x");
    close(p.client);
    close(p.listener);
}

/* TCP_REPAIR needs CAP_NET_ADMIN; without it, the programs that need it are left out. */
static bool can_repair;

static void find_out_about_repair(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;

    can_repair = setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) == 0;
    close(fd);
}

/* Closes the server without a word to the client, as a host that starts anew. */
static void forget_server(const struct pair *p)
{
    const int on = 1;

    note_result("repair", setsockopt(p->server, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
    close(p->server);
}

static void send_to_a_host_that_has_forgotten(void)
{
    struct pair p;

    if (!can_repair)
        return;
    p = tcp_pair();
    forget_server(&p);
    note_events("client", p.client, 0);
    note_receive("client receives", p.client);
    note_send("client sends", p.client, "x");
    note_events("client after that", p.client, POLLHUP);
    note_receive("client receives", p.client);
    note_send("client sends again", p.client, "x");
    close(p.client);
    close(p.listener);
}

static void set_tcp(int fd, int level, int name, int value)
{
    note_result("option", setsockopt(fd, level, name, &value, sizeof(value)));
}

static void keep_alive(void)
{
    struct pair p;

    if (!can_repair)
        return;
    p = tcp_pair();
    set_tcp(p.client, IPPROTO_TCP, TCP_KEEPIDLE, 1);
    set_tcp(p.client, IPPROTO_TCP, TCP_KEEPINTVL, 1);
    set_tcp(p.client, IPPROTO_TCP, TCP_KEEPCNT, 2);
    set_tcp(p.client, SOL_SOCKET, SO_KEEPALIVE, 1);
    forget_server(&p);
    note_events("client of a silent host", p.client, POLLHUP);
    note_receive("client receives", p.client);
    note_receive("client receives again", p.client);
    close(p.client);
    close(p.listener);
}

static void bind_without_a_name(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof(at);
    const int listener = unix_socket(), fd = unix_socket();

    note_result("bind", bind(listener, (struct sockaddr *)&at, sizeof(at.sun_family)));
    note_result("listen", listen(listener, 1));
    note_result("name", getsockname(listener, (struct sockaddr *)&at, &len));
    note("%d bytes, the first is %d", (int)len, at.sun_path[0]);
    note_result("connect", connect(fd, (struct sockaddr *)&at, len));
    note_events("listener", listener, POLLIN);
    close(fd);
    close(listener);
}

static void fill(struct pair (*make)(void))
{
    const struct pair p = make();
    char *bytes = calloc(1, LARGE);
    size_t sent = 0, received = 0;
    ssize_t n;

    note_send("one byte", p.client, "x");
    while ((n = send(p.client, bytes, LARGE, MSG_NOSIGNAL)) > 0 || (errno == EAGAIN && sent == 0))
        sent += n > 0 ? (size_t)n : 0;
    note_result("send when full", n);
    note("a part was sent: %d", sent > 0);
    await_bytes(p.server, 1);
    note_events("server", p.server, POLLIN);
    while (received < sent + 1) {
        struct pollfd in = {.fd = p.server, .events = POLLIN};

        poll(&in, 1, PATIENCE_MS);
        n = recv(p.server, bytes, LARGE, 0);
        received += n > 0 ? (size_t)n : 0;
    }
    note("all was received: %d", received == sent + 1);
    note_events("client when all is read", p.client, POLLOUT);
    free(bytes);
    close_pair(&p);
}

static void fill_unix(void)
{
    fill(unix_pair);
}

static void fill_tcp(void)
{
    fill(tcp_pair);
}

static void fill_unix_and_look(void)
{
    const struct pair p = unix_pair();
    char *bytes = calloc(1, LARGE);

    while (send(p.client, bytes, LARGE, MSG_NOSIGNAL) > 0)
        ;
    note_events("client that has filled the socket", p.client, 0);
    note_result("server closes", close(p.server));
    note_events("client", p.client, POLLHUP);
    note_receive("client receives", p.client);
    note_send("client sends", p.client, "x");
    free(bytes);
    close(p.client);
    close(p.listener);
}

static void peek(void)
{
    const struct pair p = unix_pair();
    char byte = '-';

    note_result("peek at nothing", recv(p.client, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
    note_send("server sends", p.server, "ab");
    note_result("peek", recv(p.client, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
    note_receive("receive", p.client);
    close(p.server);
    note_result("peek at the end", recv(p.client, &byte, 1, MSG_PEEK | MSG_DONTWAIT));
    close(p.client);
    close(p.listener);
}

static void be_refused_by_tcp(void)
{
    struct sockaddr_in at;
    int fd;

    fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    note_events("a new TCP socket", fd, 0);
    note_receive("receive on it", fd);
    note_send("send on it", fd, "x");
    close(fd);
    close(tcp_listen(&at)); /* a port on which nobody listens any more */
    fd = tcp_connect(&at);
    note_events("refused", fd, POLLOUT);
    note_error("refused", fd);
    note_error("refused, asked again", fd);
    note_events("refused, at the end", fd, 0);
    close(fd);
}

static void close_tcp_listener(void)
{
    struct sockaddr_in at;
    const int listener = tcp_listen(&at);
    const int fd = tcp_connect(&at);

    note_events("connected", fd, POLLOUT);
    close(listener);
    note_events("after the listener was closed", fd, POLLHUP);
    note_receive("receive", fd);
    note_receive("receive again", fd);
    close(fd);
}

static void bind_twice(void)
{
    struct sockaddr_in at;
    const int first = tcp_listen(&at);
    const int second = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const struct sockaddr_un path = unix_address("twice");
    const int third = unix_listen("twice", 5), fourth = unix_socket();

    note_result("bind a taken port", bind(second, (struct sockaddr *)&at, sizeof(at)));
    note_result("bind a taken path", bind(fourth, (const struct sockaddr *)&path, sizeof(path)));
    close(first);
    close(second);
    close(third);
    close(fourth);
}

static void ask_for_names(void)
{
    const struct pair p = tcp_pair();
    struct sockaddr_in client = {0}, seen_by_server = {0};
    socklen_t len = sizeof(client);

    note_result("getsockname", getsockname(p.client, (struct sockaddr *)&client, &len));
    note_result("getpeername", getpeername(p.server, (struct sockaddr *)&seen_by_server, &len));
    note("the same: %d", client.sin_port == seen_by_server.sin_port &&
                             client.sin_addr.s_addr == seen_by_server.sin_addr.s_addr);
    note_result("getpeername of a listener",
                getpeername(p.listener, (struct sockaddr *)&client, &len));
    close_pair(&p);
}

static void ask_for_options(void)
{
    const struct pair p = unix_pair();
    struct ucred credentials = {0};
    socklen_t len = sizeof(int);
    int value = -1;

    getsockopt(p.client, SOL_SOCKET, SO_TYPE, &value, &len);
    note("SO_TYPE: %d", value);
    getsockopt(p.client, SOL_SOCKET, SO_ACCEPTCONN, &value, &len);
    note("SO_ACCEPTCONN: %d", value);
    getsockopt(p.listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &len);
    note("SO_ACCEPTCONN of a listener: %d", value);
    len = sizeof(credentials);
    getsockopt(p.server, SOL_SOCKET, SO_PEERCRED, &credentials, &len);
    note("SO_PEERCRED: %d %d", credentials.pid == getpid(), credentials.uid == geteuid());
    note_result("getsockopt of nothing", getsockopt(-1, SOL_SOCKET, SO_TYPE, &value, &len));
    close_pair(&p);
}

/* UDP */

static int udp_to(in_port_t port)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = port};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    note_result("UDP connect", connect(fd, (const struct sockaddr *)&at, sizeof(at)));
    return fd;
}

static void send_to_closed_port(void)
{
    struct sockaddr_in at;
    int fd;

    close(tcp_listen(&at));
    fd = udp_to(at.sin_port);
    note_events("UDP", fd, 0);
    note_receive("receive nothing", fd);
    note_send("send", fd, "x");
    note_events("refused", fd, POLLIN);
    note_receive("receive", fd);
    note_receive("receive again", fd);
    note_send("send", fd, "x");
    note_events("refused", fd, POLLIN);
    note_send("send", fd, "x");
    note_error("error of the last one but one", fd);
    close(fd);
}

/* Pipes */

static void use_pipe(void)
{
    char bytes[70000] = {0};
    int ends[2];

    note_result("pipe2", pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    note_events("empty, reader", ends[0], 0);
    note_events("empty, writer", ends[1], 0);
    note_result("read nothing", read(ends[0], bytes, sizeof(bytes)));
    note_result("write", write(ends[1], "ab", 2));
    note_events("reader", ends[0], 0);
    note_result("read", read(ends[0], bytes, sizeof(bytes)));
    note_result("write much", write(ends[1], bytes, sizeof(bytes)));
    note_result("write more", write(ends[1], bytes, 4096));
    note_events("full, writer", ends[1], 0);
    note_result("read a part", read(ends[0], bytes, 4095));
    note_events("a little read, writer", ends[1], 0);
    note_result("write a page", write(ends[1], bytes, 4096));
    note_result("read a byte", read(ends[0], bytes, 1));
    note_events("a page read, writer", ends[1], 0);
    note_result("write a page", write(ends[1], bytes, 4096));
    close(ends[1]);
    note_events("closed, reader", ends[0], 0);
    note_result("read the rest", read(ends[0], bytes, sizeof(bytes)));
    note_events("closed and read, reader", ends[0], 0);
    note_result("read the end", read(ends[0], bytes, sizeof(bytes)));
    close(ends[0]);
    pipe2(ends, O_NONBLOCK | O_CLOEXEC);
    close(ends[0]);
    note_events("nobody reads, writer", ends[1], 0);
    note_result("write", write(ends[1], "x", 1));
    close(ends[1]);
}

/* epoll */

static void note_epoll(const char *what, int fd)
{
    struct epoll_event events[8];
    const int n = epoll_wait(fd, events, 8, 0);

    note("%s: %d", what, n);
    for (int i = 0; i < n; i++)
        note("  %d has %x", (int)events[i].data.u32, (unsigned)events[i].events);
}

static void control(const char *what, int epoll, int operation, int fd, uint32_t events, int name)
{
    struct epoll_event event = {.events = events, .data.u32 = (uint32_t)name};

    note_result(what, epoll_ctl(epoll, operation, fd, &event));
}

static void use_epoll(void)
{
    const struct pair p = unix_pair();
    const int fd = epoll_create1(EPOLL_CLOEXEC);

    note_epoll("nothing", fd);
    control("modify what is not there", fd, EPOLL_CTL_MOD, p.client, EPOLLIN, 1);
    control("remove what is not there", fd, EPOLL_CTL_DEL, p.client, EPOLLIN, 1);
    control("add a closed one", fd, EPOLL_CTL_ADD, 999, EPOLLIN, 9);
    control("add", fd, EPOLL_CTL_ADD, p.client, EPOLLIN, 1);
    control("add again", fd, EPOLL_CTL_ADD, p.client, EPOLLIN, 1);
    control("add the server", fd, EPOLL_CTL_ADD, p.server, EPOLLIN | EPOLLOUT, 2);
    note_epoll("the server is writable", fd);
    note_epoll("level-triggered", fd);
    control("modify", fd, EPOLL_CTL_MOD, p.server, EPOLLIN, 3);
    note_epoll("nothing any more", fd);
    note_send("to the client", p.server, "x");
    note_epoll("the client", fd);
    note_send("to the server", p.client, "y");
    note_epoll("both", fd);
    note_epoll("both again", fd);
    note_receive("client", p.client);
    note_epoll("the server", fd);
    control("no events", fd, EPOLL_CTL_MOD, p.server, 0, 4);
    note_epoll("nothing of no events", fd);
    close(p.client);
    note_epoll("HUP comes always", fd);
    close(p.server);
    note_epoll("closed ones are forgotten", fd);
    close(p.listener);
    close(fd);
}

static void use_eventfd(void)
{
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    uint64_t value = 2;

    note_result("read", read(fd, &value, sizeof(value)));
    note_events("zero", fd, 0);
    note_result("write", write(fd, &value, sizeof(value)));
    note_result("write", write(fd, &value, sizeof(value)));
    note_events("four", fd, 0);
    note_result("read", read(fd, &value, sizeof(value)));
    note("value: %" PRIu64, value);
    note_result("write little", write(fd, &value, 4));
    note_result("close", close(fd));
    note_result("close again", close(fd));
    note_result("read what is closed", read(fd, &value, sizeof(value)));
}

/* inotify */

static void note_inotify(const char *what, int fd)
{
    char bytes[4096];
    const ssize_t n = read(fd, bytes, sizeof(bytes));

    note_result(what, n == -1 ? -1 : n > 0);
    for (ssize_t at = 0; at < n;) {
        struct inotify_event event;

        memcpy(&event, bytes + at, sizeof(event));
        note("  %d has %x, %u bytes: %s", event.wd, event.mask, event.len,
             event.len > 0 ? bytes + at + sizeof(event) : "");
        at += (ssize_t)(sizeof(event) + event.len);
    }
}

static void use_inotify(void)
{
    const uint32_t mask = IN_CREATE | IN_DELETE | IN_MOVE | IN_CLOSE_WRITE | IN_ONLYDIR;
    const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    char path[PATH_MAX];
    int watch;

    snprintf(path, sizeof(path), "%s/file", directory);
    note_inotify("nothing", fd);
    watch = inotify_add_watch(fd, directory, mask);
    note("watch %d", watch);
    note_result("watch a missing one", inotify_add_watch(fd, "/nonexistent", mask));
    note_events("nothing yet", fd, 0);
    sim_file_write(path, "a", SIM_IN_PLACE);
    note_events("written", fd, POLLIN);
    note_inotify("written", fd);
    note_result("watch a file", inotify_add_watch(fd, path, mask));
    sim_file_write(path, "b", SIM_IN_PLACE);
    note_inotify("written again", fd);
    sim_file_write(path, "c", SIM_RENAME);
    note_inotify("renamed", fd);
    sim_file_write(path, NULL, SIM_IN_PLACE);
    note_inotify("removed", fd);
    note_result("remove the watch", inotify_rm_watch(fd, watch));
    note_inotify("ignored", fd);
    note_result("remove it again", inotify_rm_watch(fd, watch));
    close(fd);
}

static void (*const programs[])(void) = {
    connect_to_no_unix_socket,
    use_unix_sockets_before_accept,
    close_unix_listener,
    fill_unix_backlog,
    end_unix_in_halves,
    end_tcp_in_halves,
    close_unix_with_unread,
    close_tcp_with_unread,
    send_after_reset,
    send_to_closed_unix,
    send_to_closed_tcp,
    receive_after_reset_by_sending,
    fill_unix,
    fill_tcp,
    fill_unix_and_look,
    peek,
    be_refused_by_tcp,
    close_tcp_listener,
    bind_twice,
    ask_for_names,
    ask_for_options,
    send_to_closed_port,
    send_to_a_host_that_has_forgotten,
    keep_alive,
    bind_without_a_name,
    use_pipe,
    use_epoll,
    use_eventfd,
    use_inotify,
};

static char *run_programs(void)
{
    char *text;

    buf_init(&seen, SIZE_MAX);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        note("program %zu", i);
        programs[i]();
    }
    text = strdup(buf_string(&seen));
    buf_deinit(&seen);
    return text;
}

/* Compares line by line, so that the first difference is shown with what came before it. */
static void compare(char *real, char *model)
{
    char *real_rest = NULL, *model_rest = NULL;
    char *a = strtok_r(real, "\n", &real_rest), *b = strtok_r(model, "\n", &model_rest);
    const char *before = "", *program = "";
    unsigned differences = 0;

    for (; a != NULL && b != NULL;
         a = strtok_r(NULL, "\n", &real_rest), b = strtok_r(NULL, "\n", &model_rest)) {
        if (strncmp(a, "program", 7) == 0)
            program = a;
        if (strcmp(a, b) != 0) {
            print_error("%s, after \"%s\":\n    real  \"%s\"\n    model \"%s\"\n", program, before,
                        a, b);
            differences++;
        }
        before = a;
    }
    assert_int_equal(differences, 0);
    assert_null(a);
    assert_null(b);
}

static void test_programs(void **state)
{
    char *real, *model;

    (void)state;
    assert_non_null(mkdtemp(directory));
    find_out_about_repair();
    real = run_programs();
    sim_begin(1);
    model = run_programs();
    assert_int_equal(sim_usage().descriptors, 0);
    compare(real, model);
    free(real);
    free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
