#include "unit.h"

#include "protocol/reply_queue.h"

enum { SLOTS = 5, ORDERS = 120 };

struct answer {
    struct reply_slot slot;
    unsigned *freed;
};

static void answer_free(struct reply_slot *slot)
{
    struct answer *a = CONTAINER_OF(slot, struct answer, slot);

    (*a->freed)++;
    free(a);
}

static struct answer *answer_new(struct reply_queue *queue, unsigned *freed)
{
    struct answer *a = xcalloc(1, sizeof(*a));

    a->freed = freed;
    reply_queue_add(queue, &a->slot);
    return a;
}

/* Writes the n-th permutation of the slots. */
static void order(unsigned n, unsigned to[SLOTS])
{
    unsigned left[SLOTS];

    for (unsigned i = 0; i < SLOTS; i++)
        left[i] = i;
    for (unsigned i = SLOTS; i > 0; i--) {
        unsigned pick = n % i;

        n /= i;
        to[SLOTS - i] = left[pick];
        memmove(&left[pick], &left[pick + 1], (i - pick - 1) * sizeof(left[0]));
    }
}

static void test_reply_queue_leave_in_order_whatever_the_order(void **state)
{
    static const char *const words[SLOTS] = {"a", "bb", "", "dddd", "eeeee"};

    (void)state;
    for (unsigned n = 0; n < ORDERS; n++) {
        struct answer *answers[SLOTS];
        unsigned freed = 0, at[SLOTS];
        bool is_written[SLOTS] = {false};
        struct reply_queue queue;
        struct buf out;

        buf_init(&out, 100);
        buf_add(&out, SPAN(">"));
        reply_queue_init(&queue, &out, NULL, answer_free);
        for (unsigned i = 0; i < SLOTS; i++)
            answers[i] = answer_new(&queue, &freed);
        order(n, at);
        for (unsigned i = 0; i < SLOTS; i++) {
            size_t buffered = 0;
            unsigned ready = 0;

            buf_add(reply_queue_begin(&queue, &answers[at[i]]->slot), span_of(words[at[i]]));
            reply_queue_end(&queue, &answers[at[i]]->slot);
            is_written[at[i]] = true;
            while (ready < SLOTS && is_written[ready])
                ready++;
            for (unsigned j = ready; j < SLOTS; j++)
                buffered += is_written[j] ? strlen(words[j]) : 0;
            assert_int_equal(freed, ready);
            assert_int_equal(queue.count, SLOTS - ready);
            assert_int_equal(queue.buffered_bytes, buffered);
            assert_int_equal(out.len,
                             1 + (ready > 0) + 2 * (ready > 1) + 4 * (ready > 3) + 5 * (ready > 4));
        }
        assert_true(span_equal(buf_span(&out), SPAN(">abbddddeeeee")));
        answers[0] = answer_new(&queue, &freed); /* a queue that was emptied works like a new one */
        assert_ptr_equal(reply_queue_begin(&queue, &answers[0]->slot), &out);
        reply_queue_end(&queue, &answers[0]->slot);
        assert_int_equal(queue.count, 0);
        reply_queue_deinit(&queue);
        buf_deinit(&out);
    }
}

static void test_reply_queue_deinit_frees_all(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ORDERS; n++) {
        for (unsigned answered = 0; answered < SLOTS; answered++) {
            struct answer *answers[SLOTS];
            unsigned freed = 0, at[SLOTS];
            struct reply_queue queue;
            struct buf out;

            buf_init(&out, 100);
            reply_queue_init(&queue, &out, NULL, answer_free);
            for (unsigned i = 0; i < SLOTS; i++)
                answers[i] = answer_new(&queue, &freed);
            order(n, at);
            for (unsigned i = 0; i < answered; i++) {
                buf_add(reply_queue_begin(&queue, &answers[at[i]]->slot), SPAN("text"));
                reply_queue_end(&queue, &answers[at[i]]->slot);
            }
            reply_queue_deinit(&queue);
            assert_int_equal(freed, SLOTS);
            assert_int_equal(queue.count, 0);
            assert_int_equal(queue.buffered_bytes, 0);
            buf_deinit(&out);
        }
    }
}

enum { KIB = 1024 };

static void test_reply_queue_is_full(void **state)
{
    static const struct {
        size_t out, buffered, requests, under_way, usual, count;
        bool is_under_memory_pressure, is_full;
    } cases[] = {
        {0, 0, 0, 0, 0, 0, false, false},
        {0, 0, 0, 63, 1000, 63, false, false},
        {0, 0, 0, 0, 0, 64, false, true}, /* slots */
        {256 * KIB - 1, 0, 0, 0, 0, 0, false, false},
        {256 * KIB, 0, 0, 0, 0, 0, false, true}, /* unread */
        {100 * KIB, 156 * KIB, 0, 0, 0, 2, false, true},
        {0, 0, 0, 1, 1024 * KIB - 1, 1, false, false},
        {0, 0, 0, 1, 1024 * KIB, 1, false, true}, /* expected replies */
        {0, 0, 0, 16, 64 * KIB, 16, false, true},
        {0, 0, 0, 15, 64 * KIB, 15, false, false},
        {0, 0, 1024 * KIB, 0, 0, 3, false, true}, /* long requests */
        {200 * KIB, 0, 412 * KIB, 4, 103 * KIB, 4, false, true},
        {1, 0, 0, 0, 0, 0, true, true}, /* memory pressure */
        {0, 0, 0, 0, 0, 0, true, false},
        {0, 0, 0, 1, 5, 1, true, false},
        {1, 0, 0, 1, 5, 1, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {.len = cases[i].out};
        struct reply_queue queue;
        unsigned freed = 0;

        reply_queue_init(&queue, &out, &cases[i].is_under_memory_pressure, answer_free);
        if (cases[i].count > 0)
            answer_new(&queue, &freed);
        queue.buffered_bytes = cases[i].buffered;
        queue.request_bytes = cases[i].requests;
        queue.in_flight = cases[i].under_way;
        queue.typical_bytes = cases[i].usual;
        queue.count = cases[i].count;
        if (reply_queue_is_full(&queue) != cases[i].is_full)
            fail_msg("case %zu", i);
        reply_queue_deinit(&queue);
    }
}

/* is_first: the slot is the oldest, so its reply goes straight to the output. */
static void test_reply_queue_admits_and_may_ask(void **state)
{
    static const struct {
        size_t out, buffered, bytes;
        bool is_first, is_under_memory_pressure, is_admitted, may_ask;
    } cases[] = {
        {0, 0, 5000 * KIB, true, false, true, true},
        {256 * KIB - 1, 0, 5000 * KIB, true, false, true, true},
        {256 * KIB, 0, 768 * KIB + 1, true, false, false, false},
        {256 * KIB, 0, 768 * KIB, true, false, true, false},
        {256 * KIB, 0, 4 * KIB, true, false, true, false}, /* a short one is always admitted */
        {0, 1000 * KIB, 100 * KIB, true, false, true, true},
        {0, 0, 1024 * KIB, false, false, true, true},
        {0, 0, 1024 * KIB + 1, false, false, false, true},
        {100 * KIB, 900 * KIB, 24 * KIB, false, false, true, false},
        {100 * KIB, 900 * KIB, 24 * KIB + 1, false, false, false, false},
        {0, 1100 * KIB, 5 * KIB, false, false, false, false},
        {0, 0, 5 * KIB, true, true, false, false},
        {0, 0, 4 * KIB, false, true, true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {.len = cases[i].out};
        struct reply_queue queue;
        unsigned freed = 0;
        struct answer *first, *second;

        reply_queue_init(&queue, &out, &cases[i].is_under_memory_pressure, answer_free);
        first = answer_new(&queue, &freed);
        second = answer_new(&queue, &freed);
        queue.buffered_bytes = cases[i].buffered;
        if (reply_queue_admits(&queue, cases[i].is_first ? &first->slot : &second->slot,
                               cases[i].bytes) != cases[i].is_admitted)
            fail_msg("case %zu is admitted", i);
        if (reply_queue_may_retry(&queue, cases[i].is_first ? &first->slot : &second->slot) !=
            cases[i].may_ask)
            fail_msg("case %zu may ask", i);
        reply_queue_deinit(&queue);
    }
}

static void test_reply_queue_learns_the_usual_size(void **state)
{
    struct buf out = {.len = 0};
    struct reply_queue queue;

    (void)state;
    reply_queue_init(&queue, &out, NULL, answer_free);
    for (int i = 0; i < 64; i++)
        reply_queue_expect(&queue);
    reply_queue_arrived(&queue, 800000);
    assert_int_equal(queue.typical_bytes, 800000); /* a large reply raises it at once */
    reply_queue_arrived(&queue, 0);
    assert_int_equal(queue.typical_bytes, 700000);
    for (int i = 0; i < 60; i++)
        reply_queue_arrived(&queue, 100);
    assert_in_range(queue.typical_bytes, 100, 400);
    assert_int_equal(queue.in_flight, 2);
    reply_queue_cancelled(&queue);
    reply_queue_arrived(&queue, 100);
    assert_int_equal(queue.in_flight, 0);
}

static void announce(struct buf *out, uint32_t id)
{
    buf_add_char(out, '*');
    buf_add_uint(out, id);
}

/* An id is never 0, which stands for none. */
static void test_reply_queue_ids_wrap(void **state)
{
    struct answer *answers[3];
    struct reply_queue queue;
    unsigned freed = 0;
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    reply_queue_init(&queue, &out, NULL, answer_free);
    queue.announce = announce;
    queue.last_id = UINT32_MAX - 1;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        answers[i] = answer_new(&queue, &freed);
    reply_queue_begin(&queue, &answers[1]->slot);
    assert_int_equal(answers[1]->slot.id, 1);
    assert_int_equal(answers[2]->slot.id, 0);
    assert_true(span_equal(buf_span(&out), SPAN("*4294967295*1")));
    reply_queue_end(&queue, &answers[1]->slot); /* it overtakes the first */
    assert_int_equal(freed, 1);
    reply_queue_begin(&queue, &answers[2]->slot);
    reply_queue_end(&queue, &answers[2]->slot);
    assert_true(span_equal(buf_span(&out), SPAN("*4294967295*1*2")));
    reply_queue_deinit(&queue);
    assert_int_equal(freed, 3);
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply_queue_leave_in_order_whatever_the_order),
        cmocka_unit_test(test_reply_queue_deinit_frees_all),
        cmocka_unit_test(test_reply_queue_is_full),
        cmocka_unit_test(test_reply_queue_admits_and_may_ask),
        cmocka_unit_test(test_reply_queue_learns_the_usual_size),
        cmocka_unit_test(test_reply_queue_ids_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
