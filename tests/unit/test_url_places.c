/* Places of a table with balance = "spread". The addresses of names are the test's own. */
#include "url_case.h"

#include "table/url/url_outcome.h"
#include "table/url/url_places.h"
#include "table/url/url_route_private.h"

#include "podop/clock.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

enum { NAMES = 2, LETTERS_MAX = 40 };

static const char *const urls[URL_CASE_URLS_MAX] = {"http://one.example/§", "http://two.example/§"};
static const struct table_key key = {.key = TEXT("k")};

/* The addresses of a name, each as a letter. */
static struct {
    unsigned generation;
    const char *letters;
    struct endpoint list[LETTERS_MAX];
} names[NAMES];
static struct url_table *table;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's name */
struct http_addresses __wrap_http_site_addresses(const struct http_site *site);
struct http_addresses __wrap_http_site_addresses(const struct http_site *site)
{
    const size_t i = site == table->backends.sites->items[1];

    return (struct http_addresses){names[i].generation, strlen(names[i].letters), names[i].list};
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static struct endpoint address_of(char letter)
{
    return (struct endpoint){.bytes = {192, 0, 2, (unsigned char)letter}};
}

static void set_name(size_t i, const char *letters)
{
    assert_in_range(strlen(letters), 0, LETTERS_MAX);
    names[i].generation++;
    names[i].letters = letters;
    for (size_t k = 0; letters[k] != '\0'; k++)
        names[i].list[k] = address_of(letters[k]);
}

static int setup(void **state)
{
    const struct url_settings settings = {.balance = BALANCE_SPREAD,
                                          .commit_url = (char *)(uintptr_t) "BACKEND/commit"};

    url_case_setup(state);
    table = url_case_open(*state, &settings, urls);
    for (size_t i = 0; i < NAMES; i++) {
        names[i].generation = 0;
        names[i].letters = "";
    }
    return 0;
}

static int teardown(void **state)
{
    url_case_close(table);
    return url_case_teardown(state);
}

static struct url_state *state_at(size_t at)
{
    return &table->backends.health->of[at];
}

/* Returns what each place is: a letter, "?" for a name without addresses, "-" for none. */
static const char *places(void)
{
    static char text[100];
    const size_t end = url_places_end(&table->backends);

    assert_in_range(end, 0, sizeof(text) - 1);
    for (size_t at = 0; at < end; at++) {
        const struct url_state *state = state_at(at);

        text[at] = state->is_gone ? '-' : state->has_address ? (char)state->address.bytes[3] : '?';
    }
    text[end] = '\0';
    return text;
}

static void assert_follows(size_t i, const char *letters, const char *expected)
{
    set_name(i, letters);
    url_places_follow(&table->backends);
    AT_CASE("after %s", letters);
    assert_string_equal(places(), expected);
}

/* The places of both URLs alternate. */
static void test_followed(void **state)
{
    (void)state;
    assert_string_equal(places(), "??");
    assert_follows(0, "abc", "a?b-c-");
    assert_follows(1, "xy", "axbyc-");
    assert_follows(0, "cb", "-xbyc-");
    assert_follows(0, "cbd", "dxbyc-");
    assert_follows(0, "e", "ex-y--");
    assert_follows(0, "", "?x-y--");
    assert_follows(0, "f", "fx-y--");
}

static void test_many_addresses(void **state)
{
    (void)state;
    assert_follows(0, "abcdefghijklmnopqrstuvwxyzABCDEF",
                   "a?b-c-d-e-f-g-h-i-j-k-l-m-n-o-p-q-r-s-t-u-v-w-x-y-z-A-B-C-D-E-F-");
    assert_follows(0, "a", "a?--------------------------------------------------------------");
}

/* What is known of an address stays, even if it leaves for a while. */
static void test_state_stays(void **state)
{
    (void)state;
    state_at(0)->failures = 7; /* before the name was resolved */
    assert_follows(0, "ab", "a?b-");
    assert_int_equal(state_at(0)->failures, 7);
    assert_int_equal(state_at(2)->failures, 0);
    state_at(2)->failures = 8;
    assert_follows(0, "a", "a?--");
    assert_follows(0, "ab", "a?b-");
    assert_int_equal(state_at(2)->failures, 8);
    assert_follows(0, "ac", "a?c-"); /* another address begins anew */
    assert_int_equal(state_at(2)->failures, 0);
}

/* A place is not given to another address while requests of the previous one are under way. */
static void test_busy_places(void **state)
{
    (void)state;
    assert_follows(0, "ab", "a?b-");
    state_at(0)->under_way = state_at(2)->under_way = 1;
    assert_follows(0, "cd", "-?--c-d-");
    state_at(0)->under_way = 0;
    assert_follows(0, "cde", "e?--c-d-");
    state_at(2)->under_way = 0;
}

/* With requests under way at all places, an address waits for its place. */
static void test_no_place_is_free(void **state)
{
    (void)state;
    set_name(0, "abcdefghijklmnopqrstuvwxyzABCDEF");
    url_places_follow(&table->backends);
    for (size_t at = 0; at < url_places_end(&table->backends); at++)
        state_at(at)->under_way = 1;
    set_name(0, "1");
    url_places_follow(&table->backends);
    assert_null(strchr(places(), '1'));
    state_at(6)->under_way = 0;
    url_places_follow(&table->backends);
    assert_int_equal(strchr(places(), '1') - places(), 6);
}

static void test_print(void **state)
{
    char text[URL_PLACE_TEXT_BYTES];
    struct url_case *c = *state;

    set_name(0, "a");
    url_places_follow(&table->backends);
    assert_string_equal(url_places_print(&table->backends, 0, text),
                        "http://one.example at 192.0.2.97");
    assert_string_equal(url_places_print(&table->backends, 1, text), "http://two.example");
    assert_string_equal(
        url_places_print(&table->backends, url_backends_commit(&table->backends), text),
        c->backend.base);
}

/* Routes */

static struct url_route route_of(bool is_read)
{
    struct url_route route = {0};

    url_route_init(&route, &table->backends, is_read);
    route.is_shared = is_read;
    url_route_set_key(&route, &key);
    return route;
}

static void suspend(size_t at)
{
    for (uint64_t i = 1; i <= BREAKER_FAILURES_MAX; i++)
        breaker_failure(&state_at(at)->breaker, BREAKER_UNSENT, i, BREAKER_NO_TRIAL,
                        BREAKER_PAUSE_MAX_MS, clock_now_ms());
}

/* Each address and the other URL get equally much, unless they are suspended or gone. */
static void test_shares(void **state)
{
    unsigned taken[8] = {0};

    (void)state;
    set_name(0, "abcd"); /* at 0, 2, 4, 6; the other URL is at 1 */
    url_places_follow(&table->backends);
    table->backends.health->draw.state = 1;
    suspend(2);
    for (unsigned i = 0; i < 4000; i++) {
        struct url_route route = route_of(true);

        assert_true(url_route_take(&route));
        assert_true(url_route_may_ask(&route));
        taken[route.at]++;
        url_route_close(&route);
    }
    for (size_t at = 0; at < ARRAY_LEN(taken); at++) {
        const bool is_taken = at == 0 || at == 1 || at == 4 || at == 6;

        AT_CASE("place %zu", at);
        assert_in_range(taken[at], is_taken ? 900 : 0, is_taken ? 1100 : 0);
    }
}

static void test_less_busy_place(void **state)
{
    (void)state;
    set_name(0, "a");
    set_name(1, "b");
    for (unsigned i = 0; i < 100; i++) {
        struct url_route route = route_of(true);

        state_at(1)->under_way = 1;
        assert_true(url_route_take(&route));
        assert_int_equal(route.at, 0);
        assert_int_equal(url_route_address(&route)->bytes[3], 'a');
        url_route_close(&route);
    }
    state_at(1)->under_way = 0;
}

/* Writes keep to the order of the list. */
static void test_writes(void **state)
{
    (void)state;
    set_name(0, "ab");
    state_at(0)->under_way = 9;
    for (unsigned i = 0; i < 20; i++) {
        struct url_route route = route_of(false);

        assert_true(url_route_take(&route));
        assert_int_equal(route.at, 0);
        url_route_close(&route);
    }
    state_at(0)->under_way = 0;
}

/* A lookup is the trial of a suspended place even if others serve. */
static void test_trial(void **state)
{
    struct url_route route;

    (void)state;
    set_name(0, "abc");
    url_places_follow(&table->backends);
    suspend(4);
    state_at(4)->breaker.tried_at_ms = 0;
    route = route_of(true);
    assert_true(url_route_take(&route));
    assert_int_equal(route.at, 4);
    assert_int_equal(route.trial, BREAKER_TRIAL);
    url_route_close(&route);
    route = route_of(true); /* one that has failed elsewhere does not try */
    assert_true(url_route_take(&route));
    url_outcome_asked(&route);
    url_outcome_failure(&route, "status 500");
    state_at(4)->breaker.tried_at_ms = 0;
    assert_true(url_route_take(&route));
    assert_int_equal(route.trial, BREAKER_NO_TRIAL);
    url_route_close(&route);
}

/* An address that leaves its name is not asked again by a request that has chosen it. */
static void test_gone_after_the_choice(void **state)
{
    struct url_route route;

    (void)state;
    set_name(0, "a");
    route = route_of(false);
    assert_true(url_route_take(&route));
    assert_true(url_route_may_ask(&route));
    set_name(0, "b");
    state_at(0)->under_way = 1;
    url_places_follow(&table->backends);
    assert_false(url_route_may_ask(&route));
    state_at(0)->under_way = 0;
    url_route_close(&route);
}

/* What a request under way has noted about an address that left counts for no other address. */
static void test_marked_places(void **state)
{
    const struct http_answer refused = {.outcome = HTTP_FAILED, .is_refused = true};
    struct url_route routes[BREAKER_FAILURES_MAX];

    (void)state;
    set_name(0, "ab");
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        routes[i] = route_of(true);
        routes[i].at = 0;
        url_outcome_asked(&routes[i]);
        url_outcome_ended(&routes[i]);
        url_outcome_no_response(&routes[i], &refused, "refused");
        routes[i].at = 2;
        url_outcome_asked(&routes[i]);
    }
    assert_follows(0, "bc", "-?b-c-");
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        url_outcome_ended(&routes[i]);
        url_outcome_success(&routes[i]);
        url_route_close(&routes[i]);
    }
    assert_true(breaker_is_open(&state_at(0)->breaker));
    assert_false(breaker_is_open(&state_at(4)->breaker));
    assert_int_equal(state_at(4)->failures, 0);
    assert_follows(0, "bcd", "d?b-c-"); /* the place is free again */
}

/* However many addresses are left, all those of a URL together have one share after this one. */
static void test_shares_of_the_time(void **state)
{
    const uint64_t now_ms = table_now_ms(&table->base);
    struct url_route route;

    (void)state;
    set_name(0, "abcdef");
    route = route_of(false);
    assert_true(url_route_take(&route));
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 1000);
    suspend(1); /* the other URL */
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 1500);
    for (size_t at = 2; at < 12; at += 2)
        suspend(at);
    assert_int_equal(url_route_share(&route, now_ms + 3000), now_ms + 3000);
    url_route_close(&route);
}

/* A request that another address answered counts against the one that it was meant for. */
static void test_moved(void **state)
{
    const struct endpoint to = address_of('b');

    (void)state;
    set_name(0, "ab");
    for (unsigned i = 1; i <= BREAKER_FAILURES_MAX; i++) {
        struct url_route route = route_of(false);

        assert_true(url_route_take(&route));
        assert_int_equal(route.at, 0);
        url_outcome_asked(&route);
        assert_int_equal(state_at(0)->under_way, 1);
        url_outcome_ended(&route);
        assert_int_equal(state_at(0)->under_way, 0);
        url_outcome_moved(&route, &to);
        assert_int_equal(route.at, 2);
        url_outcome_success(&route);
        assert_int_equal(state_at(0)->failures, i);
        assert_int_equal(state_at(2)->requests, i);
        url_route_close(&route);
    }
    assert_true(breaker_is_open(&state_at(0)->breaker));
    assert_false(breaker_is_open(&state_at(2)->breaker));
}

/* Another request added a place meanwhile. The failures of this one stay with its own places. */
static void test_moved_to_a_later_place(void **state)
{
    const struct endpoint to = address_of('b');
    struct url_route route;

    (void)state;
    set_name(0, "a");
    route = route_of(false);
    assert_true(url_route_take(&route));
    url_outcome_asked(&route);
    set_name(0, "ab");
    url_places_follow(&table->backends);
    url_outcome_ended(&route);
    url_outcome_moved(&route, &to);
    assert_in_range(route.at, route.begin, route.end - 1);
    url_outcome_failure(&route, "500");
    assert_int_equal(mark_of(&route, 0), MARK_FAILED | MARK_STATUS);
    url_route_close(&route);
}

/* When no address could be connected to, the next URL is asked, and each address has failed. */
static void test_unreachable(void **state)
{
    const struct http_answer refused = {
        .outcome = HTTP_FAILED, .is_refused = true, .is_unreachable = true};

    (void)state;
    set_name(0, "abc");
    for (unsigned i = 1; i <= BREAKER_FAILURES_MAX; i++) {
        struct url_route route = route_of(false);

        assert_true(url_route_take(&route));
        assert_int_equal(route.at, 0);
        url_outcome_asked(&route);
        url_outcome_ended(&route);
        url_outcome_no_response(&route, &refused, "refused");
        assert_true(url_route_take(&route));
        assert_int_equal(route.at, 1);
        url_outcome_success(&route);
        url_route_close(&route);
    }
    for (size_t at = 0; at < 6; at += 2) {
        AT_CASE("place %zu", at);
        assert_true(breaker_is_open(&state_at(at)->breaker));
        assert_string_equal(state_at(at)->reason, "refused");
    }
    assert_false(breaker_is_open(&state_at(1)->breaker));
}

/* A key that would leave the path of a URL does so at all of its addresses. */
static void test_skip(void **state)
{
    struct url_route route;

    (void)state;
    set_name(0, "abc");
    route = route_of(false);
    assert_true(url_route_take(&route));
    url_outcome_skip(&route);
    assert_true(url_route_take(&route));
    assert_int_equal(route.at, 1);
    url_outcome_skip(&route);
    assert_false(url_route_take(&route));
    url_route_close(&route);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_followed),
        WITH_CASE(test_many_addresses),
        WITH_CASE(test_state_stays),
        WITH_CASE(test_busy_places),
        WITH_CASE(test_no_place_is_free),
        WITH_CASE(test_print),
        WITH_CASE(test_shares),
        WITH_CASE(test_less_busy_place),
        WITH_CASE(test_writes),
        WITH_CASE(test_trial),
        WITH_CASE(test_gone_after_the_choice),
        WITH_CASE(test_marked_places),
        WITH_CASE(test_shares_of_the_time),
        WITH_CASE(test_moved),
        WITH_CASE(test_moved_to_a_later_place),
        WITH_CASE(test_unreachable),
        WITH_CASE(test_skip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
