#include "unit.h"

#include "table/cache.h"

#include "podop/hash.h"

/* A tenth of less than 10 ms is 0, so such times are not spread, and a test knows them exactly. */
enum { EXACT_TTL_MS = 9, SPREAD_TTL_MS = 100000, LONG_MS = 1000000 };

static const struct cache_limits roomy = {
    .ttl_ms = LONG_MS,
    .negative_ttl_ms = LONG_MS,
    .max_entries = 1000000,
    .max_bytes = SIZE_MAX,
};

static struct reply found(struct span value)
{
    return (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
}

static struct reply miss(void)
{
    return (struct reply){.status = REPLY_MISS, .reason = SPAN("404")};
}

/* The cache is given a hash with each key. */
static uint64_t hash_of(struct span key)
{
    static const struct hash_key hash_key = {1, 2};

    return hash_span(&hash_key, key);
}

static enum cache_state get_key(struct cache *cache, struct span key, uint64_t now_ms,
                                struct reply *reply)
{
    return cache_get(cache, key, hash_of(key), now_ms, reply);
}

static void put_key(struct cache *cache, struct span key, const struct reply *reply,
                    uint64_t now_ms)
{
    cache_put(cache, key, hash_of(key), reply, now_ms);
}

static void drop_key(struct cache *cache, struct span key)
{
    cache_drop(cache, key, hash_of(key));
}

static void put(struct cache *cache, const char *key, const char *value)
{
    const struct reply reply = found(span_of(value));

    put_key(cache, span_of(key), &reply, 0);
}

static enum cache_state state_at(struct cache *cache, struct span key, uint64_t now_ms)
{
    struct reply reply;

    return get_key(cache, key, now_ms, &reply);
}

static bool has(struct cache *cache, const char *key)
{
    return state_at(cache, span_of(key), 0) == CACHE_FRESH;
}

/* Returns the fixed cost of an entry in bytes, as the cache counts it. */
static size_t overhead(void)
{
    struct cache *cache = cache_new(&roomy);
    size_t bytes;

    put(cache, "", "");
    bytes = cache_bytes(cache);
    cache_free(&cache);
    return bytes;
}

static void assert_reply_equal(const struct reply *a, const struct reply *b)
{
    assert_int_equal(a->status, b->status);
    assert_true(span_equal(a->map_value, b->map_value));
    assert_true(span_equal(a->dict_value, b->dict_value));
    assert_true(span_equal(a->reason, b->reason));
}

/* One entry, put at 1000 and asked for later. */
static void test_cache_time(void **state)
{
    static const struct {
        uint32_t ttl_ms, negative_ttl_ms, stale_ms;
        enum reply_status status;
        bool is_miss_for_postfix;
        uint64_t at_ms;
        enum cache_state expected;
        size_t entries_after;
    } cases[] = {
        {9, 0, 0, REPLY_FOUND, false, 1000, CACHE_FRESH, 1},
        {9, 0, 0, REPLY_FOUND, false, 1008, CACHE_FRESH, 1},
        {9, 0, 0, REPLY_FOUND, false, 1009, CACHE_ABSENT, 0},
        {9, 0, 0, REPLY_FOUND, false, UINT64_MAX, CACHE_ABSENT, 0},
        {9, 0, 0, REPLY_FOUND, false, 999, CACHE_FRESH, 1}, /* a clock that went backwards */
        {9, 0, 0, REPLY_FOUND, false, 0, CACHE_FRESH, 1},
        {9, 0, 20, REPLY_FOUND, false, 1008, CACHE_FRESH, 1},
        {9, 0, 20, REPLY_FOUND, false, 1009, CACHE_STALE, 1},
        {9, 0, 20, REPLY_FOUND, false, 1028, CACHE_STALE, 1},
        {9, 0, 20, REPLY_FOUND, false, 1029, CACHE_ABSENT, 0},
        {9, 0, UINT32_MAX, REPLY_FOUND, false, 1008 + UINT64_C(0xffffffff), CACHE_STALE, 1},
        {9, 0, UINT32_MAX, REPLY_FOUND, false, 1009 + UINT64_C(0xffffffff), CACHE_ABSENT, 0},
        {9, 0, 20, REPLY_FOUND, true, 1008, CACHE_FRESH, 1},
        {9, 0, 20, REPLY_FOUND, true, 1009, CACHE_ABSENT, 0},
        {0, 9, 20, REPLY_FOUND, false, 1000, CACHE_ABSENT, 0},
        {0, 9, 20, REPLY_MISS, true, 1000, CACHE_FRESH, 1},
        {0, 9, 20, REPLY_MISS, true, 1008, CACHE_FRESH, 1},
        {0, 9, 20, REPLY_MISS, true, 1009, CACHE_ABSENT, 0}, /* never stale */
        {9, 0, 20, REPLY_MISS, true, 1000, CACHE_ABSENT, 0},
        {9, 5, 0, REPLY_MISS, true, 1004, CACHE_FRESH, 1},
        {9, 5, 0, REPLY_MISS, true, 1005, CACHE_ABSENT, 0},
        {9, 9, 9, REPLY_TEMPORARY, false, 1000, CACHE_ABSENT, 0},
        {9, 9, 9, REPLY_TIMEOUT, false, 1000, CACHE_ABSENT, 0},
        {9, 9, 9, REPLY_PERMANENT, false, 1000, CACHE_ABSENT, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct cache_limits limits = {
            .ttl_ms = cases[i].ttl_ms,
            .negative_ttl_ms = cases[i].negative_ttl_ms,
            .stale_ms = cases[i].stale_ms,
            .max_entries = 10,
            .max_bytes = 10000,
        };
        struct cache *cache = cache_new(&limits);
        struct reply reply = {.status = cases[i].status}, got;
        enum cache_state is;

        if (reply.status == REPLY_FOUND) {
            reply.dict_value = SPAN("[]");
            reply.map_value = cases[i].is_miss_for_postfix ? SPAN("") : SPAN("[]");
        } else {
            reply.reason = SPAN("why");
        }
        put_key(cache, SPAN("key"), &reply, 1000);
        is = get_key(cache, SPAN("key"), cases[i].at_ms, &got);
        if (is != cases[i].expected || cache_entries(cache) != cases[i].entries_after)
            fail_msg("case %zu: state %d, %zu entries", i, (int)is, cache_entries(cache));
        if (is != CACHE_ABSENT)
            assert_reply_equal(&got, &reply);
        assert_true((cache_bytes(cache) == 0) == (cases[i].entries_after == 0));
        cache_free(&cache);
        assert_null(cache);
    }
}

static void test_cache_stale_ends_with_a_put(void **state)
{
    const struct cache_limits limits = {EXACT_TTL_MS, EXACT_TTL_MS, 100, 10, 10000};
    const struct reply first = found(SPAN("first")), second = found(SPAN("second"));
    struct cache *cache = cache_new(&limits);
    struct reply got;

    (void)state;
    put_key(cache, SPAN("k"), &first, 0);
    assert_int_equal(get_key(cache, SPAN("k"), 50, &got), CACHE_STALE);
    assert_reply_equal(&got, &first);
    put_key(cache, SPAN("k"), &second, 50);
    assert_int_equal(get_key(cache, SPAN("k"), 58, &got), CACHE_FRESH);
    assert_reply_equal(&got, &second);
    cache_free(&cache);
}

static void test_cache_a_failure_changes_nothing(void **state)
{
    static const enum reply_status failures[] = {REPLY_TEMPORARY, REPLY_TIMEOUT, REPLY_PERMANENT};
    struct cache *cache = cache_new(&roomy);

    (void)state;
    put(cache, "k", "v");
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        const struct reply failure = {.status = failures[i], .reason = SPAN("why")};

        put_key(cache, SPAN("k"), &failure, 0);
        put_key(cache, SPAN("other"), &failure, 0);
        assert_true(has(cache, "k"));
        assert_int_equal(cache_entries(cache), 1);
    }
    cache_free(&cache);
}

static void test_cache_what_is_not_kept_still_replaces(void **state)
{
    const struct cache_limits limits = {.ttl_ms = 9, .max_entries = 10, .max_bytes = 10000};
    const struct reply value = found(SPAN("v")), none = miss();
    struct cache *cache = cache_new(&limits);

    (void)state;
    put_key(cache, SPAN("k"), &value, 0);
    put_key(cache, SPAN("k"), &none, 0); /* negative_ttl_ms is 0, so nothing is left */
    assert_int_equal(state_at(cache, SPAN("k"), 0), CACHE_ABSENT);
    assert_int_equal(cache_entries(cache), 0);
    assert_int_equal(cache_bytes(cache), 0);
    cache_free(&cache);
}

/* The reply's own maximum TTL against the cache's settings. */
static void test_cache_reply_bounds_its_time(void **state)
{
    static const struct {
        uint32_t ttl_ms;
        bool has_ttl_max;
        uint32_t ttl_max_ms;
        uint32_t kept_ms; /* 0: not at all */
    } cases[] = {
        {9, false, 0, 9}, {9, false, 5, 9},         {9, true, 5, 5},
        {9, true, 8, 8},  {9, true, 9, 9},          {9, true, UINT32_MAX, 9},
        {9, true, 0, 0},  {LONG_MS, true, 1, 1},    {LONG_MS, true, LONG_MS / 2, LONG_MS / 2},
        {0, true, 5, 0},  {0, true, UINT32_MAX, 0},
    };

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const size_t n = i / 2;
        const bool is_found = i % 2 == 0;
        const struct cache_limits limits = {
            .ttl_ms = is_found ? cases[n].ttl_ms : 0,
            .negative_ttl_ms = is_found ? 0 : cases[n].ttl_ms,
            .max_entries = 10,
            .max_bytes = 10000,
        };
        struct reply reply = is_found ? found(SPAN("v")) : miss();
        struct cache *cache = cache_new(&limits);

        reply.has_ttl_max = cases[n].has_ttl_max;
        reply.ttl_max_ms = cases[n].ttl_max_ms;
        put_key(cache, SPAN("k"), &reply, 1000);
        assert_int_equal(cache_entries(cache), cases[n].kept_ms > 0);
        if (cases[n].kept_ms > 0)
            assert_int_equal(state_at(cache, SPAN("k"), 1000 + cases[n].kept_ms - 1), CACHE_FRESH);
        assert_int_equal(state_at(cache, SPAN("k"), 1000 + cases[n].kept_ms), CACHE_ABSENT);
        cache_free(&cache);
    }
}

/* A reply with a short TTL of its own can still be used as a stale one. */
static void test_cache_bounded_reply_goes_stale(void **state)
{
    const struct cache_limits limits = {
        .ttl_ms = LONG_MS, .stale_ms = 100, .max_entries = 10, .max_bytes = 10000};
    struct cache *cache = cache_new(&limits);
    struct reply reply = found(SPAN("v"));

    (void)state;
    reply.has_ttl_max = true;
    reply.ttl_max_ms = 5;
    put_key(cache, SPAN("k"), &reply, 0);
    assert_int_equal(state_at(cache, SPAN("k"), 4), CACHE_FRESH);
    assert_int_equal(state_at(cache, SPAN("k"), 5), CACHE_STALE);
    assert_int_equal(state_at(cache, SPAN("k"), 105), CACHE_ABSENT);
    cache_free(&cache);
}

static void test_cache_any_bytes(void **state)
{
    static const struct {
        struct span key;
        struct reply reply;
        size_t bytes;
    } cases[] = {
        {{"", 0}, {.status = REPLY_FOUND, .map_value = {"", 0}, .dict_value = {"", 0}}, 0},
        {{"\0", 1},
         {.status = REPLY_FOUND, .map_value = {"zero", 4}, .dict_value = {"zero", 4}},
         5},
        {{"\0\0", 2},
         {.status = REPLY_FOUND, .map_value = {"\0\0\0", 3}, .dict_value = {"\0\0\0", 3}},
         5},
        {{"a", 1}, {.status = REPLY_FOUND, .map_value = {"1", 1}, .dict_value = {"1", 1}}, 2},
        {{"a\0", 2}, {.status = REPLY_FOUND, .map_value = {NULL, 0}, .dict_value = {NULL, 0}}, 2},
        {{"a\0b", 3},
         {.status = REPLY_FOUND, .map_value = {"x,y", 3}, .dict_value = {"[\"x\",\"y\"]", 9}},
         15},
        {{"a\0c", 3}, {.status = REPLY_FOUND, .map_value = {"", 0}, .dict_value = {"[]", 2}}, 5},
        {{"A", 1}, {.status = REPLY_FOUND, .map_value = {"m", 1}, .dict_value = {"", 0}}, 2},
        {{"\xff\xfe", 2},
         {.status = REPLY_FOUND, .map_value = {"ab", 2}, .dict_value = {"cd", 2}},
         6},
        {{"b", 1}, {.status = REPLY_MISS, .reason = {"404", 3}}, 4},
        {{"c", 1}, {.status = REPLY_MISS}, 1},
        {{"a@b.example", 11}, {.status = REPLY_MISS, .reason = {"n\0n", 3}}, 14},
    };
    const size_t besides = overhead();
    struct cache *cache = cache_new(&roomy);
    struct reply got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const size_t before = cache_bytes(cache);

        assert_int_equal(get_key(cache, cases[i].key, 0, &got), CACHE_ABSENT);
        put_key(cache, cases[i].key, &cases[i].reply, 0);
        assert_int_equal(cache_bytes(cache) - before, besides + cases[i].bytes);
    }
    assert_int_equal(cache_entries(cache), ARRAY_LEN(cases));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(get_key(cache, cases[i].key, 0, &got), CACHE_FRESH);
        assert_reply_equal(&got, &cases[i].reply);
    }
    cache_free(&cache);
}

static void test_cache_costs_at_most_128_bytes_besides(void **state)
{
    (void)state;
    assert_in_range(overhead(), 1, 128);
}

static void test_cache_copies(void **state)
{
    char key[] = "key", value[] = "value";
    const struct reply reply = found(span_of(value));
    struct cache *cache = cache_new(&roomy);
    struct reply got;

    (void)state;
    put_key(cache, span_of(key), &reply, 0);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    assert_int_equal(get_key(cache, SPAN("key"), 0, &got), CACHE_FRESH);
    assert_true(span_equal(got.dict_value, SPAN("value")));
    assert_true(span_equal(got.map_value, SPAN("value")));
    cache_free(&cache);
}

/* A borrowed reply of cache_get() may be put again, under its own key or as a key. */
static void test_cache_put_of_what_was_lent(void **state)
{
    struct cache_limits limits = roomy;
    struct cache *cache;
    struct reply got;

    (void)state;
    limits.max_entries = 1; /* each put has to free what it copies from */
    cache = cache_new(&limits);
    put(cache, "key", "a value");
    assert_int_equal(get_key(cache, SPAN("key"), 0, &got), CACHE_FRESH);
    put_key(cache, SPAN("key"), &got, 0);
    assert_int_equal(get_key(cache, SPAN("key"), 0, &got), CACHE_FRESH);
    assert_true(span_equal(got.dict_value, SPAN("a value")));
    put_key(cache, got.dict_value, &got, 0);
    assert_int_equal(get_key(cache, SPAN("a value"), 0, &got), CACHE_FRESH);
    assert_true(span_equal(got.dict_value, SPAN("a value")));
    drop_key(cache, got.dict_value);
    assert_int_equal(cache_entries(cache), 0);
    cache_free(&cache);
}

/* Each letter is an operation: a lower-case one puts, a capital gets, a digit drops a, b, c, ... */
static void test_cache_least_recently_used_leaves_first(void **state)
{
    static const struct {
        const char *steps, *left;
    } cases[] = {
        {"abc", "abc"},    {"abcd", "bcd"},    {"abcde", "cde"},  {"abcAd", "acd"},
        {"abcABd", "abd"}, {"abcCd", "bcd"},   {"abcad", "acd"},  {"abcabd", "abd"},
        {"abcAAd", "acd"}, {"abc0d", "bcd"},   {"abc0de", "cde"}, {"abc1dAe", "ade"},
        {"aaaa", "a"},     {"abcZd", "bcd"},   {"abcd0e", "cde"}, {"abc012d", "d"},
        {"abcBAd", "abd"}, {"abcABCd", "bcd"}, {"a0b1c2", ""},    {"abc2Ad", "abd"},
    };
    struct cache_limits limits = roomy;

    (void)state;
    limits.max_entries = 3;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cache *cache = cache_new(&limits);
        char left[6] = "", *to = left;

        for (const char *step = cases[i].steps; *step != '\0'; step++) {
            const char key[] = {*step < 'A'   ? (char)(*step - '0' + 'a')
                                : *step < 'a' ? (char)(*step - 'A' + 'a')
                                              : *step,
                                '\0'};

            if (*step < 'A')
                drop_key(cache, span_of(key));
            else if (*step < 'a')
                has(cache, key);
            else
                put(cache, key, "v");
            assert_true(cache_entries(cache) <= 3);
        }
        for (char c = 'a'; c <= 'e'; c++) {
            if (has(cache, (const char[]){c, '\0'}))
                *to++ = c;
        }
        if (strcmp(left, cases[i].left) != 0)
            fail_msg("after %s: %s instead of %s", cases[i].steps, left, cases[i].left);
        cache_free(&cache);
    }
}

static void test_cache_stale_hit_is_a_use_and_misses_leave_alike(void **state)
{
    const struct cache_limits limits = {EXACT_TTL_MS, LONG_MS, LONG_MS, 2, 10000};
    const struct reply value = found(SPAN("v")), none = miss();
    struct cache *cache = cache_new(&limits);

    (void)state;
    put_key(cache, SPAN("value"), &value, 0);
    put_key(cache, SPAN("miss"), &none, 0);
    assert_int_equal(state_at(cache, SPAN("value"), 100), CACHE_STALE);
    put_key(cache, SPAN("new"), &value, 100);
    assert_int_equal(state_at(cache, SPAN("miss"), 100), CACHE_ABSENT);
    assert_int_equal(state_at(cache, SPAN("value"), 100), CACHE_STALE);
    cache_free(&cache);
}

static void test_cache_byte_limit(void **state)
{
    struct cache_limits limits = roomy;
    struct cache *cache;

    (void)state;
    limits.max_bytes = 3 * overhead() + 30;
    cache = cache_new(&limits);
    put(cache, "a", "123456789");
    put(cache, "b", "123456789");
    put(cache, "c", "123456789");
    assert_int_equal(cache_bytes(cache), limits.max_bytes); /* exactly full */
    assert_int_equal(cache_entries(cache), 3);
    put(cache, "d", "");
    assert_false(has(cache, "a"));
    assert_int_equal(cache_entries(cache), 3);
    assert_int_equal(cache_bytes(cache), limits.max_bytes - 9);
    assert_true(has(cache, "b")); /* so c is the oldest */
    put(cache, "e", "");          /* needs more room than the 9 bytes that are left */
    assert_false(has(cache, "c"));
    assert_true(has(cache, "b") && has(cache, "d") && has(cache, "e"));
    cache_free(&cache);
}

static void test_cache_large_pushes_out_many(void **state)
{
    char large[1000];
    struct cache_limits limits = roomy;
    struct reply reply = found((struct span){large, sizeof(large)});
    struct cache *cache;

    (void)state;
    memset(large, 'x', sizeof(large));
    limits.max_bytes = overhead() + sizeof(large) + 1;
    cache = cache_new(&limits);
    for (int i = 0; i < 5; i++)
        put(cache, (const char[]){(char)('a' + i), '\0'}, "v");
    assert_int_equal(cache_entries(cache), 5);
    put_key(cache, SPAN("L"), &reply, 0); /* fits by itself, and to the byte */
    assert_int_equal(cache_entries(cache), 1);
    assert_int_equal(cache_bytes(cache), limits.max_bytes);
    assert_true(has(cache, "L"));
    put(cache, "a", "v");
    assert_false(has(cache, "L"));
    cache_free(&cache);
}

/* An entry that is one byte larger than the whole cache is not stored, and drops no other entry. */
static void test_cache_oversized(void **state)
{
    static char many[200];
    static const struct {
        size_t key_len, dict_len, map_len, reason_len;
        bool is_kept;
    } cases[] = {
        {100, 0, 0, 0, true},
        {101, 0, 0, 0, false},
        {1, 99, 99, 0, true},
        {1, 100, 100, 0, false},
        {1, 50, 49, 0, true},
        {1, 50, 51, 0, false},
        {1, 0, 99, 0, true},
        {1, 0, 100, 0, false},
        {1, 0, 0, 99, true},
        {1, 0, 0, 100, false},
        {1, SIZE_MAX, 5, 0, false},
        {1, SIZE_MAX - 100, 5, 0, false},
        {1, 5, SIZE_MAX - 50, 0, false},
        {1, 0, 0, SIZE_MAX, false},
    };
    struct cache_limits limits = roomy;

    (void)state;
    memset(many, 'k', sizeof(many));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct span key = {many, cases[i].key_len};
        const struct reply small = found(SPAN(""));
        const struct reply reply = {
            .status = cases[i].reason_len > 0 ? REPLY_MISS : REPLY_FOUND,
            .map_value = {many, cases[i].map_len},
            .dict_value = {many, cases[i].dict_len},
            .reason = {many, cases[i].reason_len},
        };
        struct cache *cache;

        limits.max_bytes = overhead() + 100;
        cache = cache_new(&limits);
        if (!cases[i].is_kept)
            put(cache, "other", "");
        put_key(cache, key, &reply, 0);
        if ((state_at(cache, key, 0) == CACHE_FRESH) != cases[i].is_kept)
            fail_msg("case %zu", i);
        assert_int_equal(cache_entries(cache), 1);
        assert_true(cases[i].is_kept || has(cache, "other"));
        cache_free(&cache);
        if (cases[i].is_kept || key.len > 100)
            continue;
        cache = cache_new(&limits); /* what was there for the key is gone all the same */
        put_key(cache, key, &small, 0);
        assert_int_equal(cache_entries(cache), 1);
        put_key(cache, key, &reply, 0);
        assert_int_equal(cache_entries(cache), 0);
        assert_int_equal(cache_bytes(cache), 0);
        cache_free(&cache);
    }
}

static void test_cache_limits_that_keep_nothing(void **state)
{
    struct cache_limits limits = roomy;
    struct cache *cache;

    (void)state;
    limits.max_entries = 0;
    cache = cache_new(&limits);
    put(cache, "k", "v");
    assert_int_equal(cache_entries(cache), 0);
    cache_free(&cache);
    limits = roomy;
    for (limits.max_bytes = 0; limits.max_bytes < overhead(); limits.max_bytes++) {
        cache = cache_new(&limits);
        put(cache, "", "");
        assert_int_equal(cache_entries(cache), 0);
        cache_free(&cache);
    }
    cache = NULL;
    cache_free(&cache);
}

static void test_cache_overwrite(void **state)
{
    static const char *const values[] = {"middle", "much longer than before", "s", "", "middle"};
    const size_t besides = overhead();
    struct cache_limits limits = roomy;
    struct cache *cache;
    struct reply got;

    (void)state;
    limits.max_entries = 2; /* an overwrite takes no other entry's place */
    cache = cache_new(&limits);
    put(cache, "other", "v");
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        const struct reply list = {
            .status = REPLY_FOUND, .map_value = SPAN("m"), .dict_value = span_of(values[i])};
        const struct reply none = miss();

        put(cache, "k", values[i]);
        assert_int_equal(get_key(cache, SPAN("k"), 0, &got), CACHE_FRESH);
        assert_true(span_equal(got.dict_value, span_of(values[i])));
        assert_int_equal(cache_bytes(cache), 2 * besides + 6 + 1 + strlen(values[i]));
        put_key(cache, SPAN("k"), &list, 0);
        assert_int_equal(get_key(cache, SPAN("k"), 0, &got), CACHE_FRESH);
        assert_reply_equal(&got, &list);
        assert_int_equal(cache_bytes(cache), 2 * besides + 6 + 2 + strlen(values[i]));
        put_key(cache, SPAN("k"), &none, 0);
        assert_int_equal(get_key(cache, SPAN("k"), 0, &got), CACHE_FRESH);
        assert_reply_equal(&got, &none);
        assert_int_equal(cache_entries(cache), 2);
    }
    assert_true(has(cache, "other"));
    cache_free(&cache);
}

/* In a full cache, a larger value for a present key drops other entries, never the key itself. */
static void test_cache_overwrite_larger_when_full(void **state)
{
    struct cache_limits limits = roomy;
    struct cache *cache;

    (void)state;
    limits.max_bytes = 2 * overhead() + 2;
    cache = cache_new(&limits);
    put(cache, "a", "");
    put(cache, "b", "");
    put(cache, "b", "larger");
    assert_false(has(cache, "a"));
    assert_true(has(cache, "b"));
    put(cache, "b", "");
    put(cache, "a", "");
    assert_true(has(cache, "a") && has(cache, "b"));
    cache_free(&cache);
}

static void test_cache_drop_and_clear(void **state)
{
    struct cache *cache = cache_new(&roomy);

    (void)state;
    drop_key(cache, SPAN("nothing"));
    cache_clear(cache);
    for (int round = 0; round < 3; round++) {
        put(cache, "a", "1");
        put(cache, "b", "2");
        drop_key(cache, SPAN("a"));
        drop_key(cache, SPAN("a"));
        assert_false(has(cache, "a"));
        assert_true(has(cache, "b"));
        assert_int_equal(cache_entries(cache), 1);
        cache_clear(cache);
        assert_false(has(cache, "b"));
        assert_int_equal(cache_entries(cache), 0);
        assert_int_equal(cache_bytes(cache), 0);
    }
    cache_free(&cache);
}

/* Entries expire between 0.9 and 1.1 of their TTL, and not all at once. */
static void test_cache_spread(void **state)
{
    enum { KEYS = 1000, STEP_MS = SPREAD_TTL_MS / 100, AT_MS = 12345 };

    (void)state;
    for (int is_found = 0; is_found < 2; is_found++) {
        const struct cache_limits limits = {
            .ttl_ms = is_found ? SPREAD_TTL_MS : 0,
            .negative_ttl_ms = is_found ? 0 : SPREAD_TTL_MS,
            .max_entries = KEYS,
            .max_bytes = SIZE_MAX,
        };
        const struct reply reply = is_found ? found(SPAN("v")) : miss();
        struct cache *cache = cache_new(&limits);
        size_t left[21];

        for (unsigned i = 0; i < KEYS; i++)
            put_key(cache, (struct span){(const char *)&i, sizeof(i)}, &reply, AT_MS);
        for (unsigned percent = 90; percent <= 110; percent++) {
            for (unsigned i = 0; i < KEYS; i++)
                state_at(cache, (struct span){(const char *)&i, sizeof(i)},
                         AT_MS + percent * STEP_MS - (percent == 90) + (percent == 110));
            left[percent - 90] = cache_entries(cache);
        }
        assert_int_equal(left[0], KEYS);
        assert_int_equal(left[20], 0);
        for (int i = 1; i <= 20; i++) /* 50 in each twentieth on average */
            assert_in_range(left[i - 1] - left[i], 5, 150);
        cache_free(&cache);
    }
}

static void test_cache_longest_times_do_not_wrap(void **state)
{
    const struct cache_limits limits = {UINT32_MAX, UINT32_MAX, UINT32_MAX, 10, 10000};
    const uint64_t ttl_ms = UINT32_MAX;
    const struct reply reply = found(SPAN("v"));
    struct cache *cache = cache_new(&limits);

    (void)state;
    put_key(cache, SPAN("k"), &reply, 1000);
    assert_int_equal(state_at(cache, SPAN("k"), 1000 + ttl_ms / 10 * 9 - 1), CACHE_FRESH);
    assert_int_equal(state_at(cache, SPAN("k"), 1000 + ttl_ms / 10 * 11 + 10), CACHE_STALE);
    assert_int_equal(state_at(cache, SPAN("k"), 1000 + ttl_ms * 3), CACHE_ABSENT);
    cache_free(&cache);
}

/* The hash table grows and shrinks one bucket at a time, and after each step all keys are found. */
static void test_cache_grows_and_shrinks(void **state)
{
    enum { KEYS = 3000, CHECK_EACH = 97 };
    struct cache *cache = cache_new(&roomy);

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (unsigned n = 0; n < KEYS; n++) {
            const struct reply reply = found((struct span){(const char *)&n, sizeof(n)});

            put_key(cache, reply.dict_value, &reply, 0);
            for (unsigned i = 0; n % CHECK_EACH == 0 && i <= n; i++) {
                struct span key = {(const char *)&i, sizeof(i)};
                struct reply got;

                assert_int_equal(get_key(cache, key, 0, &got), CACHE_FRESH);
                assert_true(span_equal(got.dict_value, key));
            }
        }
        assert_int_equal(cache_entries(cache), KEYS);
        for (unsigned n = 0; n < KEYS; n++) {
            unsigned gone = n * 7 % KEYS; /* each once, for 7 does not divide KEYS */

            drop_key(cache, (struct span){(const char *)&gone, sizeof(gone)});
            assert_int_equal(cache_entries(cache), KEYS - 1 - n);
            for (unsigned i = 0; n % CHECK_EACH == 0 && i < KEYS; i++) {
                unsigned key = i * 7 % KEYS;

                assert_int_equal(state_at(cache, (struct span){(const char *)&key, sizeof(key)}, 0),
                                 i <= n ? CACHE_ABSENT : CACHE_FRESH);
            }
        }
        assert_int_equal(cache_bytes(cache), 0);
    }
    cache_free(&cache);
}

/* Among so many keys, about ten pairs have the same stored bits of the hash. */
static void test_cache_tells_keys_with_one_hash_apart(void **state)
{
    enum { KEYS = 300000 };
    struct cache *cache = cache_new(&roomy);

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        const struct reply reply = found((struct span){(const char *)&i, sizeof(i)});

        put_key(cache, reply.dict_value, &reply, 0);
    }
    assert_int_equal(cache_entries(cache), KEYS);
    for (unsigned i = 0; i < KEYS; i++) {
        const struct span key = {(const char *)&i, sizeof(i)};
        struct reply got;

        assert_int_equal(get_key(cache, key, 0, &got), CACHE_FRESH);
        assert_true(span_equal(got.dict_value, key));
    }
    cache_free(&cache);
}

/* The simplest possible cache: an array to search, with the time of last use of each entry. */
enum { MODEL_KEYS_MAX = 3000, MODEL_TEXT_MAX = 40 };

struct model {
    struct cache_limits limits;
    size_t besides, keys, entries, bytes;
    uint64_t use;
    struct model_entry {
        bool is_here;
        uint64_t used, put_at_ms;
        enum reply_status status;
        size_t bytes, text_len, map_len;
        char text[MODEL_TEXT_MAX], map[MODEL_TEXT_MAX]; /* text: dict_value or reason */
    } entry[MODEL_KEYS_MAX];
};

static void model_remove(struct model *m, struct model_entry *e)
{
    if (!e->is_here)
        return;
    e->is_here = false;
    m->entries--;
    m->bytes -= e->bytes;
}

static void model_put(struct model *m, size_t k, size_t key_len, const struct reply *reply,
                      uint64_t now_ms)
{
    struct model_entry *e = &m->entry[k];
    const bool is_found = reply->status == REPLY_FOUND;
    const struct span text = is_found ? reply->dict_value : reply->reason;

    if (!is_found && reply->status != REPLY_MISS)
        return;
    model_remove(m, e);
    e->bytes = m->besides + key_len + text.len;
    if (is_found && !span_equal(text, reply->map_value))
        e->bytes += reply->map_value.len;
    if (e->bytes > m->limits.max_bytes)
        return;
    while (m->entries + 1 > m->limits.max_entries || m->bytes + e->bytes > m->limits.max_bytes) {
        struct model_entry *oldest = NULL;

        for (size_t i = 0; i < m->keys; i++) {
            if (m->entry[i].is_here && (oldest == NULL || m->entry[i].used < oldest->used))
                oldest = &m->entry[i];
        }
        model_remove(m, oldest);
    }
    e->is_here = true;
    e->used = ++m->use;
    e->put_at_ms = now_ms;
    e->status = reply->status;
    e->text_len = text.len;
    memcpy(e->text, text.ptr, text.len);
    e->map_len = is_found ? reply->map_value.len : 0;
    if (e->map_len > 0)
        memcpy(e->map, reply->map_value.ptr, e->map_len);
    m->entries++;
    m->bytes += e->bytes;
}

static enum cache_state model_get(struct model *m, size_t k, uint64_t now_ms, struct reply *reply)
{
    struct model_entry *e = &m->entry[k];
    const bool is_found = e->status == REPLY_FOUND;
    const struct span text = {e->text, e->text_len};
    const uint64_t age_ms = now_ms - e->put_at_ms;
    const uint64_t ttl_ms = is_found ? m->limits.ttl_ms : m->limits.negative_ttl_ms;
    const uint64_t stale_ms = is_found && e->map_len > 0 ? m->limits.stale_ms : 0;

    if (!e->is_here)
        return CACHE_ABSENT;
    if (age_ms >= ttl_ms + stale_ms) {
        model_remove(m, e);
        return CACHE_ABSENT;
    }
    e->used = ++m->use;
    if (is_found)
        *reply = (struct reply){
            .status = REPLY_FOUND, .map_value = {e->map, e->map_len}, .dict_value = text};
    else
        *reply = (struct reply){.status = REPLY_MISS, .reason = text};
    return age_ms < ttl_ms ? CACHE_FRESH : CACHE_STALE;
}

/* xorshift64: Marsaglia, "Xorshift RNGs", 2003. The same numbers in every run. */
static size_t random_below(uint64_t *seed, size_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (size_t)(*seed >> 11) % n;
}

static struct reply random_reply(uint64_t *seed, char *text, char *map)
{
    const size_t kind = random_below(seed, 20);
    struct reply reply = {.status = REPLY_FOUND};

    for (size_t i = 0; i < MODEL_TEXT_MAX; i++) {
        text[i] = (char)random_below(seed, 256);
        map[i] = (char)random_below(seed, 256);
    }
    reply.dict_value = (struct span){text, random_below(seed, MODEL_TEXT_MAX + 1)};
    reply.map_value = reply.dict_value;
    if (kind == 0) {
        reply = (struct reply){.status = REPLY_TEMPORARY, .reason = {text, 5}};
    } else if (kind < 5) {
        reply = (struct reply){.status = REPLY_MISS, .reason = {text, random_below(seed, 10)}};
    } else if (kind < 10) {
        reply.map_value = (struct span){map, random_below(seed, MODEL_TEXT_MAX + 1)};
    }
    return reply;
}

static void test_cache_against_a_model(void **state)
{
    static const struct {
        size_t keys, operations;
        unsigned puts, drops, pause_in; /* of 100; the clock moves once in so many operations */
        struct cache_limits limits;
    } runs[] = {
        {60, 60000, 40, 5, 2, {9, 5, 20, 1000, SIZE_MAX}}, /* time alone */
        {60, 40000, 40, 5, 6, {9, 5, 20, 20, SIZE_MAX}},   /* and few entries */
        {60, 40000, 40, 5, 6, {9, 5, 20, 1000, 3000}},     /* and few bytes */
        {60, 20000, 50, 5, 9, {9, 0, 0, 15, 1500}},        /* and both, no misses, none stale */
        {3000, 20000, 60, 5, 10000, {9, 9, 20, 2000, SIZE_MAX}}, /* a table that grows */
        {3000, 20000, 30, 45, 10000, {9, 9, 20, 2000, SIZE_MAX}},
    };
    struct model *m = xmalloc(sizeof(*m));
    uint64_t seed = 20240229;

    (void)state;
    for (size_t run = 0; run < ARRAY_LEN(runs); run++) {
        struct cache *cache = cache_new(&runs[run].limits);
        uint64_t now_ms = 1000;
        size_t seen[3] = {0};

        memset(m, 0, sizeof(*m));
        m->limits = runs[run].limits;
        m->besides = overhead();
        m->keys = runs[run].keys;
        for (size_t i = 0; i < runs[run].operations; i++) {
            const size_t what = random_below(&seed, 100), k = random_below(&seed, m->keys);
            char key[8] = {0}, text[MODEL_TEXT_MAX], map[MODEL_TEXT_MAX];
            const struct span name = {key, 2 + k % (sizeof(key) - 1)};
            struct reply reply, expected, got;

            memcpy(key, &(const uint16_t){(uint16_t)k}, 2);
            if (random_below(&seed, runs[run].pause_in) == 0)
                now_ms += random_below(&seed, 4);
            if (random_below(&seed, 20000) == 0) {
                cache_clear(cache);
                for (size_t j = 0; j < m->keys; j++)
                    model_remove(m, &m->entry[j]);
            } else if (what < runs[run].puts) {
                reply = random_reply(&seed, text, map);
                put_key(cache, name, &reply, now_ms);
                if (reply.status == REPLY_MISS && m->limits.negative_ttl_ms == 0)
                    model_remove(m, &m->entry[k]);
                else
                    model_put(m, k, name.len, &reply, now_ms);
            } else if (what < runs[run].puts + runs[run].drops) {
                drop_key(cache, name);
                model_remove(m, &m->entry[k]);
            } else {
                enum cache_state should = model_get(m, k, now_ms, &expected);

                assert_int_equal(get_key(cache, name, now_ms, &got), should);
                if (should != CACHE_ABSENT)
                    assert_reply_equal(&got, &expected);
                seen[should]++;
            }
            assert_int_equal(cache_entries(cache), m->entries);
            assert_int_equal(cache_bytes(cache), m->bytes);
        }
        /* the run has covered each state often */
        assert_true(seen[CACHE_ABSENT] > 1000 && seen[CACHE_FRESH] > 1000);
        assert_true(m->limits.stale_ms == 0 || m->keys > 60 || seen[CACHE_STALE] > 1000);
        cache_free(&cache);
    }
    free(m);
}

/* Clearing frees no entry at once; each piece of the disposal frees a few. */
static void test_cache_clears_in_pieces(void **state)
{
    enum { ENTRIES = 20000 };
    struct disposal disposal;
    struct cache *cache = cache_new(&roomy);
    unsigned pieces = 0;

    (void)state;
    disposal_init(&disposal, NULL, NULL);
    cache_set_disposal(cache, &disposal);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ENTRIES; i++) {
            char key[20];

            snprintf(key, sizeof(key), "%u", i);
            put(cache, key, "value");
        }
        if (round == 0)
            cache_clear(cache);
    }
    assert_int_equal(cache_entries(cache), ENTRIES);
    assert_true(has(cache, "1"));
    cache_free(&cache);
    while (disposal_run(&disposal))
        pieces++;
    assert_true(pieces >= 2 * ENTRIES / 1024);
    disposal_deinit(&disposal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_time),
        cmocka_unit_test(test_cache_stale_ends_with_a_put),
        cmocka_unit_test(test_cache_a_failure_changes_nothing),
        cmocka_unit_test(test_cache_what_is_not_kept_still_replaces),
        cmocka_unit_test(test_cache_reply_bounds_its_time),
        cmocka_unit_test(test_cache_bounded_reply_goes_stale),
        cmocka_unit_test(test_cache_any_bytes),
        cmocka_unit_test(test_cache_costs_at_most_128_bytes_besides),
        cmocka_unit_test(test_cache_copies),
        cmocka_unit_test(test_cache_put_of_what_was_lent),
        cmocka_unit_test(test_cache_least_recently_used_leaves_first),
        cmocka_unit_test(test_cache_stale_hit_is_a_use_and_misses_leave_alike),
        cmocka_unit_test(test_cache_byte_limit),
        cmocka_unit_test(test_cache_large_pushes_out_many),
        cmocka_unit_test(test_cache_oversized),
        cmocka_unit_test(test_cache_limits_that_keep_nothing),
        cmocka_unit_test(test_cache_overwrite),
        cmocka_unit_test(test_cache_overwrite_larger_when_full),
        cmocka_unit_test(test_cache_drop_and_clear),
        cmocka_unit_test(test_cache_clears_in_pieces),
        cmocka_unit_test(test_cache_spread),
        cmocka_unit_test(test_cache_longest_times_do_not_wrap),
        cmocka_unit_test(test_cache_grows_and_shrinks),
        cmocka_unit_test(test_cache_tells_keys_with_one_hash_apart),
        cmocka_unit_test(test_cache_against_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
