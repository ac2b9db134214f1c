#include "unit.h"

#include "podop/transaction.h"

static struct table_key shared(const char *key)
{
    return (struct table_key){.key = span_of(key)};
}

static struct table_key private(const char *key, const char *user)
{
    return (struct table_key){.key = span_of(key), .user = span_of(user), .is_private = true};
}

static struct transaction *changing(const struct table_key *keys, size_t count)
{
    struct transaction *t = transaction_new(SPAN("bob"));

    for (size_t i = 0; i < count; i++)
        transaction_add(t, &(struct change){.kind = CHANGE_UNSET, .key = keys[i]});
    return t;
}

static bool touches(const struct transaction *t, const struct table_key *key)
{
    return transaction_may_touch(t, transaction_key(NULL, key));
}

static void test_transaction_copies_everything(void **state)
{
    enum { COUNT = 100 };
    struct transaction *t;
    char user[] = "bob";
    size_t bytes = 0;

    (void)state;
    t = transaction_new(span_of(user));
    memset(user, 'x', 3);
    assert_string_equal(t->user, "bob");
    for (unsigned i = 0; i < COUNT; i++) {
        char key[20], owner[20], value[20];
        struct change change = {.kind = (enum change_kind)(i % 3), .increment = -(int64_t)i};

        snprintf(key, sizeof(key), "key%u", i);
        snprintf(owner, sizeof(owner), "user%u", i);
        snprintf(value, sizeof(value), "value%u", i);
        change.key = private(key, owner);
        change.value = span_of(value);
        transaction_add(t, &change);
        bytes += strlen(key) + strlen(owner) + strlen(value);
        memset(key, 'x', sizeof(key));
        memset(owner, 'x', sizeof(owner));
        memset(value, 'x', sizeof(value));
        assert_int_equal(t->count, i + 1);
        assert_true(t->bytes >= bytes + (i + 1) * sizeof(struct change)); /* what it costs */
    }
    for (unsigned i = 0; i < COUNT; i++) {
        const struct change *c = &t->changes[i];
        char text[20];

        snprintf(text, sizeof(text), "key%u", i);
        assert_true(span_equal(c->key.key, span_of(text)));
        snprintf(text, sizeof(text), "user%u", i);
        assert_true(span_equal(c->key.user, span_of(text)));
        snprintf(text, sizeof(text), "value%u", i);
        assert_true(span_equal(c->value, span_of(text)));
        assert_int_equal(c->kind, i % 3);
        assert_int_equal(c->increment, -(int64_t)i);
        assert_true(c->key.is_private);
    }
    transaction_free(&t);
    assert_null(t);
    transaction_free(&t);
}

static void test_transaction_of_nothing(void **state)
{
    struct transaction *t = transaction_new((struct span){NULL, 0});
    const struct table_key empty = shared("");

    (void)state;
    assert_string_equal(t->user, "");
    assert_int_equal(t->count, 0);
    transaction_seal(t, NULL);
    assert_false(touches(t, &empty));
    assert_false(transaction_touches_below(t, NULL, &empty));
    assert_false(transaction_may_overlap(t, t));
    transaction_add(t, &(struct change){.kind = CHANGE_SET}); /* all of it empty, and NULL */
    transaction_seal(t, NULL);
    assert_true(touches(t, &empty));
    assert_true(t->bytes > 0); /* changes of no bytes cost memory, too */
    transaction_free(&t);
}

/* A private key and the shared key KEY/USER are one key to the backend. */
static void test_transaction_touches(void **state)
{
    const struct table_key keys[] = {shared("a/b"), private("p/b", "bob"), shared("c")};
    struct transaction *t = changing(keys, ARRAY_LEN(keys));
    const struct {
        struct table_key key;
        bool touches, touches_below;
    } cases[] = {
        {shared("a/b"), true, true},
        {shared("a/bc"), false, false},
        {shared("a/"), false, true},
        {shared("a"), false, true},
        {shared(""), false, true},
        {shared("A/b"), false, false},
        {shared("c"), true, true},
        {private("p/b", "bob"), true, true},
        {private("p/b", "eve"), false, false},
        {private("p/", "bob"), false, true},
        {private("p/", "eve"), false, false},
        {private("p/", "bo"), false, false},
        {private("c", "bob"), false, false},
        {private("p/b", ""), false, false},
        {shared("p/b/bob"), true, true},
        {shared("p/b/"), false, true},
        {shared("p/b"), false, true},
        {shared("p/b/bo"), false, true},
        {shared("p/b/eve"), false, false},
        {private("a", "b"), true, false},     /* the same key, but below no private path */
        {private("p", "b/bob"), true, false}, /* of another user */
        {{.key = SPAN("a/b"), .user = SPAN("eve")}, true, true}, /* user is ignored: a shared key */
    };

    (void)state;
    transaction_seal(t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (touches(t, &cases[i].key) != cases[i].touches ||
            transaction_touches_below(t, NULL, &cases[i].key) != cases[i].touches_below)
            fail_msg("case %zu", i);
    }
    transaction_free(&t);
}

static void test_transaction_overlaps(void **state)
{
    const struct table_key a[] = {shared("1"), shared("2")}, b[] = {shared("3"), shared("2")},
                           c[] = {private("1", "bob"), shared("4")}, d[] = {shared("1/bob")};
    struct transaction *ta = changing(a, 2), *tb = changing(b, 2), *tc = changing(c, 2),
                       *td = changing(d, 1);

    (void)state;
    transaction_seal(ta, NULL);
    transaction_seal(tb, NULL);
    transaction_seal(tc, NULL);
    transaction_seal(td, NULL);
    assert_true(transaction_may_overlap(ta, tb));
    assert_true(transaction_may_overlap(tb, ta));
    assert_true(transaction_may_overlap(ta, ta));
    assert_false(transaction_may_overlap(ta, tc));
    assert_false(transaction_may_overlap(tc, tb));
    assert_true(transaction_may_overlap(tc, td));
    assert_true(transaction_may_overlap(td, tc));
    transaction_free(&ta);
    transaction_free(&tb);
    transaction_free(&tc);
    transaction_free(&td);
}

/* With other changes before and after the common one. */
static void test_transaction_overlaps_anywhere(void **state)
{
    enum { COUNT = 200 };
    struct transaction *large = transaction_new(SPAN("bob"));

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        char key[20];

        snprintf(key, sizeof(key), "%u", i);
        transaction_add(large, &(struct change){.key = shared(key)});
    }
    transaction_seal(large, NULL);
    for (unsigned i = 0; i < 2 * COUNT; i++) {
        struct transaction *one = transaction_new(SPAN("eve"));
        char key[20];

        snprintf(key, sizeof(key), "%u", i);
        transaction_add(one, &(struct change){.key = shared(key)});
        transaction_seal(one, NULL);
        assert_int_equal(transaction_may_overlap(large, one), i < COUNT);
        assert_int_equal(transaction_may_overlap(one, large), i < COUNT);
        transaction_free(&one);
    }
    transaction_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction_copies_everything),
        cmocka_unit_test(test_transaction_of_nothing),
        cmocka_unit_test(test_transaction_touches),
        cmocka_unit_test(test_transaction_overlaps),
        cmocka_unit_test(test_transaction_overlaps_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
