#include "url_case.h"

#include "table/url/url_outcome.h"

#include "podop/clock.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static const char *const two[URL_CASE_URLS_MAX] = {"BACKEND/a/§", "BACKEND/b/§"};
static const struct url_settings plain = {0};

static const struct http_answer refused = {.outcome = HTTP_FAILED, .is_refused = true};
static const struct http_answer unsent = {.outcome = HTTP_QUEUE_FULL};
static const struct http_answer reset = {.outcome = HTTP_FAILED, .may_have_arrived = true};
static const struct http_answer local = {
    .outcome = HTTP_TIMED_OUT, .may_have_arrived = true, .is_local_failure = true};

/* A request. Each has a different key. */
struct request {
    struct url_route route;
    char text[32];
    struct table_key key;
};

static void begin(struct request *r, struct url_table *t, unsigned number)
{
    *r = (struct request){0};
    snprintf(r->text, sizeof(r->text), "key%u", number);
    r->key.key = span_of(r->text);
    url_route_init(&r->route, &t->backends, true);
    url_route_set_key(&r->route, &r->key);
}

static struct url_state *state_at(struct url_table *t, size_t at)
{
    return &t->backends.health->of[at];
}

static bool is_open(struct url_table *t, size_t at)
{
    return breaker_is_open(&state_at(t, at)->breaker);
}

static void take(struct request *r, size_t at)
{
    assert_true(url_route_take(&r->route));
    assert_int_equal(r->route.at, at);
    url_outcome_asked(&r->route);
}

static void end(struct request *r)
{
    url_outcome_give_up(&r->route);
    url_route_close(&r->route);
}

/* Gives a request this answer of the first URL, and a success of the second one. */
static void fail_then_succeed(struct url_table *t, unsigned number,
                              const struct http_answer *answer)
{
    struct request r;

    begin(&r, t, number);
    take(&r, 0);
    if (answer == NULL)
        url_outcome_failure(&r.route, "status 500");
    else
        url_outcome_no_response(&r.route, answer, "why");
    take(&r, 1);
    url_outcome_success(&r.route);
    end(&r);
}

static void fail_at_both(struct url_table *t, unsigned number, const struct http_answer *answer)
{
    struct request r;

    begin(&r, t, number);
    for (size_t at = 0; at < 2; at++) {
        take(&r, at);
        if (answer == NULL)
            url_outcome_failure(&r.route, "status 500");
        else
            url_outcome_no_response(&r.route, answer, "why");
    }
    end(&r);
}

/* Each kind of failure at the first URL, while the second one answers. */
static void test_what_suspends_a_url(void **state)
{
    static const struct {
        const char *name;
        const struct http_answer *answer; /* NULL: a status of failure */
        enum breaker_kind cause;
        bool suspends;
    } cases[] = {
        {"status", NULL, BREAKER_ANSWERED, true},  {"refused", &refused, BREAKER_UNSENT, true},
        {"unsent", &unsent, BREAKER_UNSENT, true}, {"reset", &reset, BREAKER_UNANSWERED, true},
        {"local", &local, BREAKER_UNSENT, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t = url_case_open(*state, &plain, two);

        for (unsigned n = 0; n < BREAKER_FAILURES_MAX; n++) {
            if (is_open(t, 0))
                fail_msg("%s: suspended after %u", cases[i].name, n);
            fail_then_succeed(t, n, cases[i].answer);
        }
        if (is_open(t, 0) != cases[i].suspends)
            fail_msg("%s: suspended: %d", cases[i].name, is_open(t, 0));
        if (cases[i].suspends)
            assert_int_equal(state_at(t, 0)->breaker.cause, cases[i].cause);
        assert_int_equal(state_at(t, 0)->failures, BREAKER_FAILURES_MAX);
        assert_int_equal(state_at(t, 0)->failures_in_row, BREAKER_FAILURES_MAX);
        assert_int_equal(state_at(t, 1)->failures, 0);
        assert_int_equal(state_at(t, 1)->answers, BREAKER_FAILURES_MAX);
        url_case_close(t);
    }
}

/* Without another URL that answers well, a status is no evidence against the server. */
static void test_statuses_of_all_urls_suspend_none(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);

    for (unsigned n = 0; n < 10 * BREAKER_FAILURES_MAX; n++)
        fail_at_both(t, n, NULL);
    assert_false(is_open(t, 0));
    assert_false(is_open(t, 1));
    assert_int_equal(state_at(t, 1)->failures, 10 * BREAKER_FAILURES_MAX);
    url_case_close(t);
}

/* A request that was sent before another one was answered says nothing about the server. */
static void test_no_response_while_others_are_answered(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);
    struct request hung[BREAKER_FAILURES_MAX], other;

    for (unsigned n = 0; n < BREAKER_FAILURES_MAX; n++) {
        begin(&hung[n], t, n);
        take(&hung[n], 0);
    }
    begin(&other, t, 100);
    take(&other, 0);
    url_outcome_success(&other.route);
    end(&other);
    for (unsigned n = 0; n < BREAKER_FAILURES_MAX; n++) {
        url_outcome_no_response(&hung[n].route, &reset, "why");
        end(&hung[n]);
    }
    assert_false(is_open(t, 0));
    assert_int_equal(breaker_failures(&state_at(t, 0)->breaker), 0);
    assert_int_equal(state_at(t, 0)->failures, BREAKER_FAILURES_MAX);
    url_case_close(t);
}

/* The URL works, so other URLs are not asked, and their earlier failures do not count. */
static void test_a_bad_response_ends_the_round(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);

    for (unsigned n = 0; n < 2 * BREAKER_FAILURES_MAX; n++) {
        struct request r;

        begin(&r, t, n);
        take(&r, 0);
        url_outcome_failure(&r.route, "status 500");
        take(&r, 1);
        url_outcome_bad_response(&r.route, "not JSON");
        assert_string_equal(state_at(t, 1)->reason, "not JSON");
        end(&r);
    }
    assert_false(is_open(t, 0));
    assert_false(is_open(t, 1));
    assert_int_equal(state_at(t, 1)->failures_in_row, 2 * BREAKER_FAILURES_MAX);
    url_case_close(t);
}

/* Refused connections count only after a whole timeout, because a restart refuses them, too. */
static void test_refused_everywhere(void **state)
{
    const uint64_t now_ms = clock_now_ms();
    struct url_table *t = url_case_open(*state, &plain, two);

    for (unsigned n = 0; n < 2 * BREAKER_FAILURES_MAX; n++)
        fail_at_both(t, n, &refused);
    assert_false(is_open(t, 0));
    assert_int_equal(state_at(t, 0)->failures, 2 * BREAKER_FAILURES_MAX);
    t->base.timeout_ms = 1000;
    for (size_t at = 0; at < 2; at++)
        state_at(t, at)->refused_since_ms = now_ms - 1000;
    for (unsigned n = 0; n < BREAKER_FAILURES_MAX; n++)
        fail_at_both(t, n, &refused);
    assert_true(is_open(t, 0));
    assert_true(is_open(t, 1));
    url_case_close(t);
}

static void open_circuit(struct url_table *t, size_t at)
{
    for (uint64_t i = 1; i <= BREAKER_FAILURES_MAX; i++)
        breaker_failure(&state_at(t, at)->breaker, BREAKER_UNSENT, i, BREAKER_NO_TRIAL,
                        BREAKER_PAUSE_MAX_MS, clock_now_ms());
    state_at(t, at)->breaker.tried_at_ms = 0; /* the next request is a trial */
}

static void test_results_of_trials(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);
    struct request r;

    open_circuit(t, 0);
    begin(&r, t, 1);
    take(&r, 0);
    assert_int_equal(r.route.trial, BREAKER_TRIAL);
    url_outcome_no_response(&r.route, &refused, "refused");
    assert_int_equal(state_at(t, 0)->failures, 1); /* at once */
    assert_int_equal(r.route.trial, BREAKER_NO_TRIAL);
    end(&r);
    assert_true(is_open(t, 0));
    assert_int_not_equal(state_at(t, 0)->breaker.tried_at_ms, 0);

    state_at(t, 0)->breaker.tried_at_ms = 0;
    begin(&r, t, 2);
    take(&r, 0);
    url_route_close(&r.route); /* cancelled: the trial is free again */
    assert_int_equal(state_at(t, 0)->breaker.tried_at_ms, 0);

    begin(&r, t, 3);
    take(&r, 0);
    url_outcome_no_response(&r.route, &local, "no socket"); /* a local failure does not count */
    end(&r);
    assert_int_equal(state_at(t, 0)->breaker.tried_at_ms, 0);

    begin(&r, t, 4);
    take(&r, 0);
    url_outcome_success(&r.route);
    end(&r);
    assert_false(is_open(t, 0));
    url_case_close(t);
}

/* A trial that was answered with a status is reported when the request has ended. */
static void test_a_trial_with_a_status(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);
    struct breaker *b = &state_at(t, 0)->breaker;
    struct request r;

    open_circuit(t, 0);
    b->cause = BREAKER_ANSWERED;
    begin(&r, t, 1);
    take(&r, 0);
    url_outcome_failure(&r.route, "status 500");
    take(&r, 1);
    url_outcome_success(&r.route);
    end(&r);
    assert_true(is_open(t, 0));
    assert_int_equal(b->pause_ms, 2 * BREAKER_PAUSE_MIN_MS); /* the trial failed */

    b->tried_at_ms = 0;
    begin(&r, t, 2);
    take(&r, 0);
    url_outcome_failure(&r.route, "status 500");
    url_route_close(&r.route); /* cancelled before another URL answered */
    assert_int_equal(b->tried_at_ms, 0);
    assert_int_equal(b->pause_ms, 2 * BREAKER_PAUSE_MIN_MS);
    url_case_close(t);
}

static void test_reasons(void **state)
{
    struct url_table *t = url_case_open(*state, &plain, two);
    char text[URL_SUSPENDED_BYTES];
    struct request r;

    begin(&r, t, 1);
    take(&r, 0);
    url_outcome_failure(&r.route, "the first");
    state_at(t, 0)->failed_at_ms--; /* both within a millisecond otherwise */
    take(&r, 1);
    url_outcome_failure(&r.route, "the second");
    assert_string_equal(url_outcome_reason(&r.route), "the second");
    assert_string_equal(url_outcome_suspended(&r.route, text),
                        "suspended after failures; the last one: the second");
    end(&r);
    begin(&r, t, 2);
    take(&r, 0);
    url_outcome_skip(&r.route);
    take(&r, 1);
    url_outcome_skip(&r.route);
    assert_false(url_route_take(&r.route));
    assert_string_equal(url_outcome_reason(&r.route), "the second"); /* a skip is not a failure */
    end(&r);
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_what_suspends_a_url),
        WITH_CASE(test_statuses_of_all_urls_suspend_none),
        WITH_CASE(test_no_response_while_others_are_answered),
        WITH_CASE(test_a_bad_response_ends_the_round),
        WITH_CASE(test_refused_everywhere),
        WITH_CASE(test_results_of_trials),
        WITH_CASE(test_a_trial_with_a_status),
        WITH_CASE(test_reasons),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
