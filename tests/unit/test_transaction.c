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
    assert_false(transaction_touches(t, &empty));
    assert_false(transaction_touches_below(t, &empty));
    assert_false(transaction_overlaps(t, t));
    transaction_add(t, &(struct change){.kind = CHANGE_SET}); /* all of it empty, and NULL */
    assert_true(transaction_touches(t, &empty));
    assert_true(t->bytes > 0); /* changes of no bytes cost memory, too */
    transaction_free(&t);
}

static void test_transaction_touches(void **state)
{
    const struct table_key keys[] = {shared("a/b"), private("a/b", "bob"), shared("c")};
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
        {private("a/b", "bob"), true, true},
        {private("a/b", "eve"), false, false},
        {private("a/", "bob"), false, true},
        {private("a/", "eve"), false, false},
        {private("a/", "bo"), false, false},
        {private("c", "bob"), false, false},
        {private("a/b", ""), false, false},
        {{.key = SPAN("a/b"), .user = SPAN("eve")}, true, true}, /* nobody's: a shared key */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (transaction_touches(t, &cases[i].key) != cases[i].touches ||
            transaction_touches_below(t, &cases[i].key) != cases[i].touches_below)
            fail_msg("case %zu", i);
    }
    transaction_free(&t);
}

static void test_transaction_overlaps(void **state)
{
    const struct table_key a[] = {shared("1"), shared("2")}, b[] = {shared("3"), shared("2")},
                           c[] = {private("1", "bob"), shared("4")};
    struct transaction *ta = changing(a, 2), *tb = changing(b, 2), *tc = changing(c, 2);

    (void)state;
    assert_true(transaction_overlaps(ta, tb));
    assert_true(transaction_overlaps(tb, ta));
    assert_true(transaction_overlaps(ta, ta));
    assert_false(transaction_overlaps(ta, tc));
    assert_false(transaction_overlaps(tc, tb));
    transaction_free(&ta);
    transaction_free(&tb);
    transaction_free(&tc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transaction_copies_everything),
        cmocka_unit_test(test_transaction_of_nothing),
        cmocka_unit_test(test_transaction_touches),
        cmocka_unit_test(test_transaction_overlaps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
