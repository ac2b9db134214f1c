#include "unit.h"

#include "backend/dns/name_addresses.h"

#include "podop/buf.h"

enum { NOW_MS = 1000000, GENERATION = 7 };

static struct endpoint endpoint(const char *text)
{
    struct endpoint e;

    if (!endpoint_parse(text, &e))
        fail_msg("'%s' is no endpoint", text);
    return e;
}

/* Returns a round that found these addresses, which are separated by blanks. */
static struct name_round found(const char *list, uint32_t ttl_s)
{
    struct name_round round = {.verdict = NAME_RESOLVED, .ttl_s = ttl_s};
    char *copy = xstrdup(list), *rest = copy, *text;

    while ((text = strsep(&rest, " ")) != NULL) {
        if (*text != '\0')
            round.addresses[round.count++] = endpoint(text);
    }
    free(copy);
    return round;
}

static uint32_t take_found(struct name_addresses *a, const char *list, uint32_t ttl_s)
{
    const struct name_round round = found(list, ttl_s);

    return name_addresses_take(a, &round, NOW_MS);
}

static uint32_t take_nothing(struct name_addresses *a, enum name_verdict verdict, uint64_t now_ms)
{
    const struct name_round round = {.verdict = verdict, .reason = "no"};

    return name_addresses_take(a, &round, now_ms);
}

static void assert_order(const struct name_addresses *a, uint64_t now_ms, const char *expected)
{
    struct endpoint list[NAME_ADDRESSES_MAX];
    const size_t count = name_addresses_in_order(a, now_ms, list);
    char text[ENDPOINT_TEXT_BYTES];
    struct buf got;

    buf_init(&got, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        buf_add(&got, i == 0 ? SPAN("") : SPAN(" "));
        buf_add(&got, span_of(endpoint_print(&list[i], text)));
    }
    assert_string_equal(buf_string(&got), expected);
    buf_deinit(&got);
}

static void test_time_to_live_is_bounded(void **state)
{
    static const struct {
        uint32_t ttl_s, ms;
    } cases[] = {
        {0, 5000},   {1, 5000},   {5, 5000},      {6, 6000},
        {59, 59000}, {60, 60000}, {86400, 60000}, {UINT32_MAX, 60000},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct name_addresses a = {0};

        assert_int_equal(take_found(&a, "192.0.2.1", cases[i].ttl_s), cases[i].ms);
    }
}

static void test_families_in_turn(void **state)
{
    static const struct {
        const char *list, *expected;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::1", "::1"},
        {"192.0.2.1 192.0.2.2 ::1 ::2", "::1 192.0.2.1 ::2 192.0.2.2"},
        {"192.0.2.1 192.0.2.2 192.0.2.3 ::1", "::1 192.0.2.1 192.0.2.2 192.0.2.3"},
        {"192.0.2.1 ::1 ::2 ::3", "::1 192.0.2.1 ::2 ::3"},
        {"::1 ::1 192.0.2.1 192.0.2.1", "::1 192.0.2.1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct name_addresses a = {0};

        take_found(&a, cases[i].list, 60);
        assert_order(&a, NOW_MS, cases[i].expected);
    }
}

static void test_avoided_addresses_come_last(void **state)
{
    struct name_addresses a = {0};
    struct endpoint six = endpoint("::1"), four = endpoint("192.0.2.1"), other = endpoint("::9");

    (void)state;
    take_found(&a, "::1 ::2 192.0.2.1 192.0.2.2", 60);
    name_addresses_avoid(&a, &six, NOW_MS);
    name_addresses_avoid(&a, &four, NOW_MS);
    name_addresses_avoid(&a, &other, NOW_MS); /* an unknown address */
    assert_order(&a, NOW_MS, "::2 192.0.2.2 ::1 192.0.2.1");
    assert_order(&a, NOW_MS + NAME_AVOID_MS - 1, "::2 192.0.2.2 ::1 192.0.2.1");
    assert_order(&a, NOW_MS + NAME_AVOID_MS, "::1 192.0.2.1 ::2 192.0.2.2");
    take_found(&a, "::2 ::1 192.0.2.1", 60); /* marks outlive an answer */
    assert_order(&a, NOW_MS, "::2 ::1 192.0.2.1");
    name_addresses_trust(&a, &four);
    assert_order(&a, NOW_MS, "::2 192.0.2.1 ::1");
}

static void test_moving(void **state)
{
    struct name_addresses a = {.generation = GENERATION};
    const struct endpoint before = endpoint("192.0.2.1:80"), after = endpoint("192.0.2.2:80");

    (void)state;
    take_found(&a, "192.0.2.1", 60);
    assert_int_not_equal(a.generation, GENERATION);
    assert_true(name_addresses_has(&a, &before));
    assert_false(name_addresses_has(&a, &after));
    take_found(&a, "192.0.2.2", 60);
    assert_false(name_addresses_has(&a, &before));
    assert_true(name_addresses_has(&a, &after));
}

/* Without a useful answer, the known addresses stay in use. */
static void test_outage(void **state)
{
    struct name_addresses a = {0};
    unsigned generation;

    (void)state;
    assert_int_equal(take_nothing(&a, NAME_UNKNOWN, NOW_MS), 0);
    assert_string_equal(a.reason, "no");
    take_found(&a, "192.0.2.1", 60);
    assert_null(a.reason);
    generation = a.generation;
    for (unsigned day = 0; day < 3; day++)
        assert_int_equal(take_nothing(&a, NAME_UNKNOWN, NOW_MS + day * UINT64_C(86400000)), 5000);
    assert_order(&a, NOW_MS, "192.0.2.1");
    assert_int_equal(a.generation, generation);
    assert_string_equal(a.reason, "no");
}

/* "No such name" counts only after a while. Then no address is known, but connections stay open. */
static void test_absence(void **state)
{
    struct name_addresses a = {0};
    const struct endpoint address = endpoint("192.0.2.1");

    (void)state;
    take_found(&a, "192.0.2.1", 60);
    assert_int_equal(take_nothing(&a, NAME_ABSENT, NOW_MS), 5000);
    assert_int_equal(take_nothing(&a, NAME_UNKNOWN, NOW_MS + 1), 5000);
    assert_int_equal(take_nothing(&a, NAME_ABSENT, NOW_MS + NAME_GONE_MS - 1), 5000);
    assert_order(&a, NOW_MS, "192.0.2.1");
    assert_int_equal(take_nothing(&a, NAME_ABSENT, NOW_MS + NAME_GONE_MS), 0);
    assert_order(&a, NOW_MS, "");
    assert_true(name_addresses_has(&a, &address));
    assert_string_equal(a.reason, "no");
}

static void test_absence_that_ends(void **state)
{
    struct name_addresses a = {0};

    (void)state;
    take_found(&a, "192.0.2.1", 60);
    take_nothing(&a, NAME_ABSENT, NOW_MS);
    take_found(&a, "192.0.2.1", 60);
    assert_int_equal(take_nothing(&a, NAME_ABSENT, NOW_MS + NAME_GONE_MS), 5000);
    assert_order(&a, NOW_MS, "192.0.2.1");
}

/* The known addresses of a family without an answer stay. */
static void test_one_family_fails(void **state)
{
    struct name_addresses a = {0};
    struct name_round round = found("::2", 60);

    (void)state;
    take_found(&a, "::1 192.0.2.1 192.0.2.2", 60);
    round.keeps[false] = true;
    name_addresses_take(&a, &round, NOW_MS);
    assert_order(&a, NOW_MS, "::2 192.0.2.1 192.0.2.2");
    round = found("192.0.2.9", 60);
    round.keeps[true] = true;
    name_addresses_take(&a, &round, NOW_MS);
    assert_order(&a, NOW_MS, "::2 192.0.2.9");
}

static void test_no_more_than_there_is_room_for(void **state)
{
    struct name_addresses a = {0};
    struct name_round round = {.verdict = NAME_RESOLVED, .keeps = {true, true}};
    struct endpoint list[NAME_ADDRESSES_MAX];

    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (round.count = 0; round.count < NAME_ADDRESSES_MAX; round.count++)
            round.addresses[round.count] = (struct endpoint){
                .bytes = {192, 0, (unsigned char)turn, (unsigned char)round.count}};
        name_addresses_take(&a, &round, NOW_MS);
        assert_int_equal(name_addresses_in_order(&a, NOW_MS, list), NAME_ADDRESSES_MAX);
        assert_int_equal(list[NAME_ADDRESSES_MAX - 1].bytes[2], turn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_to_live_is_bounded),
        cmocka_unit_test(test_families_in_turn),
        cmocka_unit_test(test_avoided_addresses_come_last),
        cmocka_unit_test(test_moving),
        cmocka_unit_test(test_outage),
        cmocka_unit_test(test_absence),
        cmocka_unit_test(test_absence_that_ends),
        cmocka_unit_test(test_one_family_fails),
        cmocka_unit_test(test_no_more_than_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
