#include "url_case.h"

#include "table/url/url_attempt.h"
#include "table/url/url_outcome.h"
#include "table/url/url_request.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, url_case_teardown)

static const struct backend_script script[] = {
    {"/a/bad", TEXT("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), false},
    {"/a/gone", TEXT("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), false},
    {"/a/odd", TEXT("HTTP/1.1 301 Away\r\nContent-Length: 0\r\n\r\n"), false},
};

static const char *const two[URL_CASE_URLS_MAX] = {"BACKEND/a/§", "BACKEND/b/§"};
static const char *const hanging[URL_CASE_URLS_MAX] = {"BACKEND/§"};
static const char *const dead[URL_CASE_URLS_MAX] = {"http://127.0.0.1:1/§"};
static const struct url_settings plain = {0};

enum ending { RUNNING, ANSWERED, MISSED, FAILED };

/* One request, and its only completion. */
struct asker {
    struct url_attempt attempt;
    struct table_key key;
    unsigned sends, completions, calls, waits;
    bool refuses_to_wait;
    enum ending ending;
    enum reply_status status;
    char why[300];
};

static int setup(void **state)
{
    return url_case_setup_script(state, script, ARRAY_LEN(script));
}

static struct asker *asker_of(struct url_attempt *a)
{
    return CONTAINER_OF(a, struct asker, attempt);
}

static void end(struct asker *asker, enum ending ending)
{
    asker->completions++;
    asker->ending = ending;
}

static void on_answered(struct url_attempt *a, const struct http_answer *answer)
{
    (void)answer;
    url_attempt_success(a);
    end(asker_of(a), ANSWERED);
}

static void on_missed(struct url_attempt *a)
{
    end(asker_of(a), MISSED);
}

static void on_failed(struct url_attempt *a, enum reply_status status, const char *why)
{
    struct asker *asker = asker_of(a);

    asker->status = status;
    snprintf(asker->why, sizeof(asker->why), "%s", why);
    end(asker, FAILED);
}

static void on_queued(struct url_attempt *a)
{
    asker_of(a)->waits++;
}

static void on_call_ended(struct url_attempt *a, const struct http_answer *answer)
{
    (void)answer;
    asker_of(a)->calls++;
}

static bool may_wait(struct url_attempt *a)
{
    return !asker_of(a)->refuses_to_wait;
}

static enum url_target find_target(struct url_attempt *a, const struct url_backend *backend,
                                   char **target)
{
    return url_request_target(a->table, backend, &CONTAINER_OF(a, struct asker, attempt)->key,
                              target);
}

static void send_method(struct url_attempt *a, const char *method)
{
    struct asker *asker = asker_of(a);
    struct http_request request = {.method = method, .is_repeatable = a->kind->is_repeatable};
    char *target;

    asker->sends++;
    if (find_target(a, url_attempt_backend(a), &target) == URL_TARGET_OK) {
        request.target = target;
        url_attempt_send(a, &request);
    } else {
        url_attempt_skip(a);
    }
    free(target);
}

static void send_lookup(struct url_attempt *a)
{
    send_method(a, NULL);
}

static void send_write(struct url_attempt *a)
{
    send_method(a, "POST");
}

static const struct url_attempt_kind lookup = {
    .is_lookup = true,
    .is_repeatable = true,
    .is_key_limited = true,
    .status_text = "status",
    .too_large = "too large",
    .send = send_lookup,
    .find_target = find_target,
    .answered = on_answered,
    .missed = on_missed,
    .failed = on_failed,
    .may_wait = may_wait,
    .queued = on_queued,
    .call_ended = on_call_ended,
};

static const struct url_attempt_kind a_write = {
    .is_key_limited = true,
    .status_text = "status",
    .timed_out = "not sent in time",
    .send = send_write,
    .answered = on_answered,
    .failed = on_failed,
    .queued = on_queued,
};

static void start_until(struct asker *asker, struct url_table *t,
                        const struct url_attempt_kind *kind, const char *key,
                        uint64_t deadline_at_ms)
{
    *asker = (struct asker){.key = {.key = span_of(key)}};
    url_attempt_init(&asker->attempt, kind, t, deadline_at_ms);
    url_attempt_start(&asker->attempt, &asker->key);
}

static void start(struct asker *asker, struct url_table *t, const struct url_attempt_kind *kind,
                  const char *key)
{
    start_until(asker, t, kind, key, table_now_ms(&t->base) + t->base.timeout_ms);
}

static void finish(struct url_case *c, struct asker *asker)
{
    URL_CASE_WAIT(c, asker->completions > 0);
    assert_int_equal(asker->completions, 1);
    url_attempt_close(&asker->attempt);
    url_attempt_close(&asker->attempt);
}

/* Returns how many requests the backend got for this target. */
static unsigned requests_of(struct url_case *c, const char *target)
{
    struct span rest = buf_span(&c->backend.targets);
    unsigned count = 0;

    while (rest.len > 0) {
        const size_t len = (size_t)((const char *)memchr(rest.ptr, '\n', rest.len) - rest.ptr);

        count += span_equal((struct span){rest.ptr, len}, span_of(target));
        rest = span_skip(rest, len + 1);
    }
    return count;
}

static void test_how_a_lookup_ends(void **state)
{
    static const struct {
        const char *key;
        enum ending ending;
        enum reply_status status;
        const char *why;
        unsigned first, second; /* requests at each URL, without those sent again */
    } cases[] = {
        {"good", ANSWERED, 0, "", 1, 0},
        {"gone", MISSED, 0, "", 1, 0},
        {"bad", ANSWERED, 0, "", 1, 1}, /* by the second URL */
        {"odd", FAILED, REPLY_TEMPORARY, "status 301: redirects are not followed", 1, 0},
        {"large", FAILED, REPLY_TEMPORARY, "too large", 1, 0},
        {"..", MISSED, 0, "", 0, 0},
    };
    struct url_case *c = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_settings config = {.max_response = strlen("/a/good")};
        struct url_table *t = url_case_open(c, &config, two);
        char first[50], second[50];
        struct asker asker;

        snprintf(first, sizeof(first), "/a/%s", cases[i].key);
        snprintf(second, sizeof(second), "/b/%s", cases[i].key);
        buf_clear(&c->backend.targets);
        start(&asker, t, &lookup, cases[i].key);
        finish(c, &asker);
        if (asker.ending != cases[i].ending || asker.status != cases[i].status ||
            strcmp(asker.why, cases[i].why) != 0)
            fail_msg("%s: ends as %d, %d '%s'", cases[i].key, asker.ending, asker.status,
                     asker.why);
        if (requests_of(c, first) != cases[i].first || requests_of(c, second) != cases[i].second)
            fail_msg("%s: requests: %.*s", cases[i].key, (int)c->backend.targets.len,
                     c->backend.targets.ptr);
        assert_int_equal(asker.calls, cases[i].first + cases[i].second);
        url_case_close(t);
    }
}

/* A lookup whose connection was closed is sent once more for each retry, on a new connection. */
static void test_retries_of_a_lookup(void **state)
{
    const struct url_settings config = {.retries = 2};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &config, hanging);
    struct asker asker;

    start(&asker, t, &lookup, "drop");
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_int_equal(asker.status, REPLY_TEMPORARY);
    assert_int_equal(requests_of(c, "/drop"), 3);
    url_case_close(t);
}

/* A write that may have arrived is never sent again, to any URL. */
static void test_a_write_without_an_answer(void **state)
{
    const struct url_settings config = {.retries = 2};
    static const char *const urls[URL_CASE_URLS_MAX] = {"BACKEND/§", "BACKEND/b/§"};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &config, urls);
    struct asker asker;

    start(&asker, t, &a_write, "drop");
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_int_equal(asker.status, REPLY_UNCERTAIN);
    assert_string_equal(asker.why, "the backend did not confirm a write");
    assert_int_equal(c->backend.requests, 1);
    url_case_close(t);
}

/* A write with any status is not sent again: the caller decides what the status means. */
static void test_a_write_with_a_status(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, two);
    struct asker asker;

    start(&asker, t, &a_write, "bad");
    finish(c, &asker);
    assert_int_equal(asker.ending, ANSWERED);
    assert_int_equal(asker.attempt.http_status, 500);
    assert_int_equal(c->backend.requests, 1);
    url_case_close(t);
}

/* A connection that is refused leaves a write unsent, so the next URL gets it. */
static void test_a_write_that_was_refused(void **state)
{
    static const char *const urls[URL_CASE_URLS_MAX] = {"http://127.0.0.1:1/§", "BACKEND/b/§"};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, urls);
    struct asker asker;

    start(&asker, t, &a_write, "k");
    finish(c, &asker);
    assert_int_equal(asker.ending, ANSWERED);
    assert_int_equal(requests_of(c, "/b/k"), 1);
    url_case_close(t);
}

static void test_a_second_start_stays_at_its_url(void **state)
{
    static const char *const urls[URL_CASE_URLS_MAX] = {"http://127.0.0.1:1/§", "BACKEND/b/§"};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, urls);
    struct asker asker;

    start(&asker, t, &a_write, "k");
    URL_CASE_WAIT(c, asker.completions == 1);
    url_attempt_start(&asker.attempt, &asker.key);
    URL_CASE_WAIT(c, asker.completions == 2);
    assert_int_equal(asker.sends, 3); /* refused once only */
    assert_int_equal(requests_of(c, "/b/k"), 2);
    url_attempt_close(&asker.attempt);
    url_case_close(t);
}

/* When all URLs refuse, a request waits for another round, if its kind and its time allow that. */
static void test_refused_everywhere(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, dead);
    struct asker asker;

    start(&asker, t, &lookup, "k");
    URL_CASE_WAIT(c, asker.attempt.route.has_waited || asker.completions > 0);
    assert_int_equal(asker.completions, 0);
    assert_null(asker.attempt.call);
    ev_feed_event(c->loop, &asker.attempt.route.wait, EV_TIMER); /* the moment is over */
    asker.refuses_to_wait = true;
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_int_equal(asker.status, REPLY_TEMPORARY);

    start_until(&asker, t, &lookup, "k", table_now_ms(&t->base) + URL_REFUSED_WAIT_MIN_MS);
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_false(asker.attempt.route.has_waited);
    url_case_close(t);
}

/* The failure counts even if the time is over before another round can begin. */
static void test_time_is_over_after_the_wait(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, dead);
    struct asker asker;

    start(&asker, t, &lookup, "k");
    URL_CASE_WAIT(c, asker.attempt.route.has_waited);
    assert_int_equal(t->backends.health->of[0].failures, 0);
    asker.attempt.deadline_at_ms = table_now_ms(&t->base);
    ev_feed_event(c->loop, &asker.attempt.route.wait, EV_TIMER);
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_int_equal(t->backends.health->of[0].failures, 1);
    url_case_close(t);
}

/* Suspends the first URL for as long as the test runs. */
static void suspend(struct url_table *t)
{
    for (uint64_t i = 1; i <= BREAKER_FAILURES_MAX; i++)
        breaker_failure(&t->backends.health->of[0].breaker, BREAKER_UNSENT, i, BREAKER_NO_TRIAL,
                        BREAKER_PAUSE_MAX_MS, UINT64_MAX / 2);
}

static void test_suspended(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct asker asker;

    suspend(t);
    start(&asker, t, &lookup, "k");
    assert_int_equal(asker.completions, 1); /* at once */
    assert_int_equal(asker.sends, 0);
    assert_int_equal(asker.status, REPLY_TEMPORARY);
    assert_non_null(strstr(asker.why, "suspended after failures"));
    url_attempt_close(&asker.attempt);
    url_case_close(t);
}

static void test_skips_urls_without_a_place_for_the_key(void **state)
{
    static const char *const urls[URL_CASE_URLS_MAX] = {"BACKEND/a/§", "BACKEND/.§"};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, urls);
    struct asker asker;

    start(&asker, t, &lookup, "bad"); /* /.bad is fine */
    finish(c, &asker);
    assert_int_equal(asker.ending, ANSWERED);
    assert_int_equal(requests_of(c, "/.bad"), 1);
    url_case_close(t);
    t = url_case_open(c, &plain, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/a/§bad", urls[1]});
    start(&asker, t, &lookup, ""); /* /a/bad fails, and /. must not be asked */
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_string_equal(asker.why, URL_NO_PLACE);
    url_case_close(t);
}

static void test_too_long_a_key(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, two);
    char *key = xcalloc(1, URL_TARGET_BYTES_MAX + 1);
    struct asker asker;

    memset(key, 'k', URL_TARGET_BYTES_MAX);
    start(&asker, t, &lookup, key);
    finish(c, &asker);
    assert_int_equal(asker.ending, MISSED);
    free(key);
    url_case_close(t);
}

/* The pool has eight connections: a key that was not answered before may use one. */
static void test_requests_for_a_slow_key_wait(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct asker first, second, third, other;

    start(&first, t, &lookup, "hold");
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_end(backend_held(&c->backend, "/hold")); /* no answer */
    finish(c, &first);
    assert_int_equal(t->key_limit.slow_count, 1);

    start(&first, t, &lookup, "hold");
    start(&second, t, &a_write, "hold");
    start_until(&third, t, &lookup, "hold", table_now_ms(&t->base));
    assert_int_equal(first.waits + second.waits + third.waits, 2);
    start(&other, t, &lookup, "k");
    finish(c, &other); /* another key is not affected */
    finish(c, &third);
    assert_int_equal(third.status, REPLY_TIMEOUT);
    assert_string_equal(third.why, URL_KEY_LIMIT_REACHED);
    assert_int_equal(second.sends, 0);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_release(&c->backend, "/hold");
    finish(c, &first);
    assert_int_equal(first.ending, ANSWERED);
    assert_int_equal(t->key_limit.slow_count, 0);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_release(&c->backend, "/hold");
    finish(c, &second);
    assert_int_equal(second.ending, ANSWERED);
    assert_int_equal(t->key_limit.under_way, 0);
    url_case_close(t);
}

/* All starts of an attempt share its time: what the first one waited for a permit is lost for the
 * next ones as well. */
static void test_time_that_an_earlier_start_waited(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct asker first, late;

    start(&first, t, &lookup, "hold");
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_end(backend_held(&c->backend, "/hold")); /* no answer: the key is slow */
    finish(c, &first);
    start(&first, t, &lookup, "hold");
    start_until(&late, t, &a_write, "hold", table_now_ms(&t->base) + t->base.timeout_ms / 4);
    assert_int_equal(late.waits, 1);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_release(&c->backend, "/hold");
    finish(c, &first);
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    assert_true(late.attempt.is_late);
    backend_release(&c->backend, "/hold");
    URL_CASE_WAIT(c, late.completions == 1);
    late.key.key = SPAN("k");
    url_attempt_start(&late.attempt, &late.key);
    assert_true(late.attempt.is_late);
    URL_CASE_WAIT(c, late.completions == 2);
    url_attempt_close(&late.attempt);
    url_case_close(t);
}

/* The URL is suspended while a request waits: for its permit, and for a connection. */
static void test_suspended_while_it_waits(void **state)
{
    static const struct pool_config one_connection = {1, 10, 60000};
    static const char *const urls[URL_CASE_URLS_MAX] = {"BACKEND/§", "BACKEND/b/§"};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, urls);
    struct asker first, second, queued;

    http_set_pool(c->http, &one_connection);
    start(&first, t, &lookup, "hold");
    url_key_limit_add_slow(&t->key_limit, url_route_hash(&first.attempt.route));
    start(&queued, t, &a_write, "k");
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    start(&second, t, &lookup, "hold");
    suspend(t);
    backend_release(&c->backend, "/hold");
    finish(c, &first);
    finish(c, &queued);
    assert_int_equal(queued.ending, ANSWERED);
    assert_int_equal(requests_of(c, "/k"), 0);
    assert_int_equal(requests_of(c, "/b/k"), 1);
    finish(c, &second);
    assert_int_equal(second.ending, ANSWERED);
    assert_int_equal(requests_of(c, "/b/hold"), 1);
    assert_false(outage_is_on(&t->backends.health->of[1].outage)); /* it has not failed */
    url_case_close(t);
}

static void test_full_queue(void **state)
{
    static const struct pool_config one_of_each = {1, 1, 60000};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct asker first, queued, refused, late;

    http_set_pool(c->http, &one_of_each);
    start(&first, t, &lookup, "hold");
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    start_until(&late, t, &a_write, "k", table_now_ms(&t->base));
    start(&refused, t, &lookup, "k");
    finish(c, &refused);
    assert_int_equal(refused.ending, FAILED);
    assert_int_equal(refused.status, REPLY_TEMPORARY);
    assert_string_equal(refused.why, URL_QUEUE_FULL);
    finish(c, &late);
    assert_int_equal(late.status, REPLY_TIMEOUT);
    assert_string_equal(late.why, "not sent in time");
    start(&queued, t, &lookup, "k");
    backend_release(&c->backend, "/hold");
    finish(c, &first);
    finish(c, &queued);
    assert_int_equal(queued.ending, ANSWERED);
    url_case_close(t);
}

/* A request that was sent again because its idle connection was closed has used a retry. */
static void test_a_kept_connection_uses_a_retry(void **state)
{
    const struct url_settings config = {.retries = 1};
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &config, hanging);
    struct asker asker;

    start(&asker, t, &lookup, "k");
    finish(c, &asker);
    start(&asker, t, &lookup, "drop");
    finish(c, &asker);
    assert_int_equal(asker.ending, FAILED);
    assert_int_equal(requests_of(c, "/drop"), 2);
    url_case_close(t);
}

static void test_timeouts(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct asker asker;

    start_until(&asker, t, &lookup, "hold", table_now_ms(&t->base));
    finish(c, &asker);
    assert_int_equal(asker.status, REPLY_TIMEOUT);
    assert_string_equal(asker.why, "no answer within the table's timeout");
    url_case_close(t);
}

/* After a close there is no completion, in any state of the request. */
static void test_closed_at_any_point(void **state)
{
    struct url_case *c = *state;
    struct url_table *t = url_case_open(c, &plain, hanging);
    struct url_table *gone = url_case_open(c, &plain, dead);
    struct asker sent, waiting, refused, probe;

    start(&sent, t, &lookup, "hold");
    URL_CASE_WAIT(c, backend_holds(&c->backend, "/hold"));
    backend_end(backend_held(&c->backend, "/hold"));
    finish(c, &sent); /* its key is slow now */
    start(&sent, t, &lookup, "hold");
    start(&waiting, t, &lookup, "hold");
    start(&refused, gone, &lookup, "k");
    URL_CASE_WAIT(c, refused.attempt.route.has_waited);
    assert_int_equal(waiting.waits, 1);
    url_attempt_close(&waiting.attempt);
    url_attempt_close(&sent.attempt);
    url_attempt_close(&refused.attempt);
    start(&probe, t, &lookup, "k");
    finish(c, &probe);
    assert_int_equal(sent.completions + waiting.completions + refused.completions, 0);
    assert_int_equal(t->key_limit.under_way, 0);
    url_case_close(t);
    url_case_close(gone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_how_a_lookup_ends),
        WITH_CASE(test_retries_of_a_lookup),
        WITH_CASE(test_a_write_without_an_answer),
        WITH_CASE(test_a_write_with_a_status),
        WITH_CASE(test_a_write_that_was_refused),
        WITH_CASE(test_a_second_start_stays_at_its_url),
        WITH_CASE(test_refused_everywhere),
        WITH_CASE(test_time_is_over_after_the_wait),
        WITH_CASE(test_suspended),
        WITH_CASE(test_skips_urls_without_a_place_for_the_key),
        WITH_CASE(test_too_long_a_key),
        WITH_CASE(test_requests_for_a_slow_key_wait),
        WITH_CASE(test_time_that_an_earlier_start_waited),
        WITH_CASE(test_suspended_while_it_waits),
        WITH_CASE(test_full_queue),
        WITH_CASE(test_a_kept_connection_uses_a_retry),
        WITH_CASE(test_timeouts),
        WITH_CASE(test_closed_at_any_point),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
