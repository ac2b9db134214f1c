#include "unit.h"

#include "fake_name_server.h"
#include "held_clock.h"

#include "podop/deadline.h"
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

enum { LONG_MS = 60 * 1000 };

static struct ev_loop *loop;
static struct fake_name_server server, second;
static struct resolver *resolver;

static struct resolver *open_resolver(char *first, char *other)
{
    char *items[] = {first, other};
    const struct string_list servers = {items, other == NULL ? 1 : 2};
    struct error err = {0};
    struct resolver *opened = resolver_new(loop, &servers, &err);

    if (opened == NULL)
        fail_msg("%s", err.text);
    return opened;
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_name_server_open(&server, loop);
    second.fd = -1;
    resolver = open_resolver(server.text, NULL);
    return 0;
}

/* The resolver queries server, then second. */
static int setup_two(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_name_server_open(&server, loop);
    fake_name_server_open(&second, loop);
    resolver = open_resolver(server.text, second.text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_free(&resolver);
    fake_name_server_close(&server);
    fake_name_server_close(&second);
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

    w->call = resolver_start(resolver, name, DNS_MX, service_now_ms(loop) + timeout_ms, on_done, w);
    assert_int_equal(w->count, before);
}

static void assert_done(unsigned count)
{
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(done_count, count);
    done_count = 0;
}

static void run_until_done(unsigned count)
{
    ev_run(loop, EVRUN_NOWAIT); /* an answer that is ready to be delivered does not wake the loop */
    while (done_count < count)
        ev_run(loop, EVRUN_ONCE);
    assert_done(count);
}

/* The same, while time passes for the deadlines of the resolver. */
static void pass_until_done(unsigned count)
{
    HELD_CLOCK_PASS_UNTIL(loop, done_count >= count);
    assert_done(count);
}

static void run_until_queried(unsigned count)
{
    while (server.queries < count)
        ev_run(loop, EVRUN_ONCE);
}

/* Starts a call that is queried at once. The socket of the server has no room for many queries, so
 * each is read before the next is sent. */
static void start_and_query(struct wait *w, const char *name)
{
    const unsigned before = server.queries;

    start(w, name, LONG_MS);
    run_until_queried(before + 1);
}

static void test_resolver_answers_once(void **state)
{
    struct wait w = {0};

    (void)state;
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(w.verdict, DNS_NO_NAME);
    assert_int_equal(server.queries, 1);
}

/* c-ares answers some names without a query. */
static void test_resolver_answer_of_the_library_itself(void **state)
{
    struct wait w = {0};

    (void)state;
    start(&w, "secret.onion", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(w.verdict, DNS_NO_NAME);
    assert_int_equal(server.queries, 0);
}

static void test_resolver_deadline(void **state)
{
    struct wait w[3] = {{0}};

    (void)state;
    server.is_silent = true;
    start(&w[0], "a.example", 0);
    start(&w[1], "a.example", 1);
    start(&w[2], "b.example", 50);
    pass_until_done(3);
    for (size_t i = 0; i < ARRAY_LEN(w); i++) {
        assert_int_equal(w[i].count, 1);
        assert_int_equal(w[i].outcome, RESOLVER_TIMED_OUT);
    }
    server.is_silent = false;
    start(&w[0], "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w[0].outcome, RESOLVER_ANSWERED);
}

static void test_resolver_no_server(void **state)
{
    struct wait w[2] = {{0}};

    (void)state;
    fake_name_server_close(&server);
    start(&w[0], "a.example", LONG_MS);
    start(&w[1], "b.example", LONG_MS);
    run_until_done(2);
    assert_int_equal(w[0].outcome, RESOLVER_FAILED);
    assert_int_equal(w[1].outcome, RESOLVER_FAILED);
}

/* Cancels a call before it is sent, in progress, and when its answer is about to be delivered. */
static void test_resolver_cancel(void **state)
{
    struct wait w[3] = {{0}};

    (void)state;
    start(&w[0], "a.example", LONG_MS);
    resolver_cancel(&w[0].call);
    assert_null(w[0].call);
    resolver_cancel(&w[0].call);
    start(&w[0], "b.example", LONG_MS);
    run_until_queried(1);
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
    run_until_queried(1);
    resolver_cancel(&gone.call); /* c-ares still has it */
    server.is_silent = false;
    start(&last, "b.example", LONG_MS);
    run_until_done(1);
    assert_null(resolver);
}

/* Calls beyond the limit wait. They start in order, can be cancelled, and keep their deadlines. */
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
        if (i < RESOLVER_QUERIES_MAX)
            start_and_query(&w[i], name);
        else
            start(&w[i], name, i == RESOLVER_QUERIES_MAX ? 10 : LONG_MS);
    }
    pass_until_done(1);
    assert_int_equal(w[RESOLVER_QUERIES_MAX].outcome, RESOLVER_TIMED_OUT);
    assert_int_equal(server.queries, RESOLVER_QUERIES_MAX);
    resolver_cancel(&w[RESOLVER_QUERIES_MAX + 1].call);        /* the first that waits */
    resolver_cancel(&w[RESOLVER_QUERIES_MAX + MORE - 1].call); /* the last */
    resolver_cancel(&w[7].call);
    start(&w[7], "again.example", LONG_MS); /* after all others */
    server.is_silent = false;
    fake_name_server_release(&server);
    run_until_done(RESOLVER_QUERIES_MAX + MORE - 3);
    assert_int_equal(w[7].count, 1);
    for (unsigned i = 0; i < ARRAY_LEN(w); i++)
        resolver_cancel(&w[i].call);
}

static void query_and_cancel(unsigned count)
{
    struct wait w[RESOLVER_QUERIES_MAX] = {{0}};

    for (unsigned i = 0; i < count; i++)
        start_and_query(&w[i], "a.example");
    for (unsigned i = 0; i < count; i++)
        resolver_cancel(&w[i].call);
    ev_run(loop, EVRUN_NOWAIT);
}

/* Abandoned queries do not delay other calls, up to their limit. */
static void test_resolver_abandoned(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = true;
    server.loud = 'q';
    query_and_cancel(RESOLVER_QUERIES_MAX);
    start(&w, "q.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    for (unsigned i = 0; i < 6; i++)
        query_and_cancel(RESOLVER_QUERIES_MAX);
    start(&w, "q.example", 200);
    pass_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_TIMED_OUT);
}

/* After a useless answer of the first server, the second is queried. */
static void test_resolver_useless_answers(void **state)
{
    enum { RESPONSE = 0x8000, RECURSIVE = 0x0080, HEADER_BYTES = 12 };
    static const struct {
        unsigned flags;
        size_t len;
    } cases[] = {
        {RESPONSE | RECURSIVE | 1, 0}, /* FORMERR */
        {RESPONSE | RECURSIVE | 2, 0}, /* SERVFAIL */
        {RESPONSE | RECURSIVE | 4, 0}, /* NOTIMP */
        {RESPONSE | RECURSIVE | 5, 0}, /* REFUSED */
        {RESPONSE | RECURSIVE | 9, 0},
        {RESPONSE, 0},             /* an empty answer of a server that is not recursive */
        {RESPONSE | RECURSIVE, 5}, /* cut off */
        {RECURSIVE, HEADER_BYTES}, /* a question */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wait w = {0};

        server.flags = cases[i].flags;
        server.answer_len = cases[i].len;
        start(&w, "a.example", LONG_MS);
        pass_until_done(1);
        assert_int_equal(w.outcome, RESOLVER_ANSWERED);
        assert_int_equal(w.verdict, DNS_NO_NAME);
        assert_int_equal(second.queries, i + 1);
        assert_true(server.queries > 0);
    }
}

/* The second server is queried as well, and the silent one is queried last from then on. */
static void test_resolver_silent_server(void **state)
{
    struct wait w = {0};
    unsigned asked;

    (void)state;
    server.is_silent = true;
    start(&w, "a.example", LONG_MS);
    pass_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    asked = server.queries;
    assert_true(asked > 0);
    start(&w, "b.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    assert_int_equal(server.queries, asked);
    assert_int_equal(second.queries, 2);
}

/* The servers share a deadline that is shorter than the usual patience. */
static void test_resolver_silent_server_and_little_time(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = true;
    start(&w, "a.example", 900);
    pass_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
}

/* The answer of the first server counts although the second has been queried meanwhile. */
static void test_resolver_late_answer(void **state)
{
    struct wait w = {0};

    (void)state;
    server.is_silent = second.is_silent = true;
    start(&w, "a.example", LONG_MS);
    HELD_CLOCK_PASS_UNTIL(loop, second.queries > 0);
    fake_name_server_release(&server);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
}

static void test_resolver_no_useful_answer(void **state)
{
    struct wait w = {0};

    (void)state;
    server.flags = second.flags = 0x8085; /* REFUSED */
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_REFUSED);
    server.is_silent = true; /* and the other one refuses */
    start(&w, "b.example", LONG_MS);
    pass_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_REFUSED);
    second.is_silent = true;
    start(&w, "c.example", 50);
    pass_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_TIMED_OUT);
}

static void test_resolver_unreachable_server(void **state)
{
    struct wait w = {0};

    (void)state;
    fake_name_server_close(&server);
    start(&w, "a.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_ANSWERED);
    fake_name_server_close(&second);
    start(&w, "b.example", LONG_MS);
    run_until_done(1);
    assert_int_equal(w.outcome, RESOLVER_FAILED);
}

/* Opens a server at fe80::1, on the loopback interface of a new network namespace. */
static bool open_scoped_server(unsigned *port)
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
    while (bind(fd, (struct sockaddr *)&at, len) == -1) {
        assert_int_equal(errno, EADDRNOTAVAIL); /* the address is not ready yet */
        sched_yield();
    }
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin6_port);
    fake_name_server_open_at(&server, loop, fd);
    second.fd = -1;
    return true;
}

/* This test must be the last: it leaves the process in another network. */
static void test_resolver_scope(void **state)
{
    char text[64];
    struct wait w = {0};
    unsigned port = 0;

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    if (!open_scoped_server(&port)) {
        ev_loop_destroy(loop);
        skip();
    }
    snprintf(text, sizeof(text), "[fe80::1%%lo]:%u", port);
    resolver = open_resolver(text, NULL);
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
        cmocka_unit_test_setup_teardown(test_resolver_no_server, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_freed_by_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_abandoned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_useless_answers, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_silent_server, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_silent_server_and_little_time, setup_two,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_resolver_late_answer, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_no_useful_answer, setup_two, teardown),
        cmocka_unit_test_setup_teardown(test_resolver_unreachable_server, setup_two, teardown),
        cmocka_unit_test(test_resolver_scope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
