/* With a fake resolver, which stores the questions until the test answers them. */
#include "ask_table.h"
#include "unit.h"

#include "podop/resolver.h"
#include "podop/table.h"

#include "fake_dns.h"

#include "table/dns/dns_settings.h"
#include "table/dns/dns_table.h"

#include <ev.h>

enum { CALLS_MAX = 16 };

struct resolver_call {
    char name[DNS_NAME_BYTES];
    enum dns_type type;
    resolver_done_fn *done;
    void *arg;
    bool is_waiting;
};

struct resolver {
    struct resolver_call calls[CALLS_MAX];
    size_t count; /* asked so far */
    size_t waiting;
};

static struct resolver fake;
static struct ev_loop *loop;
static struct buf message;

struct resolver *resolver_new(struct ev_loop *l, const struct string_list *servers,
                              struct error *err)
{
    (void)l;
    (void)servers;
    (void)err;
    fake = (struct resolver){.count = 0};
    return &fake;
}

void resolver_free(struct resolver **resolver)
{
    if (*resolver != NULL)
        assert_int_equal(fake.waiting, 0);
    *resolver = NULL;
}

struct resolver_call *resolver_start(struct resolver *r, const char *name, enum dns_type type,
                                     uint64_t deadline_at_ms, resolver_done_fn *done, void *arg)
{
    struct resolver_call *call = &r->calls[r->count++];

    assert_in_range(r->count, 1, CALLS_MAX);
    assert_true(deadline_at_ms > 0);
    *call = (struct resolver_call){.type = type, .done = done, .arg = arg, .is_waiting = true};
    snprintf(call->name, sizeof(call->name), "%s", name);
    r->waiting++;
    return call;
}

void resolver_cancel(struct resolver_call **call)
{
    if (*call == NULL)
        return;
    assert_true((*call)->is_waiting);
    (*call)->is_waiting = false;
    fake.waiting--;
    *call = NULL;
}

static void answer_call(size_t n, const char *name, enum dns_type type,
                        const struct resolver_answer *answer)
{
    struct resolver_call *call = &fake.calls[n];

    assert_in_range(n, 0, fake.count - 1);
    assert_true(call->is_waiting);
    assert_string_equal(call->name, name);
    assert_int_equal(call->type, type);
    call->is_waiting = false;
    fake.waiting--;
    call->done(call->arg, answer);
}

/* Asserts what the n-th question is, and answers it with message. */
static void answer_with_message(size_t n, const char *name, enum dns_type type)
{
    struct resolver_answer answer = {.outcome = RESOLVER_ANSWERED};

    dns_answer_read(buf_span(&message), type, &answer.dns);
    assert_int_not_equal(answer.dns.verdict, DNS_UNDECIDED);
    answer_call(n, name, type, &answer);
}

static void answer_nothing(size_t n, const char *name, enum dns_type type)
{
    fake_dns_begin(&message, FAKE_RA, 0, 0);
    answer_with_message(n, name, type);
}

static void answer_address(size_t n, const char *name, struct span address)
{
    const enum dns_type type = address.len == 4 ? DNS_A : DNS_AAAA;

    fake_dns_begin(&message, FAKE_RA, 1, 0);
    fake_dns_add(&message, 1, type, 60, address);
    answer_with_message(n, name, type);
}

static void answer_failure(size_t n, const char *name, enum dns_type type,
                           enum resolver_outcome outcome)
{
    answer_call(n, name, type, &(struct resolver_answer){outcome, "it is no more", {0}});
}

struct received {
    unsigned count;
    enum reply_status status;
    char value[300], reason[300];
};

static void on_reply(void *arg, const struct reply *reply)
{
    struct received *h = arg;

    h->count++;
    h->status = reply->status;
    assert_true(span_equal(reply->map_value, reply->dict_value));
    snprintf(h->value, sizeof(h->value), "%.*s", (int)reply->map_value.len, reply->map_value.ptr);
    snprintf(h->reason, sizeof(h->reason), "%.*s", (int)reply->reason.len, reply->reason.ptr);
}

static struct table *open_table(bool best, bool implicit)
{
    char name[] = "t", type[] = "dns", param[] = "MX1.example. ,dom.example";
    struct dns_settings settings = {.best = best, .implicit = implicit};
    const struct table_config config = {
        .name = name,
        .type = type,
        .param = param,
        .timeout_ms = 60000,
        .settings = &settings,
        .cache = {.ttl_ms = 600000, .negative_ttl_ms = 600000, .max_entries = 9, .max_bytes = 9999},
    };
    static struct log log;
    const struct table_env env = {.loop = loop, .log = &log};
    struct error err = {0};
    struct table *t = table_open(&config, &env, &err);

    assert_non_null(t);
    return t;
}

static struct table_op *look_up(struct table *t, struct span key, struct received *h)
{
    const struct table_key table_key = {.key = key};

    *h = (struct received){.count = 0};
    return ask_table(t, &table_key, on_reply, h);
}

static void test_dns_table_exchanges(void **state)
{
    static const struct {
        struct span first, second; /* of MX records */
        bool is_found, is_best;
    } cases[] = {
        {TEXT("\0\1\3mx1\7example\0"), TEXT("\0\1\3mx1\7example\0"), true, true},
        {TEXT("\0\1\3mX1\7eXAMPLe\0"), TEXT("\0\2\1x\0"), true, true},
        {TEXT("\0\2\1x\0"), TEXT("\0\1\3mx1\7example\0"), true, true},
        {TEXT("\0\1\1x\0"), TEXT("\0\1" FAKE_NAME), true, true},
        {TEXT("\0\2" FAKE_NAME), TEXT("\0\1\1x\0"), true, false},
        {TEXT("\0\xff\1x\0"), TEXT("\1\0" FAKE_NAME), true, false},
        {TEXT("\xff\xff" FAKE_NAME), TEXT("\xff\xff\1x\0"), true, true},
        {TEXT("\xff\xff\1x\0"), TEXT("\xff\xff\1y\0"), false, false},
        {TEXT("\0\1\7example\0"), TEXT("\0\1\1a\3mx1\7example\0"), false, false},
        {TEXT("\0\1\13mx1.example\0"), TEXT("\0\0\0"), false, false},
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const bool best = i % 2 == 1;
        const bool expected = best ? cases[i / 2].is_best : cases[i / 2].is_found;
        struct table *t = open_table(best, true);
        struct received h;

        look_up(t, SPAN("Bob@ASKED.example."), &h);
        fake_dns_begin(&message, FAKE_RA, 2, 0);
        fake_dns_add(&message, 1, DNS_MX, 60, cases[i / 2].first);
        fake_dns_add(&message, 1, DNS_MX, 60, cases[i / 2].second);
        answer_with_message(0, "asked.example", DNS_MX);
        assert_int_equal(h.count, 1);
        if (h.status != (expected ? REPLY_FOUND : REPLY_MISS))
            fail_msg("case %zu, best %d", i / 2, best);
        assert_string_equal(h.value, expected ? "asked.example" : "");
        assert_int_equal(fake.count, 1);
        table_unref(&t);
    }
}

static void test_dns_table_failures(void **state)
{
    struct table *t = open_table(false, true);
    struct received h;

    (void)state;
    look_up(t, SPAN("a.example"), &h);
    answer_failure(0, "a.example", DNS_MX, RESOLVER_REFUSED);
    assert_int_equal(h.status, REPLY_TEMPORARY);
    assert_string_equal(h.reason, "table t: it is no more");
    look_up(t, SPAN("a.example"), &h);
    answer_failure(1, "a.example", DNS_MX, RESOLVER_FAILED);
    assert_int_equal(h.status, REPLY_TEMPORARY);
    look_up(t, SPAN("a.example"), &h);
    answer_failure(2, "a.example", DNS_MX, RESOLVER_TIMED_OUT);
    assert_int_equal(h.status, REPLY_TIMEOUT);
    assert_int_equal(h.count, 1);
    table_unref(&t);
}

static void test_dns_table_no_host_name(void **state)
{
    struct table *t = open_table(false, true);
    struct received h;

    (void)state;
    assert_null(look_up(t, SPAN("bob@[192.0.2.1]"), &h));
    assert_int_equal(h.count, 1);
    assert_int_equal(h.status, REPLY_MISS);
    assert_int_equal(fake.count, 0);
    table_unref(&t);
}

/* The implicit MX is looked up if, and only if, there are no MX records. */
static void test_dns_table_implicit_is_asked_for(void **state)
{
    static const struct {
        bool implicit;
        unsigned flags;
        bool is_asked;
    } cases[] = {
        {true, FAKE_RA, true},
        {true, FAKE_RA | FAKE_NXDOMAIN, false},
        {false, FAKE_RA, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table *t = open_table(false, cases[i].implicit);
        struct received h;
        struct table_op *op = look_up(t, SPAN("a.example"), &h);

        fake_dns_begin(&message, cases[i].flags, 0, 0);
        answer_with_message(0, "a.example", DNS_MX);
        assert_int_equal(fake.count, cases[i].is_asked ? 3 : 1);
        assert_int_equal(h.count, !cases[i].is_asked);
        if (cases[i].is_asked)
            table_op_cancel(&op);
        else
            assert_int_equal(h.status, REPLY_MISS);
        assert_int_equal(fake.waiting, 0);
        table_unref(&t);
    }
}

/* Starts a lookup and answers its first questions, up to those for the addresses of the mail hosts.
 */
static struct table_op *start_implicit(struct table *t, struct received *h)
{
    struct table_op *op = look_up(t, SPAN("a.example"), h);

    answer_nothing(0, "a.example", DNS_MX);
    answer_nothing(2, "a.example", DNS_AAAA);
    assert_int_equal(fake.count, 3);
    answer_address(1, "a.example", SPAN("\xc0\0\2\1"));
    assert_int_equal(fake.count, 7);
    return op;
}

static void test_dns_table_implicit_match(void **state)
{
    struct table *t = open_table(false, true);
    struct received h;

    (void)state;
    start_implicit(t, &h);
    answer_address(3, "mx1.example", SPAN("\xc0\0\2\2"));
    answer_failure(6, "dom.example", DNS_AAAA, RESOLVER_FAILED);
    assert_int_equal(h.count, 0);
    answer_address(5, "dom.example", SPAN("\xc0\0\2\1"));
    assert_int_equal(h.count, 1);
    assert_int_equal(h.status, REPLY_FOUND);
    assert_string_equal(h.value, "a.example");
    assert_int_equal(fake.waiting, 0); /* the last question was cancelled */
    table_unref(&t);
}

/* An IPv4 address does not match an IPv6 address that begins with the same four bytes. */
static void test_dns_table_implicit_without_match(void **state)
{
    static const enum resolver_outcome outcomes[] = {RESOLVER_ANSWERED, RESOLVER_REFUSED,
                                                     RESOLVER_TIMED_OUT};
    static const enum reply_status expected[] = {REPLY_MISS, REPLY_TEMPORARY, REPLY_TIMEOUT};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        struct table *t = open_table(false, true);
        struct received h;

        start_implicit(t, &h);
        answer_address(4, "mx1.example", SPAN("\xc0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0"));
        answer_nothing(5, "dom.example", DNS_A);
        if (outcomes[i] == RESOLVER_ANSWERED)
            answer_nothing(3, "mx1.example", DNS_A);
        else
            answer_failure(3, "mx1.example", DNS_A, outcomes[i]);
        assert_int_equal(h.count, 0);
        answer_nothing(6, "dom.example", DNS_AAAA);
        assert_int_equal(h.count, 1);
        assert_int_equal(h.status, expected[i]);
        table_unref(&t);
    }
}

static void test_dns_table_implicit_without_addresses(void **state)
{
    struct received h;

    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        struct table *t = open_table(false, true);

        look_up(t, SPAN("a.example"), &h);
        answer_nothing(0, "a.example", DNS_MX);
        answer_nothing(1, "a.example", DNS_A);
        if (fails)
            answer_failure(2, "a.example", DNS_AAAA, RESOLVER_REFUSED);
        else
            answer_nothing(2, "a.example", DNS_AAAA);
        assert_int_equal(h.status, fails ? REPLY_TEMPORARY : REPLY_MISS);
        assert_int_equal(fake.count, 3);
        table_unref(&t);
    }
}

static void test_dns_table_cancel(void **state)
{
    struct table *t = open_table(false, true);
    struct received h;
    struct table_op *op = look_up(t, SPAN("a.example"), &h);

    (void)state;
    table_op_cancel(&op);
    assert_int_equal(fake.waiting, 0);
    fake.count = 0;
    op = start_implicit(t, &h);
    answer_nothing(4, "mx1.example", DNS_AAAA);
    table_op_cancel(&op);
    assert_int_equal(fake.waiting, 0);
    assert_int_equal(h.count, 0);
    table_unref(&t);
}

/* The TTL of an answer limits that of the cache entry. 0x20000000 seconds would overflow to 0
 * milliseconds in 32 bits. */
static void test_dns_table_ttl(void **state)
{
    static const struct {
        unsigned mx_ttl_s, soa_ttl_s, soa_minimum;
        bool is_found, is_kept;
    } cases[] = {
        {60, 0, 0, true, true},         {0, 0, 0, true, false},   {0x20000000, 0, 0, true, true},
        {0, 60, 60, false, true},       {0, 0, 60, false, false}, {0, 60, 0, false, false},
        {0x7fffffff, 0, 0, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table *t = open_table(false, false);
        struct received h;
        struct table_op *op;

        look_up(t, SPAN("a.example"), &h);
        fake_dns_begin(&message, FAKE_RA, cases[i].is_found, !cases[i].is_found);
        if (cases[i].is_found)
            fake_dns_add(&message, 1, DNS_MX, cases[i].mx_ttl_s, SPAN("\0\1" FAKE_NAME));
        else
            fake_dns_add_soa(&message, cases[i].soa_ttl_s, cases[i].soa_minimum);
        answer_with_message(0, "a.example", DNS_MX);
        assert_int_equal(h.status, cases[i].is_found ? REPLY_FOUND : REPLY_MISS);
        op = look_up(t, SPAN("a.example"), &h);
        assert_int_equal(fake.count, cases[i].is_kept ? 1 : 2);
        table_op_cancel(&op);
        table_unref(&t);
    }
}

static int check_param(struct span param, struct error *err)
{
    char *text = xmemdup0(param.ptr, param.len);
    int status = table_dns.config.check_param(&(struct table_config){0}, text, err);

    free(text);
    return status;
}

static void test_dns_table_param(void **state)
{
    struct error err = {0};
    struct buf hosts;

    (void)state;
    buf_init(&hosts, SIZE_MAX);
    buf_add(&hosts, SPAN("m\xc3\xbcnchen.example"));
    for (int count = 1; count <= 101; count++) {
        assert_int_equal(check_param(buf_span(&hosts), &err), count <= 100 ? 0 : -1);
        buf_add(&hosts, SPAN(" ,\ta.example."));
    }
    buf_deinit(&hosts);
    assert_int_equal(check_param(SPAN("a.example, b c.example"), &err), -1);
    assert_string_equal(err.text, "invalid host name 'b c.example'");
    assert_int_equal(check_param(SPAN("a.example,"), &err), -1);
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    buf_init(&message, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&message);
    ev_loop_destroy(loop);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dns_table_exchanges),
        cmocka_unit_test(test_dns_table_failures),
        cmocka_unit_test(test_dns_table_no_host_name),
        cmocka_unit_test(test_dns_table_implicit_is_asked_for),
        cmocka_unit_test(test_dns_table_implicit_match),
        cmocka_unit_test(test_dns_table_implicit_without_match),
        cmocka_unit_test(test_dns_table_implicit_without_addresses),
        cmocka_unit_test(test_dns_table_cancel),
        cmocka_unit_test(test_dns_table_ttl),
        cmocka_unit_test(test_dns_table_param),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
