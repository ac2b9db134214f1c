#include "loop_case.h"

#include "table/url/url_key_limit.h"

#include <ev.h>

enum {
    MAX_CONNECTIONS = 2 * URL_KEY_LIMIT_KEY_PART,
    FREE = MAX_CONNECTIONS / URL_KEY_LIMIT_FREE_PART,
    PART = 2,
    TAKEN = FREE + PART,
    HASH = 77,
};

struct waiter {
    struct url_key_permit permit;
    unsigned calls;
    bool has_expired;
};

static void on_done(void *arg, bool has_expired)
{
    struct waiter *w = arg;

    w->calls++;
    w->has_expired = has_expired;
}

/* One turn may not be enough, because deadlines are not checked in a turn with lost time. */
static void run_until_called(const struct waiter *w)
{
    while (w->calls == 0)
        ev_run(loop, EVRUN_ONCE);
}

static bool take(struct url_key_limit *limit, struct waiter *w, uint64_t hash)
{
    return url_key_limit_acquire(limit, &w->permit, MAX_CONNECTIONS) ||
           url_key_limit_acquire_key(limit, &w->permit, hash, MAX_CONNECTIONS);
}

static void wait_for_permit(struct url_key_limit *limit, struct waiter *w, uint64_t ms)
{
    url_key_limit_wait(limit, &w->permit, ms, on_done, w);
}

/* Takes permits until the next request for the same key has to wait. */
static void fill(struct url_key_limit *limit, struct waiter *taken)
{
    for (int i = 0; i < TAKEN; i++)
        assert_true(take(limit, &taken[i], HASH));
}

static void end_all(struct url_key_limit *limit, struct waiter *taken)
{
    for (int i = 0; i < TAKEN; i++)
        url_key_limit_release(limit, &taken[i].permit);
    assert_int_equal(limit->under_way, 0);
    for (int i = 0; i < URL_KEY_LIMIT_SLOTS; i++)
        assert_null(limit->slots[i]);
}

static void test_one_key_leaves_room(void **state)
{
    struct url_key_limit limit = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, first = {0}, second = {0}, other[PART + 1] = {0};

    (void)state;
    fill(&limit, taken);
    assert_false(take(&limit, &first, HASH));
    wait_for_permit(&limit, &first, service_now_ms(loop) + 1000000);
    assert_false(take(&limit, &second, HASH));
    wait_for_permit(&limit, &second, service_now_ms(loop) + 1000000);
    for (int i = 0; i < PART; i++)
        assert_true(take(&limit, &other[i], HASH + 2)); /* another key is not affected */
    assert_false(take(&limit, &other[PART], HASH + 2));
    url_key_limit_release(&limit, &other[PART].permit);
    url_key_limit_release(&limit, &taken[TAKEN - 1].permit);
    assert_int_equal(first.calls, 0); /* it is called from the loop only */
    run_until_called(&first);
    assert_int_equal(first.calls, 1);
    assert_false(first.has_expired);
    assert_int_equal(second.calls, 0);
    url_key_limit_release(&limit, &first.permit);
    run_until_called(&second);
    assert_int_equal(second.calls, 1);
    url_key_limit_release(&limit, &second.permit);
    url_key_limit_release(&limit, &second.permit); /* any number of times */
    for (int i = 0; i < PART; i++)
        url_key_limit_release(&limit, &other[i].permit);
    end_all(&limit, taken);
}

static void test_a_wait_that_expires(void **state)
{
    struct url_key_limit limit = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, late = {0};

    (void)state;
    fill(&limit, taken);
    assert_false(take(&limit, &late, HASH));
    wait_for_permit(&limit, &late, service_now_ms(loop));
    run_until_called(&late);
    assert_true(late.has_expired);
    url_key_limit_release(&limit, &late.permit);
    end_all(&limit, taken);
}

/* A request that ends while it waits, or before its permit is delivered, leaves the permit to the
 * next one. */
static void test_a_waiting_request_that_ends(void **state)
{
    struct url_key_limit limit = {.loop = loop};
    struct waiter taken[TAKEN] = {0}, waiting[3] = {0};

    (void)state;
    fill(&limit, taken);
    for (int i = 0; i < 3; i++) {
        assert_false(take(&limit, &waiting[i], HASH));
        wait_for_permit(&limit, &waiting[i], service_now_ms(loop) + 1000000);
    }
    url_key_limit_release(&limit, &waiting[0].permit);
    url_key_limit_release(
        &limit, &taken[TAKEN - 1].permit); /* goes to the second waiting request, which also ends */
    url_key_limit_release(&limit, &waiting[1].permit);
    run_until_called(&waiting[2]);
    assert_int_equal(waiting[0].calls + waiting[1].calls, 0);
    assert_int_equal(waiting[2].calls, 1);
    url_key_limit_release(&limit, &waiting[2].permit);
    end_all(&limit, taken);
}

/* A small pool limits only a key that was slow before. */
static void test_small_pool(void **state)
{
    enum { FEW = 8 };
    struct url_key_limit limit = {.loop = loop};
    struct waiter any[100] = {0}, slow[2] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(any); i++)
        assert_true(url_key_limit_acquire(&limit, &any[i].permit, FEW));
    url_key_limit_add_slow(&limit, HASH);
    url_key_limit_add_slow(&limit, HASH);
    assert_int_equal(limit.slow_count, 1);
    assert_true(url_key_limit_is_slow(&limit, HASH));
    assert_false(url_key_limit_is_slow(&limit, HASH + 2));
    assert_true(url_key_limit_acquire_key(&limit, &slow[0].permit, HASH, FEW));
    assert_false(url_key_limit_acquire_key(&limit, &slow[1].permit, HASH, FEW));
    url_key_limit_remove_slow(&limit, HASH);
    assert_true(url_key_limit_acquire_key(&limit, &slow[1].permit, HASH, FEW));
    for (size_t i = 0; i < ARRAY_LEN(any); i++)
        url_key_limit_release(&limit, &any[i].permit);
    url_key_limit_release(&limit, &slow[0].permit);
    url_key_limit_release(&limit, &slow[1].permit);
    assert_int_equal(limit.under_way, 0);
}

static void test_slow_keys_are_bounded(void **state)
{
    struct url_key_limit limit = {.loop = loop};

    (void)state;
    for (uint64_t key = 1; key <= 3 * URL_SLOW_KEYS_MAX; key++)
        url_key_limit_add_slow(&limit, key);
    assert_int_equal(limit.slow_count, URL_SLOW_KEYS_MAX);
    assert_true(url_key_limit_is_slow(&limit, 3 * URL_SLOW_KEYS_MAX));
    assert_false(url_key_limit_is_slow(&limit, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_key_leaves_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_wait_that_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_waiting_request_that_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(test_small_pool, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_keys_are_bounded, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
