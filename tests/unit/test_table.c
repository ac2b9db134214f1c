#include "unit.h"

#include "podop/clock.h"

#include "fake_table.h"

#include <ev.h>

enum { LONG_MS = 1000000 };

static struct ev_loop *loop;
static struct fake_table fake;
static unsigned answered; /* callers */

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* One caller of table_lookup(), and what it was told. */
struct caller {
    struct table_op *op;
    unsigned answers;
    unsigned turn; /* how many had been answered by then, of all callers */
    enum reply_status status;
    enum reply_source source;
    unsigned http_status;
    char map[64], dict[64], reason[64];
    void (*then)(struct caller *caller); /* called in done; may be NULL */
    void *then_arg;
};

static void copy(char to[64], struct span bytes)
{
    assert_true(bytes.len < 64);
    if (bytes.len > 0)
        memcpy(to, bytes.ptr, bytes.len);
    to[bytes.len] = '\0';
}

static void note(struct caller *c, const struct reply *reply)
{
    c->answers++;
    c->turn = answered++;
    c->status = reply->status;
    c->source = reply->source;
    c->http_status = reply->http_status;
}

static void copy_texts(struct caller *c, const struct reply *reply)
{
    copy(c->map, reply->map_value);
    copy(c->dict, reply->dict_value);
    copy(c->reason, reply->reason);
}

static void on_reply(void *arg, const struct reply *reply)
{
    struct caller *c = arg;

    assert_non_null(c->op); /* the caller has it before it is called */
    c->op = NULL;
    note(c, reply);
    if (c->then != NULL)
        c->then(c);
    copy_texts(c, reply); /* what then() did has not touched it */
}

/* key's bytes are gone when this returns. */
static void ask_key(struct caller *c, struct table *table, const struct table_key *key)
{
    char *bytes = xmalloc(key->key.len + key->user.len);
    struct table_key copied = *key;
    struct reply known;

    copied.key.ptr = bytes;
    copied.user.ptr = bytes + key->key.len;
    if (key->key.len > 0)
        memcpy(bytes, key->key.ptr, key->key.len);
    if (key->user.len > 0)
        memcpy(bytes + key->key.len, key->user.ptr, key->user.len);
    c->op = table_lookup(table, &copied, &known);
    free(bytes);
    if (c->op != NULL) {
        table_op_wait(c->op, on_reply, c);
        return;
    }
    note(c, &known);
    copy_texts(c, &known);
    if (c->then != NULL)
        c->then(c);
}

static void ask(struct caller *c, struct table *table, const char *key)
{
    ask_key(c, table, &(struct table_key){.key = span_of(key)});
}

static void assert_found(const struct caller *c, const char *value)
{
    assert_int_equal(c->answers, 1);
    assert_int_equal(c->status, REPLY_FOUND);
    assert_string_equal(c->map, value);
    assert_string_equal(c->dict, value);
    assert_null(c->op);
}

static void run(void)
{
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static bool at_once(struct span key, struct reply *reply)
{
    if (!span_starts_with(key, SPAN("now")))
        return false;
    *reply = fake_found(key);
    return true;
}

static int setup_with(const struct table_config *config)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    answered = 0;
    fake_table_open(&fake, "fake", config, loop);
    fake.answers_at_once = at_once;
    return 0;
}

static int setup_plain(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){.timeout_ms = 5000});
}

static int setup_cached(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){
        .timeout_ms = 5000,
        .cache = {.ttl_ms = LONG_MS,
                  .negative_ttl_ms = LONG_MS,
                  .max_entries = 100,
                  .max_bytes = 100000},
    });
}

static int setup_shared(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){.timeout_ms = 5000, .share = true});
}

static int setup_stale(void **state)
{
    (void)state; /* what is 1 ms old is stale */
    return setup_with(&(struct table_config){
        .timeout_ms = 5000,
        .share = true,
        .cache = {.ttl_ms = 1,
                  .negative_ttl_ms = 1,
                  .stale_ms = LONG_MS,
                  .max_entries = 1,
                  .max_bytes = 100000},
    });
}

static int teardown(void **state)
{
    bool is_closed = false;

    (void)state;
    fake.is_closed = &is_closed;
    fake_table_close(&fake);
    assert_true(is_closed); /* no lookup has kept its reference */
    ev_loop_destroy(loop);
    return 0;
}

static void test_table_answers_once(void **state)
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

/* The type's own bytes are gone by then. */
static void test_table_known_at_once(void **state)
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

/* A large one is not kept for longer than its reader may look at it. */
static void test_table_known_at_once_is_let_go(void **state)
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
    free(bytes); /* and the table goes before the loop comes to it */
}

static void test_table_hands_down_key_and_deadline(void **state)
{
    static const struct table_key keys[] = {
        {.key = TEXT("a\0b ")},
        {.key = {NULL, 0}},
        {.key = TEXT("k"), .user = TEXT("u"), .is_private = true},
        {.key = TEXT(""), .user = {NULL, 0}, .is_private = true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        uint64_t before_ms = clock_coarse_ms();
        struct caller c = {0};
        const struct fetch *fetch;

        ask_key(&c, fake.table, &keys[i]);
        fetch = fake.waiting[0];
        assert_true(span_equal(fetch->key.key, keys[i].key));
        assert_true(span_equal(fetch->key.user, keys[i].user));
        assert_int_equal(fetch->key.is_private, keys[i].is_private);
        assert_in_range(fetch->deadline_at_ms, before_ms + 5000, clock_now_ms() + 5000);
        table_op_cancel(&c.op);
    }
}

static void test_table_cancel_before_the_answer(void **state)
{
    struct caller callers[3] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    table_op_cancel(&callers[1].op);
    assert_null(callers[1].op);
    assert_int_equal(fake.cancelled, 1);
    assert_int_equal(fake.waiting_count, 2);
    table_op_cancel(&callers[1].op); /* NULL is fine */
    fake_table_answer(&fake, 1, &(struct reply){.status = REPLY_MISS});
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    assert_int_equal(callers[0].answers, 1);
    assert_int_equal(callers[1].answers, 0);
    assert_int_equal(callers[2].answers, 1);
}

static void then_cancel(struct caller *c)
{
    struct caller *other = c->then_arg;

    table_op_cancel(&other->op);
}

static void test_table_cancel_another_from_done(void **state)
{
    struct caller a = {.then = then_cancel}, b = {.then = then_cancel};

    (void)state;
    a.then_arg = &b;
    b.then_arg = &a;
    ask(&a, fake.table, "key");
    ask(&b, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    assert_int_equal(a.answers, 1);
    assert_int_equal(b.answers, 0);
    assert_null(a.op);
    assert_null(b.op);
    assert_int_equal(fake.cancelled, 1);
}

static void test_table_shared_oldest_first(void **state)
{
    struct caller callers[4] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    table_op_cancel(&callers[3].op);
    ask(&callers[3], fake.table, "key");
    table_op_cancel(&callers[1].op);
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    assert_int_equal(callers[0].turn, 0);
    assert_int_equal(callers[2].turn, 1);
    assert_int_equal(callers[3].turn, 2);
    assert_int_equal(answered, 3);
}

static void then_ask(struct caller *c)
{
    struct caller *next = c->then_arg;

    if (next != NULL)
        ask(next, fake.table, "now");
}

static void test_table_ask_from_done(void **state)
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

/* The last answer takes the last reference with it; or who waited gives up before that. */
static void test_table_ends_with_its_last_answer(void **state)
{
    (void)state;
    for (int is_cancelled = 0; is_cancelled <= 1; is_cancelled++) {
        struct caller c = {0};
        bool is_closed = false;

        loop = ev_loop_new(EVFLAG_AUTO);
        fake_table_open(&fake, "old", &(struct table_config){0}, loop);
        fake.is_closed = &is_closed;
        ask(&c, fake.table, "key");
        fake_table_close(&fake);
        assert_false(is_closed);
        if (is_cancelled)
            table_op_cancel(&c.op);
        else
            fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
        assert_int_equal(c.answers, !is_cancelled);
        assert_true(is_closed);
        ev_loop_destroy(loop);
    }
}

/* The configuration was replaced: who waits gets an answer from the old table all the same. */
static void test_table_lives_while_somebody_waits(void **state)
{
    struct caller later = {0}, now = {0}, cancelled = {0};
    bool is_closed = false;

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_table_open(&fake, "old", &(struct table_config){0}, loop);
    fake.answers_at_once = at_once;
    fake.is_closed = &is_closed;
    ask(&later, fake.table, "key");
    ask(&now, fake.table, "now");
    ask(&cancelled, fake.table, "key");
    fake_table_close(&fake);
    assert_null(fake.table);
    run();
    assert_found(&now, "now");
    assert_false(is_closed);
    table_op_cancel(&cancelled.op);
    assert_false(is_closed);
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    assert_int_equal(later.answers, 1);
    assert_true(is_closed);
    fake_table_close(&fake); /* NULL is fine */
    ev_loop_destroy(loop);
}

static void test_table_skip(void **state)
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

static void test_table_cache(void **state)
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

/* What one user is told is no answer for another, nor for who asks for all; but KEY of USER is
 * KEY/USER for a table of this type. */
static const struct table_key alike[] = {
    {.key = TEXT("k")},
    {.key = TEXT("k"), .user = TEXT("u"), .is_private = true},
    {.key = TEXT("k"), .user = TEXT("v"), .is_private = true},
    {.key = TEXT("k/w")},
    {.key = TEXT("u"), .user = TEXT("k"), .is_private = true},
    {.key = TEXT("uk")},
    {.key = TEXT("k"), .user = TEXT(""), .is_private = true},
    {.key = TEXT("")},
    {.key = TEXT(""), .user = TEXT(""), .is_private = true},
    {.key = TEXT("K")},
    {.key = TEXT("k\0")},
    {.key = TEXT("\0k")},
};

static void test_table_cache_keeps_keys_apart(void **state)
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

static void test_table_shared_keeps_keys_apart(void **state)
{
    struct caller callers[ARRAY_LEN(alike)] = {{0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        ask_key(&callers[i], fake.table, &alike[i]);
    assert_int_equal(fake.started, ARRAY_LEN(alike));
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    for (size_t i = 0; i < ARRAY_LEN(alike); i++)
        assert_int_equal(callers[i].answers, 1);
}

static void test_table_shared_answers_all(void **state)
{
    const struct reply reply = fake_found(SPAN("value"));
    struct caller callers[5] = {{0}}, late = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    assert_int_equal(fake.started, 1);
    table_op_cancel(&callers[0].op); /* not even the first one takes it from the others */
    table_op_cancel(&callers[3].op);
    assert_int_equal(fake.cancelled, 0);
    fake_table_answer(&fake, 0, &reply);
    run();
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        if (i == 0 || i == 3)
            assert_int_equal(callers[i].answers, 0);
        else
            assert_found(&callers[i], "value");
    }
    ask(&late, fake.table, "key"); /* there is no cache */
    assert_int_equal(fake.started, 2);
    fake_table_answer(&fake, 0, &reply);
    assert_found(&late, "value");
}

static void test_table_shared_all_cancelled(void **state)
{
    const struct reply reply = fake_found(SPAN("value"));
    struct caller callers[3] = {{0}}, late = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        assert_int_equal(fake.cancelled, 0);
        table_op_cancel(&callers[i].op);
    }
    assert_int_equal(fake.cancelled, 1); /* nobody wants to know any more */
    ask(&late, fake.table, "key");
    assert_int_equal(fake.started, 2);
    fake_table_answer(&fake, 0, &reply);
    assert_found(&late, "value");
}

static void test_table_shared_cancel_from_done(void **state)
{
    (void)state;
    for (size_t waiting = 2; waiting <= 4; waiting++) {
        struct caller callers[4] = {{0}};
        unsigned answers = 0;

        for (size_t i = 0; i < waiting; i++) { /* each takes its neighbour with it */
            callers[i].then = then_cancel;
            callers[i].then_arg = &callers[(i + 1) % waiting];
            ask(&callers[i], fake.table, "key");
        }
        fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
        run();
        for (size_t i = 0; i < waiting; i++) {
            assert_null(callers[i].op);
            assert_true(callers[i].answers <= 1);
            answers += callers[i].answers;
        }
        assert_in_range(answers, 1, waiting - 1);
    }
    assert_int_equal(fake.cancelled, 0);
    assert_int_equal(fake.started, 3);
}

static void then_ask_again(struct caller *c)
{
    ask(c->then_arg, fake.table, "key");
}

/* Who asks when the answer is being told asks anew: it was fetched before the question. */
static void test_table_shared_ask_from_done(void **state)
{
    struct caller late = {0};
    struct caller callers[3] = {{.then = then_ask_again, .then_arg = &late}, {0}, {0}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        ask(&callers[i], fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    run();
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        assert_int_equal(callers[i].answers, 1);
    assert_int_equal(late.answers, 0);
    assert_int_equal(fake.started, 2);
    assert_int_equal(fake.waiting_count, 1);
    table_op_cancel(&late.op);
    assert_int_equal(fake.cancelled, 1);
}

static void wait_until_stale(void)
{
    uint64_t now_ms = clock_now_ms();

    while (clock_coarse_ms() < now_ms + 2)
        ;
}

/* A failure is hidden by what was known before; an answer never is. */
static void test_table_stale(void **state)
{
    static const struct {
        struct reply reply;
        bool is_hidden;
    } cases[] = {
        {{.status = REPLY_TEMPORARY, .reason = TEXT("down")}, true},
        {{.status = REPLY_TIMEOUT, .reason = TEXT("late")}, true},
        {{.status = REPLY_PERMANENT, .reason = TEXT("never")}, false},
        {{.status = REPLY_MISS}, false},
        {{.status = REPLY_FOUND, .map_value = TEXT("new"), .dict_value = TEXT("new")}, false},
    };
    const struct reply old = fake_found(SPAN("old"));

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller first = {0}, again = {0};
        struct caller callers[3] = {{0}, {.then = then_ask, .then_arg = &again}, {0}};

        wait_until_stale(); /* what the case before left */
        ask(&first, fake.table, "key");
        fake_table_answer(&fake, 0, &old);
        wait_until_stale();
        for (size_t j = 0; j < ARRAY_LEN(callers); j++)
            ask(&callers[j], fake.table, "key"); /* stale is not fresh: it is fetched */
        assert_int_equal(fake.waiting_count, 1);
        fake_table_answer(&fake, 0, &cases[i].reply); /* the question in between needs the room */
        run();
        for (size_t j = 0; j < ARRAY_LEN(callers); j++) {
            if (cases[i].is_hidden)
                assert_found(&callers[j], "old");
            assert_int_equal(callers[j].answers, 1);
            assert_int_equal(callers[j].status,
                             cases[i].is_hidden ? REPLY_FOUND : cases[i].reply.status);
        }
        assert_found(&again, "now");
    }
}

static bool fails_at_once(struct span key, struct reply *reply)
{
    (void)key;
    *reply = (struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("down"), .http_status = 503};
    return true;
}

static void test_table_stale_at_once(void **state)
{
    const struct reply old = fake_found(SPAN("old"));
    struct caller first = {0}, second = {0}, other = {0};

    (void)state;
    ask(&first, fake.table, "key");
    fake_table_answer(&fake, 0, &old);
    wait_until_stale();
    fake.answers_at_once = fails_at_once;
    ask(&second, fake.table, "key");
    assert_found(&second, "old");
    assert_int_equal(second.source, REPLY_STALE);
    assert_int_equal(second.http_status, 503);
    ask(&other, fake.table, "other");
    assert_int_equal(other.status, REPLY_TEMPORARY);
    assert_string_equal(other.reason, "down");
}

/* A miss is never stale: in an outage it would make Postfix reject mail. */
static void test_table_stale_miss_is_forgotten(void **state)
{
    struct caller first = {0}, second = {0};

    (void)state;
    ask(&first, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    wait_until_stale();
    ask(&second, fake.table, "key");
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("down")});
    assert_int_equal(second.status, REPLY_TEMPORARY);
}

static void assert_source(const struct caller *c, enum reply_source source, unsigned http_status)
{
    assert_int_equal(c->answers, 1);
    assert_int_equal(c->source, source);
    assert_int_equal(c->http_status, http_status);
}

/* Each is told what the cache had to do with its reply, also where one fetch serves several. */
static void test_table_source(void **state)
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

static void test_table_source_of_a_hit(void **state)
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

static void test_table_source_without_cache(void **state)
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

static void test_table_source_names(void **state)
{
    (void)state;
    assert_null(reply_source_name(REPLY_NOT_LOOKED_UP));
    for (enum reply_source a = REPLY_FROM_CACHE; a <= REPLY_SKIPPED; a++) {
        for (enum reply_source b = REPLY_FROM_CACHE; b < a; b++)
            assert_string_not_equal(reply_source_name(a), reply_source_name(b));
    }
}

static void test_table_unknown_type(void **state)
{
    char name[] = "a", type[] = "ldap", param[] = "x";
    const struct table_config config = {.name = name, .type = type, .param = param};
    const struct table_env env = {0};
    struct error err = {0};

    (void)state;
    assert_null(table_open(&config, &env, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "ldap"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_table_answers_once, setup_plain),
        WITH(test_table_known_at_once, setup_plain),
        WITH(test_table_known_at_once_is_let_go, setup_plain),
        WITH(test_table_hands_down_key_and_deadline, setup_plain),
        WITH(test_table_cancel_before_the_answer, setup_plain),
        WITH(test_table_cancel_another_from_done, setup_plain),
        WITH(test_table_ask_from_done, setup_plain),
        cmocka_unit_test(test_table_ends_with_its_last_answer),
        cmocka_unit_test(test_table_lives_while_somebody_waits),
        cmocka_unit_test(test_table_skip),
        WITH(test_table_cache, setup_cached),
        WITH(test_table_cache_keeps_keys_apart, setup_cached),
        WITH(test_table_shared_keeps_keys_apart, setup_shared),
        WITH(test_table_shared_answers_all, setup_shared),
        WITH(test_table_shared_oldest_first, setup_shared),
        WITH(test_table_shared_all_cancelled, setup_shared),
        WITH(test_table_shared_cancel_from_done, setup_shared),
        WITH(test_table_shared_ask_from_done, setup_shared),
        WITH(test_table_stale, setup_stale),
        WITH(test_table_stale_at_once, setup_stale),
        WITH(test_table_stale_miss_is_forgotten, setup_stale),
        WITH(test_table_source, setup_stale),
        WITH(test_table_source_of_a_hit, setup_cached),
        WITH(test_table_source_without_cache, setup_shared),
        cmocka_unit_test(test_table_source_names),
        cmocka_unit_test(test_table_unknown_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
