#include "unit.h"

#include "backend/breaker.h"

#include <stdlib.h>

enum { ALONE = BREAKER_PAUSE_MIN_MS, AMONG_OTHERS = BREAKER_PAUSE_MAX_MS };

/* Records failures of different keys: first, first + 1 and so on. */
static void fail_often(struct breaker *b, enum breaker_kind kind, unsigned times, uint64_t first,
                       uint64_t now_ms)
{
    for (unsigned i = 0; i < times; i++)
        breaker_failure(b, kind, first + i, BREAKER_NO_TRIAL, AMONG_OTHERS, now_ms);
}

static void fail_trial(struct breaker *b, enum breaker_kind kind, uint64_t key, uint64_t now_ms)
{
    breaker_failure(b, kind, key, BREAKER_TRIAL, AMONG_OTHERS, now_ms);
}

static enum breaker_trial try(struct breaker *b, uint64_t key, uint64_t now_ms)
{
    return breaker_take_trial(b, key, AMONG_OTHERS, now_ms);
}

static void test_each_kind_opens_after_failures_in_a_row(void **state)
{
    (void)state;
    for (int kind = BREAKER_UNSENT; kind <= BREAKER_ANSWERED; kind++) {
        struct breaker b = {0};

        fail_often(&b, (enum breaker_kind)kind, BREAKER_FAILURES_MAX - 1, 1, 10);
        assert_false(breaker_is_open(&b));
        assert_int_equal(breaker_failures(&b), BREAKER_FAILURES_MAX - 1);
        assert_true(breaker_answered(&b, false, BREAKER_NO_TRIAL)); /* ends the row of failures */
        assert_int_equal(breaker_failures(&b), 0);
        fail_often(&b, (enum breaker_kind)kind, BREAKER_FAILURES_MAX - 1, 1, 20);
        assert_false(breaker_is_open(&b));
        assert_int_equal(try(&b, 1, 1000000), BREAKER_NO_TRIAL); /* nothing to try */
        fail_often(&b, (enum breaker_kind)kind, 1, 100, 30);
        assert_true(breaker_is_open(&b));
        assert_int_equal(b.cause, kind);
        assert_int_equal(breaker_left_ms(&b, AMONG_OTHERS, 31), BREAKER_PAUSE_MIN_MS - 1);
    }
}

/* One key fails a million times, alone and between the failures of others. */
static void test_one_key_never_opens(void **state)
{
    struct breaker b = {0};

    (void)state;
    for (int i = 0; i < 1000000; i++)
        breaker_failure(&b, BREAKER_UNANSWERED, 7, BREAKER_NO_TRIAL, ALONE, (uint64_t)i);
    assert_false(breaker_is_open(&b));
    for (uint64_t key = 1; key <= BREAKER_FAILURES_MAX - 2; key++) {
        breaker_failure(&b, BREAKER_UNANSWERED, key, BREAKER_NO_TRIAL, ALONE, 0);
        breaker_failure(&b, BREAKER_UNANSWERED, 7, BREAKER_NO_TRIAL, ALONE, 0);
    }
    assert_false(breaker_is_open(&b));
    assert_int_equal(breaker_failures(&b), BREAKER_FAILURES_MAX - 1);
    breaker_failure(&b, BREAKER_UNANSWERED, 100, BREAKER_NO_TRIAL, ALONE, 0);
    assert_true(breaker_is_open(&b));
}

/* An answer that is a failure ends the rows of the other two kinds, but not of its own kind. */
static void test_a_failure_that_is_an_answer(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_ANSWERED, BREAKER_FAILURES_MAX - 1, 1, 0);
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX - 1, 1, 0);
    fail_often(&b, BREAKER_UNANSWERED, BREAKER_FAILURES_MAX - 1, 1, 0);
    breaker_answered(&b, true, BREAKER_NO_TRIAL);
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX - 1, 1, 0);
    fail_often(&b, BREAKER_UNANSWERED, BREAKER_FAILURES_MAX - 1, 1, 0);
    assert_false(breaker_is_open(&b));
    fail_often(&b, BREAKER_ANSWERED, 1, 1, 0);
    assert_true(breaker_is_open(&b));
}

static void test_one_trial_in_a_pause(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 50);
    assert_int_equal(try(&b, 9, 50), BREAKER_NO_TRIAL);
    assert_int_equal(try(&b, 9, 50 + BREAKER_PAUSE_MIN_MS - 1), BREAKER_NO_TRIAL);
    assert_int_equal(try(&b, 9, 50 + BREAKER_PAUSE_MIN_MS), BREAKER_TRIAL);
    assert_true(breaker_is_open(&b)); /* for all other requests */
    assert_int_equal(try(&b, 10, 50 + BREAKER_PAUSE_MIN_MS), BREAKER_NO_TRIAL);
    assert_int_equal(try(&b, 10, 50 + 2 * BREAKER_PAUSE_MIN_MS - 1), BREAKER_NO_TRIAL);
    /* the first trial has not ended yet, and must not block the next one */
    assert_int_equal(try(&b, 10, 50 + 2 * BREAKER_PAUSE_MIN_MS), BREAKER_TRIAL);
    assert_true(breaker_answered(&b, false, BREAKER_TRIAL));
    assert_false(breaker_is_open(&b));
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX - 1, 1, 5000); /* the count begins anew */
    assert_false(breaker_is_open(&b));
}

static void test_pause_doubles_up_to_a_limit(void **state)
{
    static const uint32_t pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    static const enum breaker_kind kinds[] = {BREAKER_UNSENT, BREAKER_ANSWERED};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        struct breaker b = {0};
        uint64_t now_ms = 7;

        fail_often(&b, kinds[k], BREAKER_FAILURES_MAX, 1, now_ms);
        for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
            assert_int_equal(try(&b, 100 + i, now_ms + pauses_ms[i] - 1), BREAKER_NO_TRIAL);
            now_ms += pauses_ms[i];
            assert_int_equal(try(&b, 100 + i, now_ms), BREAKER_TRIAL);
            fail_trial(&b, kinds[k], 100 + i, now_ms + 100);
        }
        assert_int_equal(try(&b, 200, now_ms + BREAKER_PAUSE_MAX_MS), BREAKER_TRIAL);
        breaker_answered(&b, false, BREAKER_TRIAL);
        fail_often(&b, kinds[k], BREAKER_FAILURES_MAX, 1, now_ms); /* the shortest pause again */
        assert_int_equal(try(&b, 200, now_ms + BREAKER_PAUSE_MIN_MS), BREAKER_TRIAL);
    }
}

/* The only server is tried every second, however long the outage is. */
static void test_pause_of_the_only_one_is_short(void **state)
{
    struct breaker b = {0};
    uint64_t now_ms = 0;

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, now_ms);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(breaker_take_trial(&b, 5, ALONE, now_ms + 999), BREAKER_NO_TRIAL);
        now_ms += 1000;
        assert_int_equal(breaker_left_ms(&b, ALONE, now_ms), 0);
        assert_int_equal(breaker_take_trial(&b, 5, ALONE, now_ms), BREAKER_TRIAL);
        breaker_failure(&b, BREAKER_UNSENT, 5, BREAKER_TRIAL, ALONE, now_ms);
    }
    /* also when there were other servers until now */
    for (int i = 0; i < 10; i++) {
        now_ms += BREAKER_PAUSE_MAX_MS;
        assert_int_equal(try(&b, 5, now_ms), BREAKER_TRIAL);
        fail_trial(&b, BREAKER_UNSENT, 5, now_ms);
    }
    assert_int_equal(try(&b, 5, now_ms + 1000), BREAKER_NO_TRIAL);
    assert_int_equal(breaker_take_trial(&b, 5, ALONE, now_ms + 1000), BREAKER_TRIAL);
}

static void test_unanswered_pause_stays_short(void **state)
{
    struct breaker b = {0};
    uint64_t now_ms = 0;

    (void)state;
    fail_often(&b, BREAKER_UNANSWERED, BREAKER_FAILURES_MAX, 1, now_ms);
    for (uint64_t i = 0; i < 20; i++) {
        now_ms += 1000;
        assert_int_equal(try(&b, 100 + i, now_ms), BREAKER_TRIAL);
        fail_trial(&b, BREAKER_UNANSWERED, 100 + i, now_ms);
    }
    assert_true(breaker_is_open(&b));
}

/* The trials of a key that failed already do not use up those of other keys. */
static void test_the_next_trial_is_for_another_key(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNANSWERED, BREAKER_FAILURES_MAX, 1, 0);
    assert_int_equal(try(&b, 3, 999), BREAKER_NO_TRIAL);
    assert_int_equal(try(&b, 3, 1000), BREAKER_TRIAL_AGAIN);
    assert_int_equal(try(&b, 3, 3000), BREAKER_NO_TRIAL); /* the other trial is still under way */
    assert_int_equal(try(&b, 4, 3000), BREAKER_NO_TRIAL);
    assert_int_equal(try(&b, 50, 1000), BREAKER_TRIAL);
    breaker_failure(&b, BREAKER_UNANSWERED, 3, BREAKER_TRIAL_AGAIN, ALONE, 3000);
    assert_int_equal(try(&b, 3, 3000), BREAKER_TRIAL_AGAIN); /* a pause after it began */
    assert_int_equal(try(&b, 51, 3000), BREAKER_TRIAL);
    assert_true(breaker_answered(&b, false, BREAKER_TRIAL));
    assert_false(breaker_is_open(&b));
}

/* A trial that was sent shows that the server can be reached. One key without an answer is not
 * enough to suspend it again. */
static void test_reached_again(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 0);
    assert_int_equal(try(&b, 3, 1000), BREAKER_TRIAL);
    fail_trial(&b, BREAKER_UNANSWERED, 3, 1001);
    assert_false(breaker_is_open(&b));
    assert_int_equal(breaker_failures(&b), 1);
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 2000);
    assert_int_equal(try(&b, 4, 3000), BREAKER_TRIAL);
    assert_true(breaker_answered(&b, true, BREAKER_TRIAL)); /* 500 */
    assert_false(breaker_is_open(&b));
}

static void test_failures_that_are_answers_while_suspended(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_ANSWERED, BREAKER_FAILURES_MAX, 1, 0);
    assert_int_equal(try(&b, 50, 1000), BREAKER_TRIAL);
    assert_false(
        breaker_answered(&b, true, BREAKER_TRIAL)); /* no other server has answered it yet */
    assert_true(breaker_is_open(&b));
    breaker_drop_trial(&b, BREAKER_TRIAL); /* and none did */
    assert_int_equal(try(&b, 51, 1000), BREAKER_TRIAL);
    assert_true(breaker_answered(
        &b, false, BREAKER_NO_TRIAL)); /* of a request that all other servers failed */
    assert_false(breaker_is_open(&b));
}

static void test_trial_given_up_is_free(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 0);
    assert_int_equal(try(&b, 8, 1000), BREAKER_TRIAL);
    breaker_drop_trial(&b, BREAKER_TRIAL);
    assert_true(breaker_is_open(&b));
    assert_int_equal(try(&b, 9, 1000), BREAKER_TRIAL); /* at once: the dropped trial says nothing */
    assert_int_equal(try(&b, 9, 2000), BREAKER_TRIAL_AGAIN);
    breaker_drop_trial(&b, BREAKER_TRIAL_AGAIN);
    assert_int_equal(try(&b, 9, 2000), BREAKER_TRIAL_AGAIN);
}

/* After a silence, nothing is known of the server until the trial has ended. */
static void test_old_failures_are_in_doubt(void **state)
{
    enum { OLD = BREAKER_OLD_PAUSES * BREAKER_PAUSE_MIN_MS };
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 0);
    assert_int_equal(breaker_take_trial(&b, 8, ALONE, OLD - 1), BREAKER_TRIAL);
    assert_false(breaker_is_in_doubt(&b)); /* the failures were recent */
    breaker_failure(&b, BREAKER_UNANSWERED, 8, BREAKER_TRIAL, ALONE, 5000);
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX, 1, 10000); /* the connection was back */
    assert_false(breaker_is_in_doubt(&b));
    assert_int_equal(breaker_take_trial(&b, 8, ALONE, 10000 + OLD), BREAKER_TRIAL_AGAIN);
    assert_true(breaker_is_in_doubt(&b));
    breaker_failure(&b, BREAKER_UNSENT, 9, BREAKER_NO_TRIAL, ALONE, 20000); /* it is no trial */
    breaker_drop_trial(&b, BREAKER_TRIAL_AGAIN);
    assert_true(breaker_is_in_doubt(&b));
    assert_int_equal(breaker_take_trial(&b, 9, ALONE, 30000), BREAKER_TRIAL);
    breaker_failure(&b, BREAKER_UNSENT, 9, BREAKER_TRIAL, ALONE, 30000);
    assert_false(breaker_is_in_doubt(&b));
    assert_int_equal(breaker_take_trial(&b, 9, ALONE, 30000 + OLD - 1), BREAKER_TRIAL);
    assert_false(breaker_is_in_doubt(&b));
    assert_int_equal(breaker_take_trial(&b, 10, ALONE, 30000 + 2 * OLD - 1), BREAKER_TRIAL);
    assert_true(breaker_is_in_doubt(&b));
    assert_true(breaker_answered(&b, false, BREAKER_TRIAL));
    assert_false(breaker_is_in_doubt(&b));
}

/* Requests from before the suspension do not prolong the pause. Old connections may serve while new
 * ones are refused, so an answer closes the circuit only when it was open for missing answers. */
static void test_late_ends(void **state)
{
    struct breaker b = {0};

    (void)state;
    fail_often(&b, BREAKER_UNSENT, BREAKER_FAILURES_MAX + 64, 1, 0);
    assert_false(breaker_answered(&b, false, BREAKER_NO_TRIAL));
    assert_true(breaker_is_open(&b));
    fail_often(&b, BREAKER_UNANSWERED, 64, 1, 999);
    fail_often(&b, BREAKER_ANSWERED, 64, 1, 999);
    assert_int_equal(breaker_left_ms(&b, AMONG_OTHERS, 999), 1);
    b = (struct breaker){0};
    fail_often(&b, BREAKER_UNANSWERED, BREAKER_FAILURES_MAX, 1, 0);
    assert_true(breaker_answered(&b, true, BREAKER_NO_TRIAL));
    assert_false(breaker_is_open(&b));
}

/* A server is down for all keys, comes back, and never answers one of them. */

enum { BAD_KEY = 7, HANGS = 4 };

struct story {
    struct breaker b;
    uint64_t now_ms;
    enum breaker_trial hanging[HANGS]; /* requests for the bad key that are under way */
    uint64_t ends_at_ms[HANGS];        /* 0: there is none */
    uint64_t tried_at_ms;              /* the last trial that the bad key took from the others */
};

static bool may_ask(struct story *s, uint64_t key, enum breaker_trial *trial)
{
    *trial = BREAKER_NO_TRIAL;
    if (!breaker_is_open(&s->b))
        return true;
    *trial = breaker_take_trial(&s->b, key, ALONE, s->now_ms);
    return *trial != BREAKER_NO_TRIAL;
}

static void end_hanging(struct story *s)
{
    for (int i = 0; i < HANGS; i++) {
        if (s->ends_at_ms[i] == 0 || s->ends_at_ms[i] > s->now_ms)
            continue;
        s->ends_at_ms[i] = 0;
        breaker_failure(&s->b, BREAKER_UNANSWERED, BAD_KEY, s->hanging[i], ALONE, s->now_ms);
    }
}

static void ask_bad_key(struct story *s)
{
    enum breaker_trial trial;

    for (int i = 0; i < HANGS; i++) {
        if (s->ends_at_ms[i] != 0 || !may_ask(s, BAD_KEY, &trial))
            continue;
        s->hanging[i] = trial;
        if (trial == BREAKER_TRIAL)
            s->tried_at_ms = s->now_ms;
        s->ends_at_ms[i] = s->now_ms + (rand() % 2 == 0 ? 1 : 3000);
        end_hanging(s);
        return;
    }
}

static void fall_ill(struct story *s)
{
    const enum breaker_kind kind = rand() % 2 == 0 ? BREAKER_UNSENT : BREAKER_UNANSWERED;
    const unsigned failures = (unsigned)rand() % 40;

    for (unsigned i = 0; i < failures; i++) {
        const uint64_t key = 1000 + (uint64_t)rand() % 20;
        enum breaker_trial trial;

        s->now_ms += (uint64_t)rand() % 800;
        end_hanging(s);
        if (may_ask(s, key, &trial))
            breaker_failure(&s->b, kind, key, trial, ALONE, s->now_ms);
        if (rand() % 4 == 0)
            ask_bad_key(s);
    }
}

/* Checks when other keys are sent again: at the latest one pause after the server came back, after
 * the circuit opened, and after the bad key last took a trial from them; and always after the first
 * answer. */
static void get_well(struct story *s)
{
    const uint64_t well_at_ms = s->now_ms;
    bool has_answered = false;

    while (s->now_ms < well_at_ms + 20000) {
        const uint64_t key = 5000 + (uint64_t)rand() % 1000000;
        enum breaker_trial trial;

        s->now_ms += (uint64_t)rand() % 300;
        end_hanging(s);
        if (rand() % 4 != 0) {
            ask_bad_key(s);
        } else if (may_ask(s, key, &trial)) {
            breaker_answered(&s->b, false, trial);
            has_answered = true;
        } else if (has_answered || (s->now_ms >= well_at_ms + BREAKER_PAUSE_MIN_MS &&
                                    s->now_ms >= s->tried_at_ms + BREAKER_PAUSE_MIN_MS &&
                                    s->now_ms >= s->b.opened_at_ms + BREAKER_PAUSE_MIN_MS)) {
            fail_msg("a good key is not asked for %d ms after the outage",
                     (int)(s->now_ms - well_at_ms));
        }
    }
}

static void test_one_key_costs_no_other_an_answer(void **state)
{
    (void)state;
    srand(1);
    for (int i = 0; i < 2000; i++) {
        struct story s = {.now_ms = 1000000};

        fall_ill(&s);
        get_well(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_opens_after_failures_in_a_row),
        cmocka_unit_test(test_one_key_never_opens),
        cmocka_unit_test(test_a_failure_that_is_an_answer),
        cmocka_unit_test(test_one_trial_in_a_pause),
        cmocka_unit_test(test_pause_doubles_up_to_a_limit),
        cmocka_unit_test(test_pause_of_the_only_one_is_short),
        cmocka_unit_test(test_unanswered_pause_stays_short),
        cmocka_unit_test(test_the_next_trial_is_for_another_key),
        cmocka_unit_test(test_reached_again),
        cmocka_unit_test(test_failures_that_are_answers_while_suspended),
        cmocka_unit_test(test_trial_given_up_is_free),
        cmocka_unit_test(test_old_failures_are_in_doubt),
        cmocka_unit_test(test_late_ends),
        cmocka_unit_test(test_one_key_costs_no_other_an_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
