#include "unit.h"

#include "protocol/owed.h"

enum { OWED = 5, ORDERS = 120 };

struct answer {
    struct owed owed;
    unsigned *freed;
};

static void answer_free(struct owed *owed)
{
    struct answer *a = CONTAINER_OF(owed, struct answer, owed);

    (*a->freed)++;
    free(a);
}

static struct answer *answer_new(struct owed_queue *queue, unsigned *freed)
{
    struct answer *a = xcalloc(1, sizeof(*a));

    a->freed = freed;
    owed_add(queue, &a->owed);
    return a;
}

/* The n-th order of five things. */
static void order(unsigned n, unsigned to[OWED])
{
    unsigned left[OWED];

    for (unsigned i = 0; i < OWED; i++)
        left[i] = i;
    for (unsigned i = OWED; i > 0; i--) {
        unsigned pick = n % i;

        n /= i;
        to[OWED - i] = left[pick];
        memmove(&left[pick], &left[pick + 1], (i - pick - 1) * sizeof(left[0]));
    }
}

static void test_owed_leave_in_order_whatever_the_order(void **state)
{
    static const char *const words[OWED] = {"a", "bb", "", "dddd", "eeeee"};

    (void)state;
    for (unsigned n = 0; n < ORDERS; n++) {
        struct answer *answers[OWED];
        unsigned freed = 0, at[OWED];
        bool is_written[OWED] = {false};
        struct owed_queue queue;
        struct buf out;

        buf_init(&out, 100);
        buf_add(&out, SPAN(">"));
        owed_init(&queue, &out, NULL, answer_free);
        for (unsigned i = 0; i < OWED; i++)
            answers[i] = answer_new(&queue, &freed);
        order(n, at);
        for (unsigned i = 0; i < OWED; i++) {
            size_t early = 0;
            unsigned ready = 0;

            buf_add(owed_begin(&queue, &answers[at[i]]->owed), span_of(words[at[i]]));
            owed_end(&queue, &answers[at[i]]->owed);
            is_written[at[i]] = true;
            while (ready < OWED && is_written[ready])
                ready++;
            for (unsigned j = ready; j < OWED; j++)
                early += is_written[j] ? strlen(words[j]) : 0;
            assert_int_equal(freed, ready);
            assert_int_equal(queue.count, OWED - ready);
            assert_int_equal(queue.early_bytes, early);
            assert_int_equal(out.len,
                             1 + (ready > 0) + 2 * (ready > 1) + 4 * (ready > 3) + 5 * (ready > 4));
        }
        assert_true(span_equal(buf_span(&out), SPAN(">abbddddeeeee")));
        answers[0] = answer_new(&queue, &freed); /* an emptied queue is as good as new */
        assert_ptr_equal(owed_begin(&queue, &answers[0]->owed), &out);
        owed_end(&queue, &answers[0]->owed);
        assert_int_equal(queue.count, 0);
        owed_deinit(&queue);
        buf_deinit(&out);
    }
}

static void test_owed_deinit_frees_all(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ORDERS; n++) {
        for (unsigned answered = 0; answered < OWED; answered++) {
            struct answer *answers[OWED];
            unsigned freed = 0, at[OWED];
            struct owed_queue queue;
            struct buf out;

            buf_init(&out, 100);
            owed_init(&queue, &out, NULL, answer_free);
            for (unsigned i = 0; i < OWED; i++)
                answers[i] = answer_new(&queue, &freed);
            order(n, at);
            for (unsigned i = 0; i < answered; i++) {
                buf_add(owed_begin(&queue, &answers[at[i]]->owed), SPAN("text"));
                owed_end(&queue, &answers[at[i]]->owed);
            }
            owed_deinit(&queue);
            assert_int_equal(freed, OWED);
            assert_int_equal(queue.count, 0);
            assert_int_equal(queue.early_bytes, 0);
            buf_deinit(&out);
        }
    }
}

enum { KIB = 1024 };

static void test_owed_is_full(void **state)
{
    static const struct {
        size_t out, early, requests, under_way, usual, count;
        bool is_tight, is_full;
    } cases[] = {
        {0, 0, 0, 0, 0, 0, false, false},
        {0, 0, 0, 63, 1000, 63, false, false},
        {0, 0, 0, 0, 0, 64, false, true}, /* answers owed */
        {256 * KIB - 1, 0, 0, 0, 0, 0, false, false},
        {256 * KIB, 0, 0, 0, 0, 0, false, true}, /* unread */
        {100 * KIB, 156 * KIB, 0, 0, 0, 2, false, true},
        {0, 0, 0, 1, 1024 * KIB - 1, 1, false, false},
        {0, 0, 0, 1, 1024 * KIB, 1, false, true}, /* what will come */
        {0, 0, 0, 16, 64 * KIB, 16, false, true},
        {0, 0, 0, 15, 64 * KIB, 15, false, false},
        {0, 0, 1024 * KIB, 0, 0, 3, false, true}, /* long requests */
        {200 * KIB, 0, 412 * KIB, 4, 103 * KIB, 4, false, true},
        {1, 0, 0, 0, 0, 0, true, true}, /* all clients together */
        {0, 0, 0, 0, 0, 0, true, false},
        {0, 0, 0, 1, 5, 1, true, false},
        {1, 0, 0, 1, 5, 1, true, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {.len = cases[i].out};
        struct owed_queue queue;
        unsigned freed = 0;

        owed_init(&queue, &out, &cases[i].is_tight, answer_free);
        if (cases[i].count > 0)
            answer_new(&queue, &freed);
        queue.early_bytes = cases[i].early;
        queue.request_bytes = cases[i].requests;
        queue.under_way = cases[i].under_way;
        queue.usual_bytes = cases[i].usual;
        queue.count = cases[i].count;
        if (owed_is_full(&queue) != cases[i].is_full)
            fail_msg("case %zu", i);
        owed_deinit(&queue);
    }
}

/* first is the oldest, or overtakes: its answer goes straight to the client's buffer. */
static void test_owed_admits_and_may_ask(void **state)
{
    static const struct {
        size_t out, early, bytes;
        bool is_first, is_tight, is_admitted, may_ask;
    } cases[] = {
        {0, 0, 5000 * KIB, true, false, true, true},
        {256 * KIB - 1, 0, 5000 * KIB, true, false, true, true},
        {256 * KIB, 0, 768 * KIB + 1, true, false, false, false},
        {256 * KIB, 0, 768 * KIB, true, false, true, false},
        {256 * KIB, 0, 4 * KIB, true, false, true, false}, /* a short one always */
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
        struct owed_queue queue;
        unsigned freed = 0;
        struct answer *first, *second;

        owed_init(&queue, &out, &cases[i].is_tight, answer_free);
        first = answer_new(&queue, &freed);
        second = answer_new(&queue, &freed);
        queue.early_bytes = cases[i].early;
        if (owed_admits(&queue, cases[i].is_first ? &first->owed : &second->owed, cases[i].bytes) !=
            cases[i].is_admitted)
            fail_msg("case %zu is admitted", i);
        if (owed_may_ask(&queue, cases[i].is_first ? &first->owed : &second->owed) !=
            cases[i].may_ask)
            fail_msg("case %zu may ask", i);
        owed_deinit(&queue);
    }
}

static void test_owed_learns_the_usual_size(void **state)
{
    struct buf out = {.len = 0};
    struct owed_queue queue;

    (void)state;
    owed_init(&queue, &out, NULL, answer_free);
    for (int i = 0; i < 64; i++)
        owed_expect(&queue);
    owed_came(&queue, 800000);
    assert_int_equal(queue.usual_bytes, 800000); /* a large one counts at once */
    owed_came(&queue, 0);
    assert_int_equal(queue.usual_bytes, 700000);
    for (int i = 0; i < 60; i++)
        owed_came(&queue, 100);
    assert_in_range(queue.usual_bytes, 100, 400);
    assert_int_equal(queue.under_way, 2);
    owed_gave_up(&queue);
    owed_came(&queue, 100);
    assert_int_equal(queue.under_way, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owed_leave_in_order_whatever_the_order),
        cmocka_unit_test(test_owed_deinit_frees_all),
        cmocka_unit_test(test_owed_is_full),
        cmocka_unit_test(test_owed_admits_and_may_ask),
        cmocka_unit_test(test_owed_learns_the_usual_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
