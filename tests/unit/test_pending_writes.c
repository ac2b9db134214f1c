#include "unit.h"

#include "mail/key_rules.h"
#include "table/identity.h"
#include "table/pending_writes.h"

#include "podop/hash.h"
#include "podop/mem.h"

#include <stdlib.h>

static struct pending_writes q;

#define WITH_QUEUE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int setup(void **state)
{
    (void)state;
    pending_init(&q);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    pending_deinit(&q);
    return 0;
}

/* Returns one of a few hashes, so that many keys share one. */
static uint64_t hash_of(struct span key)
{
    static const struct hash_key hash_key = {1, 2};

    return hash_span(&hash_key, key) % 997;
}

static struct pending_write *find(struct span key)
{
    const struct identity id = {.bytes = key, .hash = hash_of(key)};

    return pending_find(&q, &id);
}

static struct pending_write *find_or_add(struct span key)
{
    const struct identity id = {.bytes = key, .hash = hash_of(key)};

    return pending_find_or_add(&q, &id);
}

static struct transaction *value_of(const char *key, const char *value)
{
    struct transaction *t = transaction_new(SPAN("bob"));

    transaction_add(t, &(struct change){.key = {.key = span_of(key)}, .value = span_of(value)});
    return t;
}

static struct pending_write *put(const char *key, const char *value, uint64_t now_ms,
                                 uint64_t due_at_ms)
{
    struct pending_write *w = find_or_add(span_of(key));

    pending_put(&q, w, value_of(key, value), now_ms, due_at_ms);
    return w;
}

static void assert_newest(const char *key, const char *value)
{
    const struct pending_write *w = find(span_of(key));

    assert_non_null(w);
    assert_true(span_equal(pending_newest(w)->value, span_of(value)));
}

static void assert_first(const char *key, uint64_t due_at_ms)
{
    const struct pending_write *w = pending_first(&q);

    assert_non_null(w);
    assert_true(span_equal(w->identity, span_of(key)));
    assert_int_equal(w->due_at_ms, due_at_ms);
}

static void finish(struct pending_write *w)
{
    pending_end(&q, w);
    pending_release(&q, w);
}

static void test_pending_last_value_stays(void **state)
{
    struct pending_write *w;

    (void)state;
    assert_null(pending_first(&q));
    assert_null(find(SPAN("k")));
    w = put("k", "1", 10, 100);
    assert_ptr_equal(put("k", "2", 20, 200), w);
    assert_int_equal(q.writes, 1);
    assert_int_equal(q.keys, 1);
    assert_newest("k", "2");
    assert_first("k", 100); /* the delay counts from the first value */
    assert_int_equal(pending_oldest_ms(&q, 50), 10);
    pending_begin(&q, w);
    assert_null(pending_first(&q));
    assert_newest("k", "2");
    finish(w);
    assert_null(find(SPAN("k")));
    assert_int_equal(q.writes, 0);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(q.keys, 0);
    assert_int_equal(pending_oldest_ms(&q, 50), 50);
}

/* One write of a key at a time: a value that comes meanwhile waits for its end, and is counted. */
static void test_pending_while_one_is_under_way(void **state)
{
    struct pending_write *w;
    size_t bytes;

    (void)state;
    w = put("k", "1", 10, 100);
    bytes = q.bytes;
    pending_begin(&q, w);
    assert_int_equal(q.bytes, bytes);
    put("k", "2", 30, 130);
    assert_int_equal(q.writes, 2);
    assert_int_equal(q.bytes, 2 * bytes);
    assert_null(pending_first(&q));
    assert_newest("k", "2");
    assert_int_equal(pending_oldest_ms(&q, 50), 10);
    finish(w);
    assert_first("k", 130);
    assert_int_equal(q.bytes, bytes);
    pending_begin(&q, w);
    finish(w);
    assert_int_equal(q.bytes, 0);
}

static void test_pending_put_back(void **state)
{
    struct pending_write *w;

    (void)state;
    w = put("k", "1", 10, 100);
    pending_begin(&q, w);
    pending_put_back(&q, w, 500);
    assert_first("k", 500);
    assert_newest("k", "1");
    pending_begin(&q, w);
    put("k", "2", 510, 520);
    pending_put_back(&q, w, 900); /* the newer value replaces it, at its own time */
    assert_int_equal(q.writes, 1);
    assert_newest("k", "2");
    assert_first("k", 900);
    pending_begin(&q, w);
    put("k", "3", 510, 2000);
    pending_put_back(&q, w, 950);
    assert_first("k", 2000);
}

/* Compares the order with that of a simple list. */
static void test_pending_in_order_of_time(void **state)
{
    enum { COUNT = 500 };
    struct pending_write *all[COUNT];
    uint64_t last_ms = 0;
    unsigned seed = 7;

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        char key[20];

        snprintf(key, sizeof(key), "%u", i);
        seed = seed * 1103515245 + 12345;
        all[i] = put(key, "v", 0, seed % 1000);
    }
    for (unsigned i = 0; i < COUNT; i += 3) {
        seed = seed * 1103515245 + 12345;
        pending_move(&q, all[i], seed % 1000);
    }
    assert_int_equal(q.heap_count, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        struct pending_write *w = pending_first(&q);

        assert_true(w->due_at_ms >= last_ms);
        last_ms = w->due_at_ms;
        pending_begin(&q, w);
        finish(w);
    }
    assert_null(pending_first(&q));
    assert_int_equal(q.keys, 0);
}

static void test_pending_oldest_first_at_one_time(void **state)
{
    static const char *const keys[] = {"c", "a", "d", "b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        put(keys[i], "v", 0, 5);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct pending_write *w = pending_first(&q);

        assert_true(span_equal(w->identity, span_of(keys[i])));
        pending_begin(&q, w);
        finish(w);
    }
}

static void test_pending_room(void **state)
{
    struct transaction *two = value_of("a", "1"), *large = transaction_new(SPAN("bob"));
    char *bytes = xcalloc(1, PENDING_BYTES_MAX / 2);

    (void)state;
    transaction_add(two, &(struct change){.key = {.key = SPAN("b")}});
    for (unsigned i = 0; i < PENDING_WRITES_MAX - 2; i++) {
        char key[20];

        assert_true(pending_has_room(&q, two));
        snprintf(key, sizeof(key), "%u", i);
        put(key, "v", 0, 0);
    }
    assert_true(pending_has_room(&q, two));
    pending_begin(&q, pending_first(&q)); /* changes nothing */
    assert_true(pending_has_room(&q, two));
    put("one more", "v", 0, 0);
    assert_false(pending_has_room(&q, two));
    pending_deinit(&q);
    pending_init(&q);
    transaction_add(large, &(struct change){.value = {bytes, PENDING_BYTES_MAX / 2}});
    assert_false(pending_has_room(&q, large));
    transaction_free(&two);
    transaction_free(&large);
    free(bytes);
}

/* The queue of a key: values first, then transactions, one after the other. */
static void test_pending_queue(void **state)
{
    struct pending_turn first = {0}, second = {0}, third = {0};
    struct pending_write *w;

    (void)state;
    w = put("k", "1", 0, 1000);
    put("other", "1", 0, 10);
    pending_enqueue(&q, w, &first);
    pending_enqueue(&q, w, &second);
    pending_enqueue(&q, w, &third);
    assert_first("k", 0); /* a transaction waits for it */
    assert_true(w->is_urgent);
    assert_null(pending_first_turn(w));
    pending_begin(&q, w);
    assert_null(pending_first_turn(w));
    pending_end(&q, w);
    assert_ptr_equal(pending_first_turn(w), &first);
    pending_dequeue(&second);
    pending_dequeue(&first);
    assert_ptr_equal(pending_first_turn(w), &third);
    pending_release(&q, w);
    assert_ptr_equal(find(SPAN("k")), w); /* a transaction is queued */
    pending_dequeue(&third);
    assert_false(w->is_urgent);
    pending_release(&q, w);
    assert_null(find(SPAN("k")));
}

/* A transaction makes a value due that came while another value of its key was written. */
static void test_pending_queue_during_write(void **state)
{
    struct pending_turn turn = {0};
    struct pending_write *w;

    (void)state;
    w = put("k", "1", 0, 10);
    pending_begin(&q, w);
    put("k", "2", 0, 1000);
    pending_enqueue(&q, w, &turn);
    pending_end(&q, w);
    assert_first("k", 0);
    pending_dequeue(&turn);
}

static struct pending_write *pending_begin_first(void)
{
    struct pending_write *w = pending_first(&q);

    assert_non_null(w);
    pending_begin(&q, w);
    return w;
}

static void name_by_first_byte(void *arg, const struct table_key *key, struct identity *identity)
{
    const struct table_key shorter = {.key = {key->key.ptr, 1}};

    (void)arg;
    identity_plain(identity, &shorter);
    identity->hash = hash_of(identity->bytes);
}

static void test_pending_rename(void **state)
{
    struct pending_write *under_way;

    (void)state;
    put("a1", "old", 0, 10);
    put("a2", "new", 0, 20);
    under_way = put("b1", "1", 0, 5);
    pending_begin(&q, under_way);
    put("b2", "2", 0, 30);
    put("c1", "alone", 0, 40);
    pending_rename(&q, name_by_first_byte, NULL);
    assert_newest("a", "new");
    assert_first("a", 20);
    assert_newest("b", "2"); /* after what is under way */
    assert_newest("c", "alone");
    assert_null(find(SPAN("a1")));
    finish(pending_begin_first());
    assert_first("c", 40); /* the old value of a is dropped, and that of b waits */
    finish(under_way);
    assert_first("b", 30);
    finish(pending_begin_first());
    finish(pending_begin_first());
    assert_int_equal(q.writes, 0);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(q.keys, 0);
}

static void name_by_all_bytes(void *arg, const struct table_key *key, struct identity *identity)
{
    (void)arg;
    identity_plain(identity, key);
    identity->hash = hash_of(identity->bytes);
}

/* Keys that were one only for a while have their own last values. */
static void test_pending_rename_and_back(void **state)
{
    struct pending_write *under_way;

    (void)state;
    put("a1", "old", 0, 10);
    put("a2", "new", 0, 20);
    under_way = put("b1", "1", 0, 5);
    pending_begin(&q, under_way);
    put("b2", "2", 0, 30);
    put("c1", "older", 0, 40);
    put("c2", "newer", 0, 50);
    pending_rename(&q, name_by_first_byte, NULL);
    pending_put(&q, find(SPAN("c")), value_of("c1", "newest"), 0, 60);
    pending_put_back(&q, under_way, 70); /* it has failed */
    pending_rename(&q, name_by_all_bytes, NULL);
    assert_newest("a1", "old");
    assert_newest("a2", "new");
    assert_newest("b1", "1");
    assert_newest("b2", "2");
    assert_newest("c1", "newest");
    assert_null(find(SPAN("c2"))); /* it became c1's while they were one */
    for (size_t i = 0; i < 5; i++)
        finish(pending_begin_first());
    assert_int_equal(q.writes, 0);
    assert_int_equal(q.bytes, 0);
    assert_int_equal(q.keys, 0);
}

/* A key without a value, for which a transaction is queued, hides no value of another key that
 * becomes the same. */
static void test_pending_rename_with_a_queue(void **state)
{
    struct pending_turn turn = {0};
    struct pending_write *queue;

    (void)state;
    put("a2", "1", 0, 10);
    queue = put("a", "2", 0, 20); /* its identity stays */
    pending_begin(&q, queue);
    pending_enqueue(&q, queue, &turn);
    pending_end(&q, queue);
    pending_rename(&q, name_by_first_byte, NULL);
    assert_newest("a", "1");
    pending_dequeue(&turn);
    pending_release(&q, queue);
    assert_newest("a", "1");
}

/* Two values are under way, and a transaction waits for the older one, when their keys become one.
 */
static struct pending_write *begin_two_of_one_key(struct pending_turn *turn)
{
    struct pending_write *older = put("a1", "1", 0, 10), *newer = put("a2", "2", 0, 20);

    pending_begin(&q, older);
    pending_enqueue(&q, older, turn);
    pending_begin(&q, newer);
    pending_rename(&q, name_by_first_byte, NULL);
    assert_ptr_equal(find(SPAN("a")), newer);
    return older;
}

static void test_pending_rename_of_a_queue_under_way(void **state)
{
    struct pending_turn turn = {0};
    struct pending_write *older = begin_two_of_one_key(&turn), *newer = put("a", "3", 0, 30);

    (void)state;
    pending_end(&q, newer);
    assert_null(pending_first(&q)); /* the older value might be made after it */
    pending_end(&q, older);
    assert_first("a", 30);
    pending_dequeue(&turn);
    pending_release(&q, older);
    finish(pending_begin_first());
    assert_int_equal(q.keys, 0);
}

static void test_pending_put_back_of_a_superseded_value(void **state)
{
    struct pending_turn turn = {0};
    struct pending_write *older = begin_two_of_one_key(&turn);

    (void)state;
    pending_put_back(&q, older, 40);
    assert_first("a", 40); /* to be dropped, so that the transaction goes on */
    assert_ptr_equal(pending_begin_first(), older);
    pending_end(&q, older);
    assert_ptr_equal(pending_first_turn(older), &turn);
    pending_dequeue(&turn);
    pending_release(&q, older);
    finish(find(SPAN("a")));
    assert_int_equal(q.keys, 0);
}

/* The older value stays due while a transaction waits for the newer one. */
static void test_pending_end_with_an_older_value_that_is_due(void **state)
{
    struct pending_turn turn = {0};
    struct pending_write *newer;

    (void)state;
    put("a1", "1", 0, 10);
    newer = put("a2", "2", 0, 20);
    pending_enqueue(&q, newer, &turn);
    pending_rename(&q, name_by_first_byte, NULL);
    assert_ptr_equal(pending_begin_first(), newer);
    pending_end(&q, newer);
    assert_null(pending_first(&q));
    assert_int_equal(q.writes, 0);
    pending_dequeue(&turn);
    pending_release(&q, newer);
    assert_int_equal(q.keys, 0);
}

static void test_pending_many_keys(void **state)
{
    enum { COUNT = 5000 };

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            char key[20];

            snprintf(key, sizeof(key), "%u", i);
            put(key, round == 0 ? "1" : key, 0, i);
        }
    }
    assert_int_equal(q.writes, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char key[20];

        snprintf(key, sizeof(key), "%u", i);
        assert_newest(key, key);
    }
}

/* The user becomes longer: the sum of the bytes must end at 0 and not below. */
static void test_pending_normalise(void **state)
{
    struct key_config config = {.fold = KEY_FOLD_ALL};
    struct key_rules *rules = key_rules_new(&config);
    const struct table table = {.rules = rules};
    struct transaction *t = transaction_new(SPAN("\xc4\xb0@Example.ORG"));
    struct pending_write *w = find_or_add(SPAN("key"));

    (void)state;
    transaction_add(t, &(struct change){.key = {.key = SPAN("Key")}, .value = SPAN("v")});
    pending_put(&q, w, t, 0, 0);
    pending_begin(&q, w);
    pending_normalise(&q, w, &table);
    assert_string_equal(w->writing->user, "i\xcc\x87@example.org");
    finish(w);
    assert_int_equal(q.bytes, 0);
    key_rules_free(&rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_QUEUE(test_pending_last_value_stays),
        WITH_QUEUE(test_pending_while_one_is_under_way),
        WITH_QUEUE(test_pending_put_back),
        WITH_QUEUE(test_pending_in_order_of_time),
        WITH_QUEUE(test_pending_oldest_first_at_one_time),
        WITH_QUEUE(test_pending_room),
        WITH_QUEUE(test_pending_queue),
        WITH_QUEUE(test_pending_queue_during_write),
        WITH_QUEUE(test_pending_rename),
        WITH_QUEUE(test_pending_rename_and_back),
        WITH_QUEUE(test_pending_rename_with_a_queue),
        WITH_QUEUE(test_pending_rename_of_a_queue_under_way),
        WITH_QUEUE(test_pending_put_back_of_a_superseded_value),
        WITH_QUEUE(test_pending_end_with_an_older_value_that_is_due),
        WITH_QUEUE(test_pending_many_keys),
        WITH_QUEUE(test_pending_normalise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
