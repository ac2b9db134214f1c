#include "url_case.h"

#include "table/fetch.h"
#include "table/url/url_explain.h"

#include "podop/clock.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

enum { NOTES_BYTES_MAX = 10000 };

static void suspend(struct url_table *t, size_t at, enum breaker_kind kind)
{
    struct url_state *state = &t->backends.health->of[at];

    for (uint64_t i = 1; i <= BREAKER_FAILURES_MAX; i++)
        breaker_failure(&state->breaker, kind, i, BREAKER_NO_TRIAL, BREAKER_PAUSE_MAX_MS,
                        clock_now_ms());
    state->failed_at_ms = clock_now_ms();
    state->failures = state->failures_in_row = BREAKER_FAILURES_MAX;
    snprintf(state->reason, sizeof(state->reason), "the reason");
}

static struct url_table *open_two(struct url_case *c)
{
    const struct url_settings config = {0};

    return url_case_open(c, &config,
                         (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§", "http://b.example/§"});
}

static void test_backends(void **state)
{
    static const struct {
        enum breaker_kind kind;
        const char *text;
    } cases[] = {
        {BREAKER_UNSENT, "it cannot be reached"},
        {BREAKER_UNANSWERED, "it does not answer"},
        {BREAKER_ANSWERED, "it fails where another URL answers"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t = open_two(*state);
        struct buf notes;
        const struct fetch fetch = {.notes = &notes}, unexplained = {.notes = NULL};

        buf_init(&notes, NOTES_BYTES_MAX);
        suspend(t, 0, cases[i].kind);
        url_explain_backends(&unexplained, &t->backends);
        url_explain_backends(&fetch, &t->backends);
        url_case_assert_has(&notes, cases[i].text);
        url_case_assert_has(&notes, "next trial in");
        url_case_assert_has(&notes, "5 in a row count towards suspension: the reason");
        url_case_assert_has(&notes, "http://b.example");
        url_case_assert_has(&notes, "failures in a row: 0");
        buf_clear(&notes);
        t->backends.health->of[0].breaker.tried_at_ms = 0;
        url_explain_backends(&fetch, &t->backends);
        url_case_assert_lacks(&notes, "next trial in");
        buf_deinit(&notes);
        url_case_close(t);
    }
}

static void test_answers(void **state)
{
    static const struct {
        struct http_answer answer;
        const char *text;
    } cases[] = {
        {{.outcome = HTTP_ANSWERED, .status = 404}, "\"404\""},
        {{.outcome = HTTP_ANSWERED, .status = 404}, "[\"means\",\"a miss: "},
        {{.outcome = HTTP_ANSWERED, .status = 500}, "[\"means\",\"a temporary failure: "},
        {{.outcome = HTTP_ANSWERED, .status = 404, .content_type = "text/html"},
         "[\"type\",\"text/html\"]"},
        {{.outcome = HTTP_ENCODED, .status = 200, .content_encoding = "br"},
         "[\"status\",\"200\"],[\"encoding\",\"br\"]"},
        {{.outcome = HTTP_FAILED, .reason = "reset"}, "failed: reset"},
        {{.outcome = HTTP_TIMED_OUT}, "timed out"},
        {{.outcome = HTTP_TOO_LARGE}, "larger than max_response"},
        {{.outcome = HTTP_UNREAD}, "the client did not read its rows"},
        {{.outcome = HTTP_QUEUE_FULL}, "too many requests wait for a connection"},
        {{.outcome = HTTP_UNWANTED}, "the URL was suspended meanwhile"},
    };
    const struct url_statuses statuses = {0};
    struct buf notes;
    const struct fetch fetch = {.notes = &notes}, unexplained = {.notes = NULL};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_init(&notes, NOTES_BYTES_MAX);
        url_explain_answer(&unexplained, &statuses, &cases[i].answer, clock_now_ms());
        assert_int_equal(notes.len, 0);
        url_explain_answer(&fetch, &statuses, &cases[i].answer, clock_now_ms());
        url_case_assert_has(&notes, cases[i].text);
        url_case_assert_has(&notes, "[\"ms\",\"");
        url_case_assert_lacks(&notes, "\"body\"");
        buf_deinit(&notes);
    }
}

static void test_long_body_is_cut(void **state)
{
    static char bytes[2 * URL_EXPLAIN_BODY_BYTES_MAX];
    const struct http_answer answer = {
        .outcome = HTTP_ANSWERED, .status = 200, .body = {bytes, sizeof(bytes)}};
    const struct url_statuses statuses = {0};
    struct buf notes;
    const struct fetch fetch = {.notes = &notes};

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    buf_init(&notes, NOTES_BYTES_MAX);
    url_explain_answer(&fetch, &statuses, &answer, clock_now_ms());
    url_case_assert_has(&notes, "\"body\"");
    assert_in_range(notes.len, URL_EXPLAIN_BODY_BYTES_MAX, URL_EXPLAIN_BODY_BYTES_MAX + 500);
    buf_deinit(&notes);
}

/* A table whose lookups are shared shows the places of its URLs. */
static void test_address(void **state)
{
    const struct url_settings config = {.balance = BALANCE_SPREAD};
    struct url_table *t = url_case_open(
        *state, &config, (const char *const[URL_CASE_URLS_MAX]){"http://b.example/§"});
    struct url_state *place = &t->backends.health->of[1];
    struct buf out;
    const struct fetch fetch = {.notes = &out};

    buf_init(&out, NOTES_BYTES_MAX);
    place->is_gone = false;
    place->has_address = endpoint_parse("192.0.2.7", &place->address);
    place->under_way = 3;
    t->backends.health->used = 2;
    url_explain_add_stats(&t->base, &out);
    url_case_assert_has(&out, "[{\"url\":\"http://b.example\",\"requests\":0");
    url_case_assert_has(&out, "},{\"url\":\"http://b.example\",\"address\":\"192.0.2.7\"");
    url_case_assert_has(&out, "\"in_flight\":3}]");
    buf_clear(&out);
    url_explain_backends(&fetch, &t->backends);
    url_case_assert_has(&out, "http://b.example not suspended");
    url_case_assert_has(
        &out, "b.example at 192.0.2.7 not suspended, failures in a row: 0, requests under way: 3");
    place->under_way = 0;
    buf_deinit(&out);
    url_case_close(t);
}

static void test_stats(void **state)
{
    struct url_table *t = open_two(*state);
    struct buf out;

    buf_init(&out, NOTES_BYTES_MAX);
    url_explain_add_stats(&t->base, &out);
    url_case_assert_has(&out, "\"backends\":[{");
    url_case_assert_has(&out, "\"url\":\"http://b.example\",\"requests\":0,\"failures\":0");
    url_case_assert_has(&out, "\"left_alone\":false,\"left_alone_ms\":0");
    url_case_assert_lacks(&out, "cause");
    url_case_assert_lacks(&out, "reason");
    buf_clear(&out);
    suspend(t, 1, BREAKER_UNANSWERED);
    url_explain_add_stats(&t->base, &out);
    url_case_assert_has(&out,
                        "\"failures\":5,\"failures_in_row\":5,\"counted\":5,\"left_alone\":true");
    url_case_assert_has(&out, "\"cause\":\"unanswered\"");
    url_case_assert_has(&out, "\"reason\":\"the reason\"");
    buf_deinit(&out);
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_backends),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_long_body_is_cut),
        WITH_CASE(test_stats),
        WITH_CASE(test_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
