#include "unit.h"

#include "podop/clock.h"
#include "podop/resolver.h"

#include <ev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LONG_MS = 60 * 1000,
    PACKET_BYTES = 512,
};

/* A name server on the loop of the test: it says NXDOMAIN, or nothing but to names with a q in
 * front. */
struct server {
    int fd;
    ev_io io;
    bool is_silent;
    unsigned flags;    /* of the answer, with its code; 0: NXDOMAIN */
    size_t answer_len; /* all of them are cut to that; 0: none is */
    unsigned questions;
    struct sockaddr_in at;
};

static struct ev_loop *loop;
static struct server server, second;
static struct resolver *resolver;

static void on_question(struct ev_loop *l, ev_io *w, int revents)
{
    struct server *s = w->data;
    unsigned char packet[PACKET_BYTES];
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len;

    (void)l;
    (void)revents;
    len = recvfrom(w->fd, packet, sizeof(packet), 0, (struct sockaddr *)&peer, &peer_len);
    assert_true(len > 12);
    s->questions++;
    if (s->is_silent && packet[13] != 'q')
        return;
    packet[2] = s->flags == 0 ? 0x81 : (unsigned char)(s->flags >> 8);
    packet[3] = s->flags == 0 ? 0x83 : s->flags & 0xff;
    sendto(w->fd, packet, s->answer_len == 0 ? (size_t)len : s->answer_len, 0,
           (struct sockaddr *)&peer, peer_len);
}

static void server_open(struct server *s)
{
    const int bytes = 1024 * 1024; /* nothing is lost between us */
    socklen_t len = sizeof(s->at);

    *s = (struct server){.at = {.sin_family = AF_INET}};
    s->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    assert_int_equal(bind(s->fd, (struct sockaddr *)&s->at, len), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&s->at, &len), 0);
    ev_io_init(&s->io, on_question, s->fd, EV_READ);
    s->io.data = s;
    ev_io_start(loop, &s->io);
}

static void server_close(struct server *s)
{
    ev_io_stop(loop, &s->io);
    close(s->fd);
}

static int setup(void **state)
{
    char text[64];
    char *items[] = {text};
    const struct string_list servers = {items, 1};
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    server_open(&server);
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(server.at.sin_port));
    resolver = resolver_new(loop, &servers, &err);
    assert_non_null(resolver);
    return 0;
}

/* Another one that asks server, then second. */
static int setup_two(void **state)
{
    char texts[2][64];
    char *items[] = {texts[0], texts[1]};
    const struct string_list servers = {items, 2};
    struct error err = {0};

    setup(state);
    server_open(&second);
    snprintf(texts[0], sizeof(texts[0]), "127.0.0.1:%u", ntohs(server.at.sin_port));
    snprintf(texts[1], sizeof(texts[1]), "127.0.0.1:%u", ntohs(second.at.sin_port));
    resolver_free(&resolver);
    resolver = resolver_new(loop, &servers, &err);
    assert_non_null(resolver);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_free(&resolver);
    server_close(&server);
    ev_loop_destroy(loop);
    return 0;
}

static int teardown_two(void **state)
{
    teardown(state);
    close(second.fd);
    return 0;
}

struct wait {
    struct resolver_call *call;
    struct wait *cancels; /* when it is done */
    unsigned count;
    enum resolver_outcome outcome;
    enum dns_verdict verdict;
    bool frees; /* the resolver, when it is done */
};

static unsigned done_count;

static void on_done(void *arg, const struct resolver_answer *answer)
{
    struct wait *w = arg;

    done_count++;
    w->count++;
    w->call = NULL;
    w->outcome = answer->outcome;
    w->verdict = answer->dns.verdict;
    assert_int_equal(answer->reason == NULL, answer->outcome == RESOLVER_ANSWERED);
    if (w->cancels != NULL)
        resolver_cancel(&w->cancels->call);
    if (w->frees)
        resolver_free(&resolver);
}

static void start(struct wait *w, const char *name, uint32_t timeout_ms)
{
    const unsigned before = w->count;

    w->call = resolver_start(resolver, name, DNS_MX, clock_now_ms() + timeout_ms, on_done, w);
    assert_int_equal(w->count, before);
}

static void run_until_done(unsigned count)
{
    ev_run(loop, EVRUN_NOWAIT); /* an answer that waits to be told wakes nobody */
    while (done_count < count)
        ev_run(loop, EVRUN_ONCE);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(done_count, count);
    done_count = 0;
}

static void run_until_asked(unsigned count)
{
    while (server.questions < count)
        ev_run(loop, EVRUN_ONCE);
}

static void test_resolver_answers_once(void **state)
{
    struct wait w = {0};

    (void)state;
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(w.verdict, DNS_NO_NAME);
    assert_int_equal(server.questions, 1);
}

/* c-ares says so before it has sent anything. */
static void test_resolver_answer_of_the_library_itself(void **state)
{
    struct wait w = {0};

    (void)state;
    start(&w, "secret.onion", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(w.verdict, DNS_NO_NAME);
    assert_int_equal(server.questions, 0);
}

static void test_resolver_deadline(void **state)
{
    struct wait w[3] = {{0}};

    (void)state;
    server.is_silent = true;
    start(&w[0], "a.example", 0);
    start(&w[1], "a.example", 1);
    start(&w[2], "b.example", 50);
    run_until_done(3);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_int_equal(w[i].count, 1);
        assert_int_equal(w[i].outcome, RESOLVER_TIMED_OUT);
    }
    server.is_silent = false;
    start(&w[0], "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w[0].outcome, RESOLVER_ANSWERED);
}

static void test_resolver_nobody_there(void **state)
{
    struct wait w[2] = {{0}};

    (void)state;
    ev_io_stop(loop, &server.io);
    close(server.fd);
    start(&w[0], "a.example", LONG_MS);
    start(&w[1], "b.example", LONG_MS);
    run_until_done(2);
    assert_int_equal(w[0].outcome, RESOLVER_FAILED);
    assert_int_equal(w[1].outcome, RESOLVER_FAILED);
    server_open(&server); /* for the teardown */
}

/* Before it was sent, while it is under way, and when the answer is about to be told. */
static void test_resolver_cancel(void **state)
{
    struct wait w[3] = {{0}};

    (void)state;
    start(&w[0], "a.example", LONG_MS);
    resolver_cancel(&w[0].call);
    assert_null(w[0].call);
    resolver_cancel(&w[0].call);
    start(&w[0], "b.example", LONG_MS);
    run_until_asked(1);
    resolver_cancel(&w[0].call);
    start(&w[1], "x.onion", LONG_MS);
    start(&w[2], "y.onion", LONG_MS);
    w[1].cancels = &w[2];
    w[2].cancels = &w[1];
    run_until_done(1);
    assert_int_equal(w[1].count + w[2].count, 1);
    assert_int_equal(w[0].count, 0);
}

static void test_resolver_freed_by_the_last(void **state)
{
    struct wait gone = {0}, last = {.frees = true};

    (void)state;
    server.is_silent = true;
    start(&gone, "a.example", LONG_MS);
    run_until_asked(1);
    resolver_cancel(&gone.call); /* c-ares still has it */
    server.is_silent = false;
    start(&last, "b.example", LONG_MS);
    run_until_done(1);
    assert_null(resolver);
}

/* So many are under way, the others wait: they go in their order, may be cancelled, and have no
 * more time than they were given. */
static void test_resolver_queue(void **state)
{
    enum { MORE = 40 };
    static struct wait w[RESOLVER_QUERIES_MAX + MORE];
    char name[32];

    (void)state;
    memset(w, 0, sizeof(w));
    server.is_silent = true;
    for (unsigned i = 0; i < ARRAY_LEN(w); i++) {
        snprintf(name, sizeof(name), "n%u.example", i);
        start(&w[i], name, i == RESOLVER_QUERIES_MAX ? 10 : LONG_MS);
    }
    run_until_done(1);
    assert_int_equal(w[RESOLVER_QUERIES_MAX].outcome, RESOLVER_TIMED_OUT);
    run_until_asked(RESOLVER_QUERIES_MAX);
    assert_int_equal(server.questions, RESOLVER_QUERIES_MAX);
    resolver_cancel(&w[RESOLVER_QUERIES_MAX + 1].call);        /* the first that waits */
    resolver_cancel(&w[RESOLVER_QUERIES_MAX + MORE - 1].call); /* the last */
    resolver_cancel(&w[7].call);
    start(&w[7], "again.example", LONG_MS); /* behind all others */
    server.is_silent = false;               /* the next try of each gets an answer */
    run_until_done(RESOLVER_QUERIES_MAX + MORE - 3);
    assert_int_equal(w[7].count, 1);
    for (unsigned i = 0; i < ARRAY_LEN(w); i++)
        resolver_cancel(&w[i].call);
}

static void start_and_cancel(unsigned count)
{
    struct wait w[RESOLVER_QUERIES_MAX] = {{0}};

    for (unsigned i = 0; i < count; i++)
        start(&w[i], "a.example", LONG_MS);
    for (unsigned i = 0; i < count; i++)
        resolver_cancel(&w[i].call);
    ev_run(loop, EVRUN_NOWAIT);
}

/* What nobody waits for does not hold up the others, until it is too much. */
static void test_resolver_abandoned(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = true;
    start_and_cancel(RESOLVER_QUERIES_MAX);
    start(&w, "q.example", 5000);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    for (unsigned i = 0; i < 7; i++)
        start_and_cancel(RESOLVER_QUERIES_MAX);
    start(&w, "q.example", 200);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_TIMED_OUT);
}

/* What the first server says is of no use: the second is asked at once. */
static void test_resolver_useless_answers(void **state)
{
    enum { RESPONSE = 0x8000, RECURSIVE = 0x0080, HEADER_BYTES = 12 };
    static const struct {
        unsigned flags;
        size_t len;
    } cases[] = {
        {RESPONSE | RECURSIVE | 1, 0},                /* FORMERR */
        {RESPONSE | RECURSIVE | 2, 0},                /* SERVFAIL */
        {RESPONSE | RECURSIVE | 4, 0},                /* NOTIMP */
        {RESPONSE | RECURSIVE | 5, 0},                /* REFUSED */
        {RESPONSE | RECURSIVE | 9, 0}, {RESPONSE, 0}, /* nothing, and it does not recurse */
        {RESPONSE | RECURSIVE, 5},                    /* cut off, so it is no answer to anything */
        {RECURSIVE, HEADER_BYTES},                    /* a question */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wait w = {0};

        server.flags = cases[i].flags;
        server.answer_len = cases[i].len;
        start(&w, "a.example", LONG_MS);
        run_until_done(1);
        assert_int_equal(w.outcome, RESOLVER_ANSWERED);
        assert_int_equal(w.verdict, DNS_NO_NAME);
        assert_int_equal(second.questions, i + 1);
        assert_true(server.questions > 0);
    }
}

/* The second is asked as well, and the first is asked last from then on. */
static void test_resolver_silent_server(void **state)
{
    struct wait w = {0};
    unsigned asked;

    (void)state;
    server.is_silent = true;
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    asked = server.questions;
    assert_true(asked > 0);
    start(&w, "b.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(server.questions, asked);
    assert_int_equal(second.questions, 2);
}

/* Less time than a server gets otherwise: it is shared out. */
static void test_resolver_silent_server_and_little_time(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = true;
    start(&w, "a.example", 900);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
}

/* It was asked first, and the other meanwhile: its answer counts all the same. */
static void test_resolver_late_answer(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = second.is_silent = true;
    start(&w, "a.example", LONG_MS);
    while (second.questions == 0)
        ev_run(loop, EVRUN_ONCE);
    server.is_silent = false; /* the next try gets an answer */
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
}

static void test_resolver_nobody_knows(void **state)
{
    struct wait w = {0};

    (void)state;
    server.flags = second.flags = 0x8085; /* REFUSED */
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_REFUSED);
    server.is_silent = true; /* and the other one says no */
    start(&w, "b.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_REFUSED);
    second.is_silent = true;
    start(&w, "c.example", 50);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_TIMED_OUT);
}

static void test_resolver_unreachable_server(void **state)
{
    struct wait w = {0};

    (void)state;
    ev_io_stop(loop, &server.io);
    close(server.fd);
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    ev_io_stop(loop, &second.io);
    close(second.fd);
    start(&w, "b.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_FAILED);
    server_open(&server); /* for the teardown */
    server_open(&second);
}

/* fe80::1 on the loopback interface of a network namespace of our own. */
static bool open_scoped_server(void)
{
    struct ifreq up = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    struct in6_ifreq address = {.ifr6_prefixlen = 64};
    struct sockaddr_in6 at = {.sin6_family = AF_INET6};
    socklen_t len = sizeof(at);
    int fd;

    if (unshare(CLONE_NEWNET) == -1)
        return false;
    fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return false;
    address.ifr6_ifindex = (int)if_nametoindex("lo");
    inet_pton(AF_INET6, "fe80::1", &address.ifr6_addr);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &up), 0);
    assert_int_equal(ioctl(fd, SIOCSIFADDR, &address), 0);
    inet_pton(AF_INET6, "fe80::1", &at.sin6_addr);
    at.sin6_scope_id = if_nametoindex("lo");
    server = (struct server){.fd = fd};
    while (bind(fd, (struct sockaddr *)&at, len) == -1) {
        assert_int_equal(errno, EADDRNOTAVAIL); /* the kernel is not through with it yet */
        sched_yield();
    }
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    server.at.sin_port = at.sin6_port;
    ev_io_init(&server.io, on_question, fd, EV_READ);
    server.io.data = &server;
    ev_io_start(loop, &server.io);
    return true;
}

/* The last test: the process is in another network from then on. */
static void test_resolver_scope(void **state)
{
    char text[64];
    char *items[] = {text};
    struct error err = {0};
    struct wait w = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    if (!open_scoped_server()) {
        ev_loop_destroy(loop);
        skip();
    }
    snprintf(text, sizeof(text), "[fe80::1%%lo]:%u", ntohs(server.at.sin_port));
    resolver = resolver_new(loop, &(struct string_list){items, 1}, &err);
    assert_non_null(resolver);
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    teardown(state);
}

static void test_resolver_servers(void **state)
{
    char good[] = "[::1]:5353", bad[] = "ns.example";
    char *items[] = {good, bad};
    struct error err = {0};
    struct resolver *r;

    (void)state;
    assert_null(resolver_new(loop, &(struct string_list){items, 2}, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "ns.example"));
    r = resolver_new(loop, &(struct string_list){items, 1}, &err);
    assert_non_null(r);
    resolver_free(&r);
    assert_null(r);
    resolver_free(&r);
    r = resolver_new(loop, &(struct string_list){NULL, 0}, &err); /* the system's */
    assert_non_null(r);
    resolver_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resolver_answers_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_answer_of_the_library_itself, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_resolver_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_freed_by_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_abandoned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_useless_answers, setup_two, teardown_two),
        cmocka_unit_test_setup_teardown(test_resolver_silent_server, setup_two, teardown_two),
        cmocka_unit_test_setup_teardown(test_resolver_silent_server_and_little_time, setup_two,
                                        teardown_two),
        cmocka_unit_test_setup_teardown(test_resolver_late_answer, setup_two, teardown_two),
        cmocka_unit_test_setup_teardown(test_resolver_nobody_knows, setup_two, teardown_two),
        cmocka_unit_test_setup_teardown(test_resolver_unreachable_server, setup_two, teardown_two),
        cmocka_unit_test(test_resolver_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
