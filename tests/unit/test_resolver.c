#include "unit.h"

#include "podop/clock.h"
#include "podop/resolver.h"

#include <ev.h>

#include <arpa/inet.h>
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
    unsigned questions;
    struct sockaddr_in at;
};

static struct ev_loop *loop;
static struct server server;
static struct resolver *resolver;

static void on_question(struct ev_loop *l, ev_io *w, int revents)
{
    unsigned char packet[PACKET_BYTES];
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t len;

    (void)l;
    (void)revents;
    len = recvfrom(w->fd, packet, sizeof(packet), 0, (struct sockaddr *)&peer, &peer_len);
    assert_true(len > 12);
    server.questions++;
    if (server.is_silent && packet[13] != 'q')
        return;
    packet[2] = 0x81;
    packet[3] = 0x83;
    sendto(w->fd, packet, (size_t)len, 0, (struct sockaddr *)&peer, peer_len);
}

static void server_open(void)
{
    const int bytes = 1024 * 1024; /* nothing is lost between us */
    socklen_t len = sizeof(server.at);

    server = (struct server){.at = {.sin_family = AF_INET}};
    server.at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(server.fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    assert_int_equal(bind(server.fd, (struct sockaddr *)&server.at, len), 0);
    assert_int_equal(getsockname(server.fd, (struct sockaddr *)&server.at, &len), 0);
    ev_io_init(&server.io, on_question, server.fd, EV_READ);
    ev_io_start(loop, &server.io);
}

static void server_close(void)
{
    ev_io_stop(loop, &server.io);
    close(server.fd);
}

static int setup(void **state)
{
    char text[64];
    char *items[] = {text};
    const struct string_list servers = {items, 1};
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    server_open();
    snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(server.at.sin_port));
    resolver = resolver_new(loop, &servers, &err);
    assert_non_null(resolver);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_free(&resolver);
    server_close();
    ev_loop_destroy(loop);
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
    server_open(); /* for the teardown */
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
