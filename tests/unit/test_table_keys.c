/* test_table_keys.c - the normal form of keys: in lookups, writes, pending writes, the cache,
 * iterations and the order of requests. */
#include "ask_table.h"
#include "unit.h"

#include "podop/write.h"
#include "podop/write_behind.h"

#include "fake_table.h"
#include "table/identity.h"
#include "table/table_keys.h"

#include <ev.h>

enum { LONG_MS = 3600 * 1000 };

static struct ev_loop *loop;
static struct commits commits;
static struct write_behind *wb;
static struct log quiet;
static struct fake_table fake;

static void open_fake(const struct key_config *key)
{
    const struct table_config config = {
        .timeout_ms = LONG_MS,
        .write_behind_ms = LONG_MS,
        .key = *key,
        .cache = {.ttl_ms = LONG_MS,
                  .negative_ttl_ms = LONG_MS,
                  .max_entries = 100,
                  .max_bytes = 100000},
    };
    const struct table_env env = {.loop = loop, .commits = &commits, .write_behind = wb};

    fake_table_open_in(&fake, "t", &config, &env);
    table_activate(fake.table);
}

static void setup_with(const struct key_config *key)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    commits = (struct commits){.first = NULL};
    wb = write_behind_new(loop, &quiet);
    open_fake(key);
}

static void teardown(void)
{
    write_behind_close(wb);
    commits_abort(&commits);
    write_behind_free(&wb);
    fake_table_close(&fake);
    ev_loop_destroy(loop);
}

static struct table_key shared(const char *key)
{
    return (struct table_key){.key = span_of(key)};
}

static void assert_normal(const struct table_key *key, const char *text, const char *user)
{
    struct normal_key normal;

    normal_key_init(&normal, fake.table, key);
    if (!span_equal(normal.key.key, span_of(text)) || !span_equal(normal.key.user, span_of(user)))
        fail_msg("'%.*s' of '%.*s', not '%s' of '%s'", (int)normal.key.key.len, normal.key.key.ptr,
                 (int)normal.key.user.len, normal.key.user.ptr, text, user);
    assert_int_equal(normal.key.is_private, key->is_private);
    normal_key_deinit(&normal);
}

static void test_keys_normal_form(void **state)
{
    static const struct {
        struct key_config config;
        struct table_key key;
        const char *normal, *user;
    } cases[] = {
        {{.fold = KEY_FOLD_NONE}, {.key = TEXT("Bob@X")}, "Bob@X", ""},
        {{.fold = KEY_FOLD_ALL}, {.key = TEXT("Bob@X")}, "bob@x", ""},
        {{.fold = KEY_FOLD_ALL}, {.key = TEXT("")}, "", ""},
        {{.fold = KEY_FOLD_DOMAIN}, {.key = TEXT("Bob@X")}, "Bob@x", ""},
        {{.fold = KEY_FOLD_ALL},
         {.key = TEXT("Quota/A"), .user = TEXT("Bob@X"), .is_private = true},
         "quota/a",
         "bob@x"},
        {{.fold = KEY_FOLD_DOMAIN},
         {.key = TEXT("Quota@A"), .user = TEXT("Bob@X"), .is_private = true},
         "Quota@A",
         "Bob@x"},
        {{.idna = KEY_IDNA_ASCII},
         {.key = TEXT("b\xc3\xbc"), .user = TEXT("bob@b\xc3\xbc.de"), .is_private = true},
         "b\xc3\xbc",
         "bob@xn--b-eha.de"},
        {{.fold = KEY_FOLD_ALL, .idna = KEY_IDNA_ASCII},
         {.key = TEXT("B\xc3\xbc"), .user = TEXT("B\xc3\xbc"), .is_private = true},
         "b\xc3\xbc",
         "b\xc3\xbc"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup_with(&cases[i].config);
        assert_normal(&cases[i].key, cases[i].normal, cases[i].user);
        teardown();
    }
}

static const struct key_config folding = {.fold = KEY_FOLD_ALL};

/* Identities are compared as bytes and by their hash, and the key may be gone by then. */
static void test_keys_of_one_normal_form_are_one_key(void **state)
{
    char text[] = "Bob@V.Example";
    const struct table_key upper = shared(text), lower = shared("bob@v.example");
    struct identity a, b;

    (void)state;
    setup_with(&folding);
    identity_of(&a, fake.table, &upper);
    memset(text, 'x', strlen(text));
    identity_of(&b, fake.table, &lower);
    assert_true(span_equal(a.bytes, b.bytes));
    assert_true(a.hash == b.hash);
    identity_free(&a);
    identity_free(&b);
    teardown();
}

static void on_reply(void *arg, const struct reply *reply)
{
    *(struct reply *)arg = *reply;
}

static void ask(const char *text, struct reply *reply)
{
    const struct table_key key = shared(text);

    *reply = (struct reply){.status = REPLY_PERMANENT};
    ask_table(fake.table, &key, on_reply, reply);
}

static void test_keys_are_dropped_in_any_form(void **state)
{
    const struct table_key key = shared("BOB@V.Example");
    const struct reply found = fake_found(SPAN("value"));
    struct reply reply;

    (void)state;
    setup_with(&folding);
    ask("Bob@V.Example", &reply);
    assert_true(span_equal(fake.waiting[0]->key.key, SPAN("bob@v.example")));
    fake_table_answer(&fake, 0, &found);
    ask("bob@v.example", &reply);
    assert_int_equal(reply.source, REPLY_FROM_CACHE);
    table_drop(fake.table, &key);
    ask("bob@v.example", &reply);
    assert_int_equal(fake.waiting_count, 1);
    fake_table_answer(&fake, 0, &found);
    teardown();
}

static void on_done(void *arg, const struct reply *reply)
{
    *(enum reply_source *)arg = reply->source;
}

static struct transaction *change(const char *key, const char *user, bool is_private)
{
    struct transaction *t = transaction_new(SPAN("Bob@V.Example"));

    transaction_add(
        t, &(struct change){
               .kind = CHANGE_SET,
               .key = {.key = span_of(key), .user = span_of(user), .is_private = is_private},
               .value = SPAN("Value")});
    return t;
}

static void test_keys_of_a_transaction(void **state)
{
    struct transaction *t = change("Quota", "Bob@V.Example", true);
    const size_t bytes = t->bytes;

    (void)state;
    setup_with(&folding);
    transaction_seal(t, fake.table);
    assert_string_equal(t->user, "bob@v.example");
    assert_true(span_equal(t->changes[0].key.key, SPAN("quota")));
    assert_true(span_equal(t->changes[0].key.user, SPAN("bob@v.example")));
    assert_true(span_equal(t->changes[0].value, SPAN("Value")));
    assert_int_equal(t->bytes, bytes);
    transaction_free(&t);
    teardown();
}

/* A write is ordered with lookups of its key, in any form, and with iterations above it. */
static void test_keys_and_the_order_of_requests(void **state)
{
    struct transaction *t = change("Shared/Bob@V.Example", "", false);
    const struct table_key same = shared("shared/BOB@v.example"), other = shared("x"),
                           path = shared("SHARED/");

    (void)state;
    setup_with(&folding);
    transaction_seal(t, fake.table);
    assert_true(transaction_may_touch(t, transaction_key(fake.table, &same)));
    assert_false(transaction_may_touch(t, transaction_key(fake.table, &other)));
    assert_true(transaction_touches_below(t, fake.table, &path));
    assert_false(transaction_touches_below(t, fake.table, &other));
    transaction_free(&t);
    teardown();
}

/* A search may read any key, so it waits for each write; a private key is not searched. */
static void test_keys_of_a_search_and_the_order_of_requests(void **state)
{
    char *search[] = {(char[]){"virtual"}};
    const struct key_config config = {.search = {search, 1}};
    struct transaction *t = change("bob@v.example", "", false), *none = transaction_new(SPAN(""));
    struct table_key key = shared("bob+x@v.example");

    (void)state;
    setup_with(&config);
    transaction_seal(t, fake.table);
    transaction_seal(none, fake.table);
    assert_true(transaction_may_touch(t, transaction_key(fake.table, &key)));
    assert_false(transaction_may_touch(none, transaction_key(fake.table, &key)));
    key.is_private = true;
    assert_false(transaction_may_touch(t, transaction_key(fake.table, &key)));
    transaction_free(&t);
    transaction_free(&none);
    teardown();
}

static void test_keys_of_pending_writes(void **state)
{
    struct transaction *t = change("Bob@V.Example", "", false);
    enum reply_source source = REPLY_ABSENT;
    struct reply reply;

    (void)state;
    setup_with(&folding);
    transaction_seal(t, fake.table);
    table_commit(fake.table, t, on_done, &source);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(source, REPLY_PENDING);
    ask("bob@V.example", &reply);
    assert_int_equal(reply.source, REPLY_PENDING);
    assert_true(span_equal(reply.dict_value, SPAN("Value")));
    transaction_free(&t);
    teardown();
}

/* A write that was taken before a reload gets the normal form of the new table. */
static void test_keys_of_pending_writes_after_a_reload(void **state)
{
    static const struct key_config none = {.fold = KEY_FOLD_NONE};
    struct transaction *t = change("Bob@V.Example", "", false);
    enum reply_source source = REPLY_ABSENT;
    struct fake_table old;
    struct reply reply;

    (void)state;
    setup_with(&none);
    transaction_seal(t, fake.table);
    table_commit(fake.table, t, on_done, &source);
    ev_run(loop, EVRUN_NOWAIT);
    old = fake;
    old.table->ops = &old.ops;
    open_fake(&folding);
    ask("bob@v.example", &reply);
    assert_int_equal(reply.source, REPLY_PENDING);
    while (fake.commit_count == 0)
        ev_run(loop, EVRUN_NOWAIT);
    assert_true(
        span_equal(fake.commits[0]->transaction->changes[0].key.key, SPAN("bob@v.example")));
    fake_table_end_commit(&fake, 0, true, &(struct reply){.status = REPLY_FOUND});
    transaction_free(&t);
    fake_table_close(&old);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_normal_form),
        cmocka_unit_test(test_keys_of_one_normal_form_are_one_key),
        cmocka_unit_test(test_keys_are_dropped_in_any_form),
        cmocka_unit_test(test_keys_of_a_transaction),
        cmocka_unit_test(test_keys_and_the_order_of_requests),
        cmocka_unit_test(test_keys_of_a_search_and_the_order_of_requests),
        cmocka_unit_test(test_keys_of_pending_writes),
        cmocka_unit_test(test_keys_of_pending_writes_after_a_reload),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
