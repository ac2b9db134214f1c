/* test_lookup.c - the sources of answers to lookups, and when they are used. */
#include "lookup_case.h"

static void test_lookup_answers_once(void **state)
{
    static const struct reply replies[] = {
        {.status = REPLY_FOUND, .map_value = TEXT("a,b"), .dict_value = TEXT("[\"a\",\"b\"]")},
        {.status = REPLY_MISS},
        {.status = REPLY_TEMPORARY, .reason = TEXT("down")},
        {.status = REPLY_TIMEOUT, .reason = TEXT("late")},
        {.status = REPLY_PERMANENT, .reason = TEXT("never")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct caller c = {0};

        ask(&c, fake.table, "key");
        assert_string_equal(table_op_table(c.op), "fake");
        run();
        assert_int_equal(c.answers, 0);
        fake_table_answer(&fake, 0, &replies[i]);
        run();
        assert_int_equal(c.answers, 1);
        assert_int_equal(c.status, replies[i].status);
        assert_true(span_equal(span_of(c.map), replies[i].map_value));
        assert_true(span_equal(span_of(c.dict), replies[i].dict_value));
        assert_true(span_equal(span_of(c.reason), replies[i].reason));
    }
    assert_int_equal(fake.started, ARRAY_LEN(replies));
    assert_int_equal(fake.cancelled, 0);
}

/* The answer is a copy, because the type has freed its bytes. */
static void test_lookup_known_at_once(void **state)
{
    struct caller callers[2] = {{0}};

    (void)state;
    ask(&callers[0], fake.table, "now");
    assert_found(&callers[0], "now");
    ask(&callers[1], fake.table, "now, another");
    assert_found(&callers[1], "now, another");
    assert_int_equal(fake.started, 2);
    assert_int_equal(fake.cancelled, 0);
}

/* A large answer is freed as soon as its caller may no longer read it. */
static void test_lookup_known_at_once_is_freed(void **state)
{
    enum { SMALL_BYTES = 100, LARGE_BYTES = 100000 };
    char *bytes = xmalloc(LARGE_BYTES);
    struct reply known;

    (void)state;
    memset(bytes, 'x', LARGE_BYTES);
    memcpy(bytes, "now", 3);
    for (size_t len = SMALL_BYTES; len <= LARGE_BYTES; len += LARGE_BYTES - SMALL_BYTES) {
        const struct span key = {bytes, len};

        assert_null(table_lookup(fake.table, &(struct table_key){.key = key}, &known));
        assert_true(span_equal(known.dict_value, key));
        assert_ptr_equal(known.dict_value.ptr, known.map_value.ptr); /* copied once */
        run();
        assert_true((fake.table->answer_bytes == NULL) == (len == LARGE_BYTES));
    }
    assert_null(table_lookup(fake.table, &(struct table_key){.key = {bytes, LARGE_BYTES}}, &known));
    free(bytes); /* the table is freed before the loop runs */
}

static void test_lookup_ask_from_done(void **state)
{
    struct caller third = {0};
    struct caller second = {.then = then_ask, .then_arg = &third};
    struct caller first = {.then = then_ask, .then_arg = &second};

    (void)state;
    ask(&first, fake.table, "now");
    run();
    assert_found(&first, "now");
    assert_found(&second, "now");
    assert_found(&third, "now");
}

static void test_lookup_skip(void **state)
{
    static const char *const texts[] = {"\\*", "*@\\[*", "no?reply@*", ""};
    static const struct {
        struct span key;
        bool is_skipped;
    } cases[] = {
        {TEXT("*"), true},
        {TEXT("**"), false},
        {TEXT("a@[127.0.0.1]"), true},
        {TEXT("@["), true},
        {TEXT("a@b"), false},
        {TEXT("no-reply@b"), true},
        {TEXT("no/reply@b/c"), true},
        {TEXT("noreply@b"), false},
        {TEXT("No-reply@b"), false},
        {TEXT(""), true},
        {TEXT(" "), false},
        {TEXT("*\0"), false},
        {TEXT("\\*"), false},
        {TEXT("\xff@[x"), true},
        {TEXT(".x@[y]"), true},
    };
    struct table_config config = {.timeout_ms = 1000};
    char *patterns[ARRAY_LEN(texts)];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        patterns[i] = xstrdup(texts[i]);
    config.skip = (struct string_list){patterns, ARRAY_LEN(texts)};
    setup_with(&config);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free(patterns[i]); /* config was copied */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller c = {0};
        unsigned started = fake.started;

        ask_key(&c, fake.table, &(struct table_key){.key = cases[i].key});
        run();
        if (fake.started - started != !cases[i].is_skipped)
            fail_msg("%zu: '%s'", i, cases[i].key.ptr);
        if (cases[i].is_skipped) {
            assert_int_equal(c.answers, 1);
            assert_int_equal(c.status, REPLY_MISS);
        }
        table_op_cancel(&c.op);
    }
    teardown(NULL);
}

static void test_lookup_cache(void **state)
{
    static const struct {
        struct reply reply;
        bool is_kept;
    } cases[] = {
        {{.status = REPLY_FOUND, .map_value = TEXT("a,b"), .dict_value = TEXT("[\"a\",\"b\"]")},
         true},
        {{.status = REPLY_FOUND, .map_value = TEXT(""), .dict_value = TEXT("[]")}, true},
        {{.status = REPLY_MISS}, true},
        {{.status = REPLY_TEMPORARY, .reason = TEXT("down")}, false},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("late")}, false},
        {{.status = REPLY_PERMANENT, .reason = TEXT("never")}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller first = {0}, second = {0};
        unsigned started = fake.started;
        char key[16];

        snprintf(key, sizeof(key), "key%zu", i);
        ask(&first, fake.table, key);
        fake_table_answer(&fake, 0, &cases[i].reply);
        ask(&second, fake.table, key);
        assert_int_equal(fake.started - started, cases[i].is_kept ? 1 : 2);
        if (!cases[i].is_kept)
            fake_table_answer(&fake, 0, &cases[i].reply);
        run();
        assert_int_equal(second.answers, 1);
        assert_int_equal(second.status, cases[i].reply.status);
        assert_string_equal(second.map, first.map);
        assert_string_equal(second.dict, first.dict);
        assert_string_equal(second.reason, first.reason);
    }
}

static void test_lookup_cache_keeps_keys_apart(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_LEN(alike); i++) {
            struct caller c = {0};
            char value[16];
            struct reply reply;

            snprintf(value, sizeof(value), "value %zu", i);
            reply = fake_found(span_of(value));
            ask_key(&c, fake.table, &alike[i]);
            if (round == 0)
                fake_table_answer(&fake, 0, &reply);
            run();
            assert_found(&c, value);
        }
    }
    assert_int_equal(fake.started, ARRAY_LEN(alike));
}

static void assert_source(const struct caller *c, enum reply_source source, unsigned http_status)
{
    assert_int_equal(c->answers, 1);
    assert_int_equal(c->source, source);
    assert_int_equal(c->http_status, http_status);
}

/* Each caller gets the source of its own reply, also when one fetch answers several. */
static void test_lookup_source(void **state)
{
    struct reply reply = fake_found(SPAN("value"));
    const struct reply down = {.status = REPLY_TEMPORARY, .http_status = 503};
    struct caller first = {0}, joined[2] = {{0}}, again = {0}, joined_again = {0}, now = {0};

    (void)state;
    reply.http_status = 200;
    ask(&first, fake.table, "key");
    ask(&joined[0], fake.table, "key");
    ask(&joined[1], fake.table, "key");
    fake_table_answer(&fake, 0, &reply);
    assert_source(&first, REPLY_ABSENT, 200);
    assert_source(&joined[0], REPLY_JOINED, 200);
    assert_source(&joined[1], REPLY_JOINED, 200);
    wait_until_stale();
    ask(&again, fake.table, "key");
    ask(&joined_again, fake.table, "key");
    fake_table_answer(&fake, 0, &down);
    run();
    assert_source(&again, REPLY_STALE, 503); /* why it is stale */
    assert_source(&joined_again, REPLY_STALE, 503);
    ask(&now, fake.table, "now");
    run();
    assert_source(&now, REPLY_ABSENT, 0);
}

static void test_lookup_source_of_a_hit(void **state)
{
    struct reply reply = fake_found(SPAN("value"));
    struct caller first = {0}, hit = {0};

    (void)state;
    reply.http_status = 200;
    ask(&first, fake.table, "key");
    fake_table_answer(&fake, 0, &reply);
    ask(&hit, fake.table, "key");
    run();
    assert_source(&hit, REPLY_FROM_CACHE, 0);
}

static void test_lookup_source_without_cache(void **state)
{
    struct reply reply = {.status = REPLY_MISS, .http_status = 404};
    struct caller first = {0}, joined = {0};

    (void)state;
    ask(&first, fake.table, "key");
    ask(&joined, fake.table, "key");
    fake_table_answer(&fake, 0, &reply);
    assert_source(&first, REPLY_NO_CACHE, 404);
    assert_source(&joined, REPLY_JOINED, 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_lookup_answers_once, setup_plain),
        WITH(test_lookup_known_at_once, setup_plain),
        WITH(test_lookup_known_at_once_is_freed, setup_plain),
        WITH(test_lookup_ask_from_done, setup_plain),
        cmocka_unit_test(test_lookup_skip),
        WITH(test_lookup_cache, setup_cached),
        WITH(test_lookup_cache_keeps_keys_apart, setup_cached),
        WITH(test_lookup_source, setup_stale),
        WITH(test_lookup_source_of_a_hit, setup_cached),
        WITH(test_lookup_source_without_cache, setup_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
