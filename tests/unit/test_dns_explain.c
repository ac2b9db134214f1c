/* test_dns_explain.c - the notes of an explained lookup in a dns table. */
#include "unit.h"

#include "fake_dns.h"
#include "table/dns/dns_explain.h"
#include "table/fetch.h"

enum { NOTES_BYTES_MAX = 4096 };

static struct buf message;

static int setup(void **state)
{
    (void)state;
    buf_init(&message, NOTES_BYTES_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&message);
    return 0;
}

static void assert_note(enum dns_type type, const struct resolver_answer *answer,
                        const char *expected)
{
    struct buf notes;
    const struct fetch fetch = {.notes = &notes};

    buf_init(&notes, NOTES_BYTES_MAX);
    dns_explain_answer(&fetch, type, "dom.example", answer);
    assert_string_equal(buf_string(&notes), expected);
    buf_deinit(&notes);
}

static struct resolver_answer read_as(enum dns_type type)
{
    struct resolver_answer answer = {.outcome = RESOLVER_ANSWERED};

    dns_answer_read(buf_span(&message), type, &answer.dns);
    return answer;
}

static void test_nothing_is_noted_unless_explained(void **state)
{
    const struct fetch fetch = {0};
    const struct resolver_answer answer = {.outcome = RESOLVER_FAILED, .reason = "unreachable"};

    (void)state;
    dns_explain_answer(&fetch, DNS_MX, "dom.example", &answer);
}

static void test_failure(void **state)
{
    static const enum resolver_outcome outcomes[] = {RESOLVER_REFUSED, RESOLVER_FAILED,
                                                     RESOLVER_TIMED_OUT};

    (void)state;
    for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++) {
        const struct resolver_answer answer = {.outcome = outcomes[i], .reason = "no use"};

        assert_note(DNS_A, &answer, "[\"A\",\"dom.example: no use\"]");
    }
}

static void test_verdicts(void **state)
{
    struct resolver_answer answer = {.outcome = RESOLVER_ANSWERED};

    (void)state;
    answer.dns.verdict = DNS_NO_NAME;
    assert_note(DNS_MX, &answer, "[\"MX\",\"dom.example: there is no such name\"]");
    answer.dns.verdict = DNS_NO_RECORDS;
    assert_note(DNS_AAAA, &answer, "[\"AAAA\",\"dom.example: there are no such records\"]");
}

static void test_mx_records(void **state)
{
    struct resolver_answer answer;

    (void)state;
    fake_dns_begin(&message, FAKE_RA, 2, 0);
    fake_dns_add(&message, 1, DNS_MX, 300, SPAN("\0\012\2mx" FAKE_NAME));
    fake_dns_add(&message, 1, DNS_MX, 300, SPAN("\0\0\0"));
    answer = read_as(DNS_MX);
    assert_note(DNS_MX, &answer, "[\"MX\",\"dom.example: 10 mx.dom.example, 0 .\"]");
}

static void test_addresses(void **state)
{
    struct resolver_answer answer;

    (void)state;
    fake_dns_begin(&message, FAKE_RA, 1, 0);
    fake_dns_add(&message, 1, DNS_A, 300, SPAN("\300\0\2\1"));
    answer = read_as(DNS_A);
    assert_note(DNS_A, &answer, "[\"A\",\"dom.example: 192.0.2.1\"]");
    fake_dns_begin(&message, FAKE_RA, 1, 0);
    fake_dns_add(&message, 1, DNS_AAAA, 300, SPAN("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1"));
    answer = read_as(DNS_AAAA);
    assert_note(DNS_AAAA, &answer, "[\"AAAA\",\"dom.example: 2001:db8::1\"]");
}

static void test_many_records_are_cut(void **state)
{
    enum { RECORDS = 21, SHOWN = 20 };
    struct resolver_answer answer;
    struct buf notes;
    const struct fetch fetch = {.notes = &notes};
    size_t commas = 0;

    (void)state;
    fake_dns_begin(&message, FAKE_RA, RECORDS, 0);
    for (int i = 0; i < RECORDS; i++)
        fake_dns_add(&message, 1, DNS_A, 300, SPAN("\300\0\2\1"));
    answer = read_as(DNS_A);
    buf_init(&notes, NOTES_BYTES_MAX);
    dns_explain_answer(&fetch, DNS_A, "dom.example", &answer);
    for (const char *at = buf_string(&notes); (at = strstr(at, ", ")) != NULL; at++)
        commas++;
    assert_int_equal(commas, SHOWN);
    assert_non_null(strstr(buf_string(&notes), ", ...\"]"));
    buf_deinit(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_noted_unless_explained),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test_setup_teardown(test_mx_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_records_are_cut, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
