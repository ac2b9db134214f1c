/* One name server, and how a query to it can end. test_resolver.c tests a silent server, with
 * deadlines, because c-ares has its own clock. */
#include "unit.h"

#include "backend/dns/dns_channel.h"
#include "fake_name_server.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct fake_record records[] = {{"a.example", DNS_A, TEXT("\x7f\0\0\1"), 7}};

struct fixture {
    struct ev_loop *loop;
    struct fake_name_server server;
    struct dns_channel *channel;
    unsigned results;
    enum dns_result_kind kind;
    struct dns_answer answer; /* without its message */
    struct dns_record record;
    const char *reason;
};

static void on_result(void *arg, const struct dns_result *result)
{
    struct fixture *f = arg;
    struct dns_cursor cursor;

    f->results++;
    f->kind = result->kind;
    f->reason = result->reason;
    if (result->kind != DNS_RESULT_MESSAGE)
        return;
    dns_answer_read(result->message, DNS_A, &f->answer);
    cursor = dns_walk(&f->answer);
    dns_next(&cursor, &f->record);
}

static struct dns_channel *open_channel(struct fixture *f)
{
    struct endpoint at;
    struct error err = {0};
    struct dns_channel *channel;

    assert_true(endpoint_parse(f->server.text, &at));
    channel = dns_channel_open(f->loop, &at, &err);
    if (channel == NULL)
        fail_msg("%s", err.text);
    return channel;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->loop = ev_loop_new(EVFLAG_AUTO);
    fake_name_server_open(&f->server, f->loop);
    f->server.records = records;
    f->server.record_count = ARRAY_LEN(records);
    f->channel = open_channel(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    dns_channel_close(&f->channel);
    dns_channel_close(&f->channel); /* NULL is fine */
    fake_name_server_close(&f->server);
    ev_loop_destroy(f->loop);
    free(f);
    return 0;
}

static void query(struct fixture *f, const char *name)
{
    f->results = 0;
    dns_channel_query(f->channel, name, DNS_A, on_result, f);
    while (f->results == 0)
        ev_run(f->loop, EVRUN_ONCE);
    assert_int_equal(f->results, 1);
}

static void test_records(void **state)
{
    struct fixture *f = *state;

    query(f, "a.example");
    assert_int_equal(f->kind, DNS_RESULT_MESSAGE);
    assert_int_equal(f->answer.verdict, DNS_RECORDS);
    assert_int_equal(f->answer.ttl_s, 7);
    assert_memory_equal(f->record.address, "\x7f\0\0\1", 4);
    query(f, "b.example");
    assert_int_equal(f->kind, DNS_RESULT_MESSAGE);
    assert_int_equal(f->answer.verdict, DNS_NO_NAME);
    assert_int_equal(f->server.queries, 2);
}

/* The channel passes every answer on unchanged, even an error. */
static void test_errors_are_messages(void **state)
{
    static const unsigned codes[] = {1, 2, 4, 5};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        f->server.flags = 0x8180 | codes[i];
        query(f, "a.example");
        if (f->kind != DNS_RESULT_MESSAGE)
            fail_msg("code %u: %d", codes[i], (int)f->kind);
        assert_int_equal(f->answer.verdict, DNS_UNDECIDED);
    }
}

static void test_name_that_cannot_exist(void **state)
{
    struct fixture *f = *state;

    query(f, "x.onion");
    assert_int_equal(f->kind, DNS_RESULT_NO_NAME);
    assert_int_equal(f->server.queries, 0);
}

static void test_malformed_name(void **state)
{
    struct fixture *f = *state;

    query(f, "a..example");
    assert_int_equal(f->kind, DNS_RESULT_FAILED);
    assert_non_null(f->reason);
    assert_int_equal(f->server.queries, 0);
}

static void test_unreachable(void **state)
{
    struct fixture *f = *state;

    fake_name_server_close(&f->server);
    query(f, "a.example");
    assert_int_equal(f->kind, DNS_RESULT_UNREACHABLE);
}

static void test_close_ends_queries(void **state)
{
    struct fixture *f = *state;

    f->server.is_silent = true;
    dns_channel_query(f->channel, "a.example", DNS_A, on_result, f);
    while (f->server.queries == 0)
        ev_run(f->loop, EVRUN_ONCE);
    assert_int_equal(f->results, 0);
    dns_channel_close(&f->channel);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->kind, DNS_RESULT_FAILED);
}

#define CHANNEL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHANNEL_TEST(test_records),
        CHANNEL_TEST(test_errors_are_messages),
        CHANNEL_TEST(test_name_that_cannot_exist),
        CHANNEL_TEST(test_malformed_name),
        CHANNEL_TEST(test_unreachable),
        CHANNEL_TEST(test_close_ends_queries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
