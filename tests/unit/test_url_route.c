#include "url_case.h"

#include "table/url/url_outcome.h"
#include "table/url/url_route.h"

#include "podop/clock.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static const char *const three[URL_CASE_URLS_MAX] = {"BACKEND/a/§", "BACKEND/b/§", "BACKEND/c/§"};
static const struct table_key key = {.key = TEXT("k")};

static struct url_table *open_three(struct url_case *c)
{
    const struct url_settings config = {.commit_url = (char *)(uintptr_t)"BACKEND/commit"};

    return url_case_open(c, &config, three);
}

static struct url_route route_of(struct url_table *t, bool is_lookup)
{
    struct url_route route = {0};

    url_route_init(&route, &t->backends, is_lookup);
    url_route_set_key(&route, &key);
    return route;
}

static void suspend(struct url_table *t, size_t at, enum breaker_kind kind)
{
    for (uint64_t i = 1; i <= BREAKER_FAILURES_MAX; i++)
        breaker_failure(&t->backends.health->of[at].breaker, kind, i, BREAKER_NO_TRIAL,
                        BREAKER_PAUSE_MAX_MS, clock_now_ms());
}

/* Ends the pause, so that the next request is a trial. */
static void end_pause(struct url_table *t, size_t at)
{
    t->backends.health->of[at].breaker.tried_at_ms = 0;
}

static void assert_takes(struct url_route *route, size_t at)
{
    assert_true(url_route_take(route));
    assert_true(url_route_may_ask(route));
    assert_int_equal(route->at, at);
}

static void refuse(struct url_route *route)
{
    const struct http_answer answer = {.outcome = HTTP_FAILED, .is_refused = true};

    url_outcome_asked(route);
    url_outcome_no_response(route, &answer, "refused");
}

static void test_urls_in_their_order(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route route = route_of(t, true);

    assert_false(url_route_may_ask(&route)); /* none is chosen yet */
    for (size_t at = 0; at < 3; at++) {
        assert_takes(&route, at);
        assert_ptr_equal(url_route_backend(&route), &t->backends.items[at]);
        url_outcome_failure(&route, "status 500");
    }
    assert_false(url_route_take(&route));
    assert_false(url_route_may_ask(&route));
    url_route_close(&route);
    url_route_close(&route);
    url_case_close(t);
}

static void test_commit_url_is_a_route_of_its_own(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route route = {0};

    url_route_init_commit(&route, &t->backends);
    url_route_set_key(&route, &key);
    assert_takes(&route, 3);
    url_outcome_failure(&route, "status 500");
    assert_false(url_route_take(&route));
    url_route_close(&route);
    url_case_close(t);
}

/* A private key and a shared one that lead to the same URL are one key, as in the cache. */
static void test_hash_is_of_the_url(void **state)
{
    const struct table_key same[] = {{.key = SPAN("k"), .user = SPAN("u"), .is_private = true},
                                     {.key = SPAN("k/u")}};
    const struct table_key keys[] = {
        {.key = SPAN("k")},
        {.key = SPAN("k"), .user = SPAN("u"), .is_private = true},
        {.key = SPAN("k"), .user = SPAN("v"), .is_private = true},
        {.key = SPAN("l")},
    };
    struct url_table *t = open_three(*state);
    struct url_route route = route_of(t, true);
    uint64_t hashes[ARRAY_LEN(keys)];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        url_route_set_key(&route, &keys[i]);
        hashes[i] = url_route_hash(&route);
        assert_int_not_equal(hashes[i], 0);
        assert_int_equal(url_route_hash(&route), hashes[i]);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(hashes[i], hashes[j]);
    }
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        url_route_set_key(&route, &same[i]);
        hashes[i] = url_route_hash(&route);
    }
    assert_int_equal(hashes[0], hashes[1]);
    url_case_close(t);
}

/* A lookup tries a suspended URL in its place, any other request only when no URL is left. */
static void test_requests_that_try_a_suspended_url(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route lookup = route_of(t, true), other = route_of(t, false);

    suspend(t, 0, BREAKER_UNSENT);
    assert_takes(&lookup, 1);
    assert_int_equal(lookup.trial, BREAKER_NO_TRIAL);
    end_pause(t, 0);
    assert_takes(&other, 1);
    assert_takes(&lookup, 0);
    assert_int_equal(lookup.trial, BREAKER_TRIAL);
    url_outcome_success(&lookup);
    assert_int_equal(lookup.trial, BREAKER_NO_TRIAL);
    assert_false(breaker_is_open(&t->backends.health->of[0].breaker));
    suspend(t, 0, BREAKER_UNSENT);
    suspend(t, 1, BREAKER_UNSENT);
    suspend(t, 2, BREAKER_UNSENT);
    end_pause(t, 1);
    assert_takes(&other, 1);
    assert_int_equal(other.trial, BREAKER_TRIAL);
    url_route_close(&other);
    assert_int_equal(other.trial, BREAKER_NO_TRIAL);
    url_case_close(t);
}

static void test_last_resort(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route lookup = route_of(t, true), write = route_of(t, false);

    suspend(t, 0, BREAKER_UNSENT);
    suspend(t, 1, BREAKER_ANSWERED); /* this one can be reached */
    suspend(t, 2, BREAKER_UNANSWERED);
    assert_takes(&lookup, 1);
    assert_true(lookup.is_last_resort);
    url_outcome_failure(&lookup, "status 500");
    assert_false(url_route_take(&lookup));
    url_route_close(&lookup);
    write.ignores_suspension = true;
    assert_takes(&write, 0);
    assert_true(write.is_last_resort);
    url_route_close(&write);
    url_case_close(t);
}

/* The first requests after a silence come together: none is refused because another one is the
 * trial. */
static void test_old_suspension_refuses_nothing(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route lookup = route_of(t, true), write = route_of(t, false);

    for (size_t at = 0; at < 3; at++)
        suspend(t, at, BREAKER_UNSENT);
    end_pause(t, 0);
    t->backends.health->of[0].breaker.active_at_ms = 0;
    assert_takes(&lookup, 0);
    assert_int_equal(lookup.trial, BREAKER_TRIAL);
    assert_takes(&write, 0);
    assert_true(write.is_last_resort);
    refuse(&write);
    assert_false(url_route_take(&write)); /* it asks there once */
    refuse(&lookup);
    url_route_close(&lookup);
    end_pause(t, 0);
    assert_takes(&lookup, 0);
    assert_false(url_route_take(&write)); /* the trial failed a moment ago */
    url_route_close(&lookup);
    url_route_close(&write);
    url_case_close(t);
}

/* The URL may be suspended while a request waits for a connection. */
static void test_suspended_after_the_choice(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route route = route_of(t, true);

    assert_takes(&route, 0);
    suspend(t, 0, BREAKER_UNSENT);
    assert_false(url_route_may_ask(&route));
    assert_takes(&route, 1);
    url_route_close(&route);
    url_case_close(t);
}

/* Only URLs that may be asked after this one have a share. */
static void test_shares_of_the_time(void **state)
{
    struct url_table *t = open_three(*state);
    struct url_route route = route_of(t, true);
    const uint64_t now_ms = table_now_ms(&t->base);

    assert_takes(&route, 0);
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 1000);
    suspend(t, 2, BREAKER_UNSENT);
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 1500);
    url_outcome_failure(&route, "status 500");
    assert_takes(&route, 1);
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 3000);
    assert_int_equal(url_route_share(&route, now_ms - 1), now_ms - 1); /* it has passed */
    url_route_close(&route);
    url_case_close(t);
}

static void on_resume(void *arg)
{
    ++*(unsigned *)arg;
}

static void test_waits_only_when_refused(void **state)
{
    const struct http_answer reset = {.outcome = HTTP_FAILED, .may_have_arrived = true};
    struct url_table *t = open_three(*state);
    struct url_route route = route_of(t, true);
    const uint64_t later_ms = table_now_ms(&t->base) + URL_CASE_TIMEOUT_MS;
    unsigned resumed = 0;

    assert_false(url_route_wait(&route, later_ms, on_resume, &resumed)); /* nothing was refused */
    for (size_t at = 0; at < 3; at++) {
        assert_takes(&route, at);
        refuse(&route);
    }
    assert_false(url_route_take(&route));
    assert_false(url_route_wait(&route, table_now_ms(&t->base) + URL_REFUSED_WAIT_MIN_MS - 1,
                                on_resume, &resumed)); /* no time is left */
    assert_true(url_route_wait(&route, later_ms, on_resume, &resumed));
    assert_true(ev_is_active(&route.wait));
    ev_feed_event(t->base.env.loop, &route.wait, EV_TIMER);
    ev_run(t->base.env.loop, EVRUN_NOWAIT);
    assert_int_equal(resumed, 1);
    url_route_close(&route);
    assert_false(ev_is_active(&route.wait));

    route = route_of(t, true);
    assert_takes(&route, 0);
    refuse(&route);
    assert_takes(&route, 1);
    url_outcome_asked(&route);
    url_outcome_no_response(&route, &reset, "reset"); /* one was sent: the failure is final */
    assert_false(url_route_wait(&route, later_ms, on_resume, &resumed));
    url_route_close(&route);
    url_case_close(t);
}

/* In a further round, a request skips a URL that has just refused another request. */
static void test_refusals_are_shared(void **state)
{
    const char *const one[URL_CASE_URLS_MAX] = {"BACKEND/§"};
    const struct url_settings config = {0};
    struct url_table *t = url_case_open(*state, &config, one);
    struct url_route first = route_of(t, true), waits = route_of(t, true);

    assert_takes(&first, 0);
    refuse(&first);
    assert_takes(&waits, 0); /* in the first round it does */
    url_outcome_skip(&waits);
    url_route_close(&waits);
    waits.has_waited = true;
    ev_timer_init(&waits.wait, NULL, 0.0, 0.0);
    t->backends.health->of[0].refused_at_ms = clock_now_ms();
    assert_false(url_route_take(&waits));
    t->backends.health->of[0].refused_at_ms = 1; /* long ago */
    url_route_close(&waits);
    assert_takes(&waits, 0);
    url_route_close(&waits);
    url_route_close(&first);
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_urls_in_their_order),
        WITH_CASE(test_commit_url_is_a_route_of_its_own),
        WITH_CASE(test_hash_is_of_the_url),
        WITH_CASE(test_requests_that_try_a_suspended_url),
        WITH_CASE(test_last_resort),
        WITH_CASE(test_old_suspension_refuses_nothing),
        WITH_CASE(test_suspended_after_the_choice),
        WITH_CASE(test_shares_of_the_time),
        WITH_CASE(test_waits_only_when_refused),
        WITH_CASE(test_refusals_are_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
