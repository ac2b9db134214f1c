#include "unit.h"

#include "backend/dns/name_query.h"
#include "fake_name_server.h"
#include "held_clock.h"

#include "podop/deadline.h"

#define IPV4 TEXT("\x7f\0\0\1")
#define IPV6 TEXT("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1")

static const struct fake_record records[] = {
    {"both.example", DNS_A, IPV4, 30},
    {"both.example", DNS_AAAA, IPV6, 20},
    {"four.example", DNS_A, IPV4, 30},
    {"six.example", DNS_AAAA, IPV6, 30},
    {"mail.example", DNS_MX, TEXT("\0\1\0"), 30}, /* without an address */
    {"short.corp.example", DNS_A, IPV4, 30},
    {"host", DNS_A, IPV4, 30},
};

struct fixture {
    struct ev_loop *loop;
    struct fake_name_server server;
    struct resolver *resolver;
    struct resolv_conf conf;
    struct name_query query;
    unsigned parts, ends;
    struct name_round round; /* the last one */
};

static void on_round(struct name_query *query, const struct name_round *round, bool is_all)
{
    struct fixture *f = CONTAINER_OF(query, struct fixture, query);

    f->parts += !is_all;
    f->ends += is_all;
    f->round = *round;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char *items[1];
    struct error err = {0};

    f->loop = ev_loop_new(EVFLAG_AUTO);
    fake_name_server_open(&f->server, f->loop);
    f->server.records = records;
    f->server.record_count = ARRAY_LEN(records);
    items[0] = f->server.text;
    f->resolver = resolver_new(f->loop, &(struct string_list){items, 1}, &err);
    if (f->resolver == NULL)
        fail_msg("%s", err.text);
    f->conf = (struct resolv_conf){.server_count = 1, .ndots = 1};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    name_query_stop(&f->query);
    resolver_free(&f->resolver);
    fake_name_server_close(&f->server);
    ev_loop_destroy(f->loop);
    free(f);
    return 0;
}

static void start(struct fixture *f, const char *host, bool is_careful)
{
    f->parts = f->ends = 0;
    name_query_init(&f->query, f->loop, host, on_round);
    name_query_start(&f->query, f->resolver, &f->conf, is_careful);
}

static void resolve(struct fixture *f, const char *host)
{
    start(f, host, false);
    for (int flags = EVRUN_NOWAIT; f->ends == 0; flags = EVRUN_ONCE)
        ev_run(f->loop, flags);
    assert_int_equal(f->ends, 1);
}

static void assert_resolved(const struct fixture *f, size_t count, uint32_t ttl_s)
{
    assert_int_equal(f->round.verdict, NAME_RESOLVED);
    assert_int_equal(f->round.count, count);
    assert_int_equal(f->round.ttl_s, ttl_s);
    assert_false(f->round.keeps[0]);
    assert_false(f->round.keeps[1]);
}

static void test_families(void **state)
{
    static const struct {
        const char *host;
        size_t count;
        uint32_t ttl_s;
        bool is_ipv6;
    } cases[] = {{"both.example", 2, 20, false},
                 {"four.example", 1, 30, false},
                 {"six.example", 1, 30, true}};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        resolve(f, cases[i].host);
        assert_resolved(f, cases[i].count, cases[i].ttl_s);
        assert_int_equal(f->round.addresses[0].is_ipv6, cases[i].is_ipv6);
        assert_int_equal(f->server.queries, 2 * (i + 1));
    }
}

static void test_absent(void **state)
{
    static const char *const hosts[] = {"none.example", "mail.example"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        resolve(f, hosts[i]);
        if (f->round.verdict != NAME_ABSENT)
            fail_msg("%s: %d", hosts[i], (int)f->round.verdict);
        assert_string_equal(f->round.reason, "there is no such name, or it has no address");
    }
}

/* The search domains come first for a name with fewer dots than ndots, and the name itself last. */
static void test_search_domains(void **state)
{
    struct fixture *f = *state;

    snprintf(f->conf.search[0], DNS_NAME_BYTES, "lab.example");
    snprintf(f->conf.search[1], DNS_NAME_BYTES, "corp.example");
    f->conf.search_count = 2;
    resolve(f, "short");
    assert_resolved(f, 1, 30);
    assert_int_equal(f->server.queries, 4);
    resolve(f, "host");
    assert_resolved(f, 1, 30);
    assert_int_equal(f->server.queries, 4 + 6);
}

/* With is_careful, no other candidate is tried after one that could not be resolved. */
static void test_no_useful_answer(void **state)
{
    struct fixture *f = *state;

    snprintf(f->conf.search[0], DNS_NAME_BYTES, "lab.example");
    f->conf.search_count = 1;
    f->server.flags = 0x8182; /* SERVFAIL */
    resolve(f, "short");
    assert_int_equal(f->round.verdict, NAME_UNKNOWN);
    assert_string_equal(f->round.reason, "the name server answered SERVFAIL");
    assert_int_equal(f->server.queries, 4);
    start(f, "short", true);
    for (int flags = EVRUN_NOWAIT; f->ends == 0; flags = EVRUN_ONCE)
        ev_run(f->loop, flags);
    assert_int_equal(f->round.verdict, NAME_UNKNOWN);
    assert_int_equal(f->server.queries, 4 + 2);
}

/* A server that does not answer ends the round: the next candidate would wait as long. */
static void test_silence(void **state)
{
    struct fixture *f = *state;

    snprintf(f->conf.search[0], DNS_NAME_BYTES, "lab.example");
    f->conf.search_count = 1;
    f->server.is_silent = true;
    start(f, "short", false);
    HELD_CLOCK_PASS_UNTIL(f->loop, f->ends > 0);
    assert_int_equal(f->round.verdict, NAME_UNKNOWN);
    assert_string_equal(f->round.reason, "no name server answered in time");
    for (size_t i = 0; i < f->server.held_count; i++)
        assert_memory_equal(f->server.held[i].packet + 12, "\5short\3lab", 10);
}

static void test_stop(void **state)
{
    struct fixture *f = *state;

    start(f, "both.example", false);
    name_query_stop(&f->query);
    name_query_stop(&f->query);
    ev_run(f->loop, EVRUN_NOWAIT);
    held_clock_pass_ms(f->loop, 60 * 1000);
    assert_int_equal(f->parts + f->ends, 0);
}

#define QUERY_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        QUERY_TEST(test_families),       QUERY_TEST(test_absent),
        QUERY_TEST(test_search_domains), QUERY_TEST(test_no_useful_answer),
        QUERY_TEST(test_silence),        QUERY_TEST(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
