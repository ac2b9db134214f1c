#include "unit.h"

#include "podop/buf.h"
#include "podop/dns_answer.h"

#include "fake_dns.h"

enum {
    AA = FAKE_AA,
    TC = FAKE_TC,
    RA = FAKE_RA,
    NXDOMAIN = FAKE_NXDOMAIN,
    CNAME = FAKE_CNAME,
};
#define POINTER FAKE_NAME

static struct buf message; /* the functions below append to it */

static void begin(unsigned flags, unsigned answers, unsigned authorities)
{
    fake_dns_begin(&message, flags, answers, authorities);
}

static void add_record(unsigned type, unsigned ttl_s, struct span data)
{
    fake_dns_add(&message, 1, type, ttl_s, data);
}

static struct dns_answer read_as(enum dns_type type)
{
    struct dns_answer answer;

    dns_answer_read(buf_span(&message), type, &answer);
    return answer;
}

static void assert_verdict(enum dns_verdict verdict)
{
    struct dns_answer answer = read_as(DNS_MX);

    if (answer.verdict != verdict)
        fail_msg("verdict %d, not %d: %s", (int)answer.verdict, (int)verdict,
                 answer.reason == NULL ? "" : answer.reason);
    assert_int_equal(answer.reason != NULL, verdict == DNS_UNDECIDED);
}

static void assert_ttl(bool has_ttl, uint32_t ttl_s)
{
    struct dns_answer answer = read_as(DNS_MX);

    assert_int_equal(answer.has_ttl, has_ttl);
    if (has_ttl)
        assert_int_equal(answer.ttl_s, ttl_s);
}

static void test_dns_answer_mx(void **state)
{
    static const struct {
        uint16_t preference;
        const char *host;
    } expected[] = {{10, "mx1.dom.example"}, {65535, ""}, {0, "a?b.x?_y-z.0"}, {1, "dom.example"}};
    struct dns_record record;
    struct dns_answer answer;
    struct dns_cursor cursor;

    (void)state;
    begin(RA, 6, 0);
    add_record(DNS_MX, 100, SPAN("\0\x0a\3MX1" POINTER));
    add_record(CNAME, 200, SPAN("\1x" POINTER));
    add_record(DNS_MX, 300, SPAN("\xff\xff\0"));
    fake_dns_add(&message, 3, DNS_MX, 1, SPAN("any bytes"));
    add_record(DNS_MX, 300, SPAN("\0\0\3a.b\6X\0_y-z\0010\0"));
    add_record(DNS_MX, 300, SPAN("\0\1" POINTER));
    answer = read_as(DNS_MX);
    assert_int_equal(answer.verdict, DNS_RECORDS);
    assert_true(answer.has_ttl);
    assert_int_equal(answer.ttl_s, 100);
    cursor = dns_walk(&answer);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(dns_next(&cursor, &record));
        assert_int_equal(record.preference, expected[i].preference);
        assert_string_equal(record.host, expected[i].host);
    }
    assert_false(dns_next(&cursor, &record));
    assert_false(dns_next(&cursor, &record));
}

static void test_dns_answer_addresses(void **state)
{
    struct dns_record record;
    struct dns_answer answer;
    struct dns_cursor cursor;

    (void)state;
    begin(RA, 3, 0);
    add_record(DNS_A, 100, SPAN("\1\2\3\4"));
    add_record(DNS_AAAA, 200, SPAN("0123456789abcdef"));
    add_record(DNS_A, 50, SPAN("\4\3\2\1"));
    answer = read_as(DNS_A);
    assert_int_equal(answer.verdict, DNS_RECORDS);
    assert_int_equal(answer.ttl_s, 50);
    cursor = dns_walk(&answer);
    assert_true(dns_next(&cursor, &record));
    assert_int_equal(record.address_len, 4);
    assert_memory_equal(record.address, "\1\2\3\4", 4);
    assert_true(dns_next(&cursor, &record));
    assert_memory_equal(record.address, "\4\3\2\1", 4);
    assert_false(dns_next(&cursor, &record));
    answer = read_as(DNS_AAAA);
    cursor = dns_walk(&answer);
    assert_true(dns_next(&cursor, &record));
    assert_int_equal(record.address_len, 16);
    assert_memory_equal(record.address, "0123456789abcdef", 16);
    assert_int_equal(answer.ttl_s, 200);
    answer = read_as(DNS_MX);
    assert_int_equal(answer.verdict, DNS_NO_RECORDS);
    cursor = dns_walk(&answer);
    assert_false(dns_next(&cursor, &record));
}

static void test_dns_answer_nothing(void **state)
{
    (void)state;
    begin(RA, 0, 0);
    assert_verdict(DNS_NO_RECORDS);
    assert_ttl(false, 0);
    begin(AA, 0, 0);
    assert_verdict(DNS_NO_RECORDS);
    begin(0, 0, 1);
    fake_dns_add_soa(&message, 600, 100);
    assert_verdict(DNS_NO_RECORDS);
    assert_ttl(true, 100);
    begin(NXDOMAIN, 0, 1);
    fake_dns_add_soa(&message, 60, 100);
    assert_verdict(DNS_NO_NAME);
    assert_ttl(true, 60);
    begin(NXDOMAIN, 1, 1); /* the target of the alias does not exist; the alias's TTL counts, too */
    add_record(CNAME, 5, SPAN("\1x" POINTER));
    fake_dns_add_soa(&message, 60, 100);
    assert_verdict(DNS_NO_NAME);
    assert_ttl(true, 5);
    begin(NXDOMAIN, 0, 0);
    assert_verdict(DNS_NO_NAME);
    assert_ttl(false, 0);
    begin(RA, 1, 0);
    add_record(FAKE_TXT, 5, SPAN("\1x"));
    assert_verdict(DNS_NO_RECORDS);
    assert_ttl(false, 0);
    begin(RA | AA, 1, 0);
    add_record(CNAME, 5, SPAN("\1x" POINTER));
    assert_verdict(DNS_NO_RECORDS);
    assert_ttl(true, 5);
}

static void test_dns_answer_undecided(void **state)
{
    (void)state;
    begin(0, 0, 0);
    assert_verdict(DNS_UNDECIDED);
    begin(0, 0, 1); /* a referral */
    add_record(FAKE_NS, 5, SPAN("\1x" POINTER));
    assert_verdict(DNS_UNDECIDED);
    begin(AA, 1, 0); /* an alias that leads out of the zone */
    add_record(CNAME, 5, SPAN("\1x" POINTER));
    assert_verdict(DNS_UNDECIDED);
    assert_ttl(false, 0);
    for (unsigned rcode = 1; rcode < 16; rcode++) {
        begin(RA | AA | rcode, 1, 0);
        add_record(DNS_MX, 5, SPAN("\0\1" POINTER));
        assert_verdict(rcode == NXDOMAIN ? DNS_NO_NAME : DNS_UNDECIDED);
    }
    begin(RA | TC, 1, 0);
    add_record(DNS_MX, 5, SPAN("\0\1" POINTER));
    assert_verdict(DNS_UNDECIDED);
    begin(RA | TC | NXDOMAIN, 0, 0);
    assert_verdict(DNS_UNDECIDED);
}

static void test_dns_answer_ttl_with_its_top_bit(void **state)
{
    (void)state;
    begin(RA, 1, 0);
    add_record(DNS_MX, 0x7fffffff, SPAN("\0\1" POINTER));
    assert_ttl(true, 0x7fffffff);
    begin(RA, 1, 0);
    add_record(DNS_MX, 0x80000000, SPAN("\0\1" POINTER));
    assert_ttl(true, 0);
}

static void test_dns_answer_malformed(void **state)
{
    static const struct span mx[] = {
        TEXT(""),
        TEXT("\0"),
        TEXT("\0\1"),
        TEXT("\0\1" POINTER "x"), /* something after the name */
        TEXT("\0\1\1x"),          /* ends in the next record */
        TEXT("\0\1\x3fxx"),       /* beyond the message */
        TEXT("\0\1\100abc\0"),    /* reserved kinds of labels */
        TEXT("\0\1\200abc\0"),    /* */
        TEXT("\0\1\xff\xff"),     /* a pointer to nowhere */
        TEXT("\0\1\xc0\x2b"),     /* to itself */
        TEXT("\0\1\1x\xc0\x2b"),  /* to its own front */
        TEXT("\0\1\xc0\x2d"),     /* to what comes */
    };

    static const struct span soa[] = {
        TEXT("\0\0\0\0\0\1"),              /* too few numbers */
        TEXT("\x3fx"),                     /* a name beyond the message */
        TEXT("\0\x3fx"),                   /* likewise, the second one */
        TEXT("\0\0abcdefghijklmnopqrst!"), /* something after the numbers */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mx); i++) {
        begin(RA, 1, 0);
        add_record(DNS_MX, 5, mx[i]);
        assert_verdict(DNS_UNDECIDED);
    }
    begin(RA, 1, 0);
    add_record(DNS_A, 5, SPAN("\1\2\3"));
    assert_int_equal(read_as(DNS_A).verdict, DNS_UNDECIDED);
    begin(RA, 1, 0);
    add_record(DNS_AAAA, 5, SPAN("\1\2\3\4"));
    assert_int_equal(read_as(DNS_AAAA).verdict, DNS_UNDECIDED);
    for (size_t i = 0; i < ARRAY_LEN(soa); i++) {
        begin(RA, 0, 1);
        add_record(FAKE_SOA, 5, soa[i]);
        assert_verdict(DNS_UNDECIDED);
    }
}

/* A walk over a message that was shortened after it was read ends. */
static void test_dns_answer_walk_of_a_short_message(void **state)
{
    struct dns_answer answer;
    struct dns_cursor cursor;
    struct dns_record record;

    (void)state;
    begin(RA, 1, 0);
    add_record(DNS_MX, 5, SPAN("\0\1" POINTER));
    answer = read_as(DNS_MX);
    assert_int_equal(answer.verdict, DNS_RECORDS);
    answer.message.len--;
    cursor = dns_walk(&answer);
    assert_false(dns_next(&cursor, &record));
}

/* Long chains of pointers cost no more time than the names that they form. */
static void test_dns_answer_jumps(void **state)
{
    (void)state;
    for (unsigned jumps = 126; jumps <= 129; jumps++) {
        struct buf chain;
        size_t at;

        buf_init(&chain, SIZE_MAX);
        begin(RA, 2, 0);
        at = message.len + 12; /* of the first record's data */
        buf_add(&chain, SPAN("\0"));
        for (unsigned i = 1; i < jumps; i++) {
            size_t to = i == 1 ? at : at + 1 + 2 * (i - 2);

            buf_add_char(&chain, (char)(0xc0 | to >> 8));
            buf_add_char(&chain, (char)(to & 0xff));
        }
        add_record(99, 5, buf_span(&chain));
        at += 1 + 2 * (size_t)(jumps - 2);
        add_record(
            DNS_MX, 5,
            (struct span){(const char[]){0, 1, (char)(0xc0 | at >> 8), (char)(at & 0xff)}, 4});
        assert_verdict(jumps <= 127 ? DNS_RECORDS : DNS_UNDECIDED);
        buf_deinit(&chain);
    }
}

static void test_dns_answer_endless_alias(void **state)
{
    (void)state;
    begin(RA, 1, 0);
    add_record(CNAME, 5, SPAN(POINTER));
    assert_verdict(DNS_UNDECIDED);
    assert_ttl(false, 0);
    begin(RA, 2, 0);
    add_record(CNAME, 5, SPAN(POINTER));
    add_record(DNS_MX, 5, SPAN("\0\1" POINTER));
    assert_verdict(DNS_RECORDS);
    begin(RA | NXDOMAIN, 1, 0);
    add_record(CNAME, 5, SPAN(POINTER));
    assert_verdict(DNS_NO_NAME);
    begin(RA, 1, 0);
    add_record(CNAME, 5, SPAN("\1x" POINTER));
    assert_verdict(DNS_NO_RECORDS);
}

/* A name has at most 255 bytes on the wire; pointers in a message can form a longer one. */
static void test_dns_answer_name_length(void **state)
{
    (void)state;
    for (unsigned last = 60; last <= 63; last++) {
        char name[300];
        size_t len = 2;
        struct dns_answer answer;

        memset(name, 'a', sizeof(name));
        name[0] = name[1] = 0;
        for (unsigned label = 63, i = 0; i < 4; i++) {
            label = i == 3 ? last : 63;
            name[len] = (char)label;
            len += label + 1;
        }
        name[len++] = 0;
        begin(RA, 1, 0);
        add_record(DNS_MX, 5, (struct span){name, len});
        answer = read_as(DNS_MX);
        assert_int_equal(answer.verdict, last <= 61 ? DNS_RECORDS : DNS_UNDECIDED);
        if (last == 61) {
            struct dns_cursor cursor = dns_walk(&answer);
            struct dns_record record;

            assert_true(dns_next(&cursor, &record));
            assert_int_equal(strlen(record.host), 253);
        }
    }
}

static void test_dns_answer_cut_anywhere(void **state)
{
    struct dns_answer answer;

    (void)state;
    begin(RA, 1, 1);
    add_record(DNS_MX, 5, SPAN("\0\1" POINTER));
    for (size_t len = 0; len < message.len; len++) {
        char *copy = xmemdup0(message.ptr, len);

        copy = xrealloc(copy, len); /* the sanitizer then sees reads after its end */
        dns_answer_read((struct span){copy, len}, DNS_MX, &answer);
        assert_int_equal(answer.verdict, DNS_UNDECIDED);
        free(copy);
    }
    assert_verdict(DNS_RECORDS); /* the authority section is ignored */
    begin(RA, 0, 1);
    fake_dns_add_soa(&message, 60, 100);
    assert_verdict(DNS_NO_RECORDS);
    for (size_t len = 0; len < message.len; len++) {
        dns_answer_read((struct span){message.ptr, len}, DNS_MX, &answer);
        assert_int_equal(answer.verdict, DNS_UNDECIDED);
    }
}

static int setup(void **state)
{
    (void)state;
    buf_init(&message, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&message);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dns_answer_mx),
        cmocka_unit_test(test_dns_answer_addresses),
        cmocka_unit_test(test_dns_answer_nothing),
        cmocka_unit_test(test_dns_answer_undecided),
        cmocka_unit_test(test_dns_answer_ttl_with_its_top_bit),
        cmocka_unit_test(test_dns_answer_malformed),
        cmocka_unit_test(test_dns_answer_walk_of_a_short_message),
        cmocka_unit_test(test_dns_answer_jumps),
        cmocka_unit_test(test_dns_answer_endless_alias),
        cmocka_unit_test(test_dns_answer_name_length),
        cmocka_unit_test(test_dns_answer_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
