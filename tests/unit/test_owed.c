#include "unit.h"

#include "owed.h"

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
        owed_init(&queue, &out, answer_free);
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
            owed_init(&queue, &out, answer_free);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owed_leave_in_order_whatever_the_order),
        cmocka_unit_test(test_owed_deinit_frees_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
