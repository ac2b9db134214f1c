#include "ledger.h"

#include "fake_run.h"
#include "keys.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLIENT = 1 };

struct fixture {
    struct truth *truth;
    struct truth_key *a, *b;
    struct ledger *ledger;
    struct scene_table table; /* makes writes before it answers */
    struct scene_table held;  /* write-behind */
    struct scene_table whole; /* commit_url */
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->truth = truth_new("store", seconds(100));
    f->a = truth_add(f->truth, "a", 1);
    f->b = truth_add(f->truth, "b", 1);
    f->ledger = ledger_new();
    f->table = (struct scene_table){.name = "table", .type = SCENE_URL};
    f->held = (struct scene_table){.name = "held", .was_write_behind = true};
    f->whole = (struct scene_table){.name = "whole", .has_commit_url = true};
    fake_now_ns = seconds(1000);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ledger_free(&f->ledger);
    truth_free(&f->truth);
    free(f);
    return 0;
}

static int64_t later(void)
{
    return fake_now_ns += seconds(0.1);
}

/* Begins and sends a transaction of one or two sets. */
static struct ledger_tx *set(struct fixture *f, const struct scene_table *table, const char *a,
                             const char *b)
{
    struct ledger_tx *tx = ledger_begin(f->ledger, table, CLIENT);

    if (a != NULL)
        ledger_change(tx, LEDGER_SET, f->a, a);
    if (b != NULL)
        ledger_change(tx, LEDGER_SET, f->b, b);
    ledger_sent(tx, later());
    return tx;
}

static void arrive(struct fixture *f, const struct scene_table *table, struct truth_key *key,
                   const char *json, uint64_t number, enum ledger_made made)
{
    const struct ledger_arrival arrival = {
        .table = table,
        .key = key,
        .kind = json == NULL ? LEDGER_UNSET : LEDGER_SET,
        .value = json,
        .value_len = json == NULL ? 0 : strlen(json),
        .number = number,
        .count = 1,
    };

    ledger_arrived(f->ledger, &arrival, made, later());
}

static void done_needs_the_write(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->table, "x1", NULL);

    arrive(f, &f->table, f->a, "\"x1\"", ledger_number(tx), LEDGER_MADE);
    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_DONE, later()));
    tx = set(f, &f->table, "x2", NULL);
    ASSERT_BREAKS("O, but not made", ledger_told(&tx, LEDGER_DONE, later()));
}

static void a_write_comes_once(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->table, "x1", NULL);
    const uint64_t number = ledger_number(tx);

    arrive(f, &f->table, f->a, "\"x1\"", number, LEDGER_MADE_UNSAID);
    ASSERT_BREAKS("a write comes twice", arrive(f, &f->table, f->a, "\"x1\"", number, LEDGER_MADE));
    ASSERT_BREAKS("a write that no client made",
                  arrive(f, &f->table, f->a, "\"x9\"", number, LEDGER_MADE));
    ASSERT_BREAKS("a write that no client made",
                  arrive(f, &f->table, f->b, "\"x1\"", number, LEDGER_MADE));
}

static void failed_means_not_made(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->table, "x1", NULL);
    uint64_t number = ledger_number(tx);

    arrive(f, &f->table, f->a, "\"x1\"", number, LEDGER_MADE_UNSAID);
    ASSERT_BREAKS("F, but made", ledger_told(&tx, LEDGER_FAILED, later()));
    tx = set(f, &f->table, "x2", NULL);
    arrive(f, &f->table, f->a, "\"x2\"", ledger_number(tx), LEDGER_REFUSED);
    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_FAILED, later()));
    tx = set(f, &f->table, "x3", NULL);
    arrive(f, &f->table, f->a, "\"x3\"", ledger_number(tx), LEDGER_IGNORED);
    ASSERT_BREAKS("F, but uncertain", ledger_told(&tx, LEDGER_FAILED, later()));
    tx = set(f, &f->table, "x4", NULL);
    number = ledger_number(tx);
    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_FAILED, later()));
    ASSERT_BREAKS("a write comes after F",
                  arrive(f, &f->table, f->a, "\"x4\"", number, LEDGER_MADE));
}

static void failed_ends_a_transaction(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->table, "x1", "y1");

    arrive(f, &f->table, f->a, "\"x1\"", ledger_number(tx), LEDGER_MADE);
    arrive(f, &f->table, f->b, "\"y1\"", ledger_number(tx), LEDGER_REFUSED);
    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_FAILED, later()));
    tx = set(f, &f->table, "x2", "y2");
    arrive(f, &f->table, f->a, "\"x2\"", ledger_number(tx), LEDGER_REFUSED);
    arrive(f, &f->table, f->b, "\"y2\"", ledger_number(tx), LEDGER_MADE);
    ASSERT_BREAKS("F, but made", ledger_told(&tx, LEDGER_FAILED, later()));
    tx = set(f, &f->whole, "x3", "y3");
    arrive(f, &f->whole, f->a, "\"x3\"", ledger_number(tx), LEDGER_MADE);
    arrive(f, &f->whole, f->b, "\"y3\"", ledger_number(tx), LEDGER_REFUSED);
    ASSERT_BREAKS("F, but made", ledger_told(&tx, LEDGER_FAILED, later()));
}

static void increment(struct fixture *f, struct ledger_tx *tx, enum ledger_made made)
{
    const struct ledger_arrival arrival = {.table = &f->table,
                                           .key = f->a,
                                           .kind = LEDGER_INC,
                                           .value = "-3",
                                           .value_len = 2,
                                           .number = ledger_number(tx)};

    ledger_arrived(f->ledger, &arrival, made, later());
}

static void not_found_needs_an_increment_of_no_key(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = ledger_begin(f->ledger, &f->table, CLIENT);

    ledger_change(tx, LEDGER_INC, f->a, "-3");
    ledger_sent(tx, later());
    increment(f, tx, LEDGER_NO_KEY);
    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_NOT_FOUND, later()));
    tx = ledger_begin(f->ledger, &f->table, CLIENT);
    ledger_change(tx, LEDGER_INC, f->a, "-3");
    ledger_sent(tx, later());
    increment(f, tx, LEDGER_MADE);
    ASSERT_BREAKS("N, but the keys are there", ledger_told(&tx, LEDGER_NOT_FOUND, later()));
}

static void a_held_write_is_made_later(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->held, "x1", NULL);
    const uint64_t number = ledger_number(tx);

    ASSERT_BREAKS(NULL, ledger_told(&tx, LEDGER_DONE, later()));
    assert_int_equal(ledger_pending(f->ledger), 1);
    ASSERT_BREAKS("a pending write was lost at a stop",
                  ledger_stopped(f->ledger, NULL, fake_now_ns));
    arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE);
    assert_int_equal(ledger_pending(f->ledger), 0);
    ASSERT_BREAKS("a held write comes again after it was done",
                  arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
    ledger_doubt(f->ledger, later());
    ASSERT_BREAKS(NULL, arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
}

static void only_the_last_held_value_is_made(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *first = set(f, &f->held, "x1", NULL), *second;
    const uint64_t number = ledger_number(first);

    ledger_told(&first, LEDGER_DONE, later());
    second = set(f, &f->held, "x2", NULL);
    arrive(f, &f->held, f->a, "\"x2\"", ledger_number(second), LEDGER_MADE_UNSAID);
    ledger_told(&second, LEDGER_DONE, later());
    assert_int_equal(ledger_pending(f->ledger), 0);
    ASSERT_BREAKS("an older write after a newer one",
                  arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
}

static void giving_up_needs_ten_refusals(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->held, "x1", NULL);
    const uint64_t number = ledger_number(tx);

    ledger_told(&tx, LEDGER_DONE, later());
    for (int i = 0; i < 9; i++)
        arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_REFUSED);
    ASSERT_BREAKS("a pending write was given up without need",
                  ledger_gave_up(f->ledger, &f->held, 1));
    arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_REFUSED);
    ASSERT_BREAKS(NULL, ledger_gave_up(f->ledger, &f->held, 1));
    assert_int_equal(ledger_pending(f->ledger), 0);
}

static struct ledger_tx *unset(struct fixture *f, uint64_t client)
{
    struct ledger_tx *tx = ledger_begin(f->ledger, &f->held, client);

    ledger_change(tx, LEDGER_UNSET, f->a, NULL);
    ledger_sent(tx, later());
    return tx;
}

static void refusals_of_an_unset_without_a_number_are_of_any(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *pending = unset(f, CLIENT), *direct;

    ledger_told(&pending, LEDGER_DONE, later());
    for (int i = 0; i < 8; i++)
        arrive(f, &f->held, f->a, NULL, 0, LEDGER_REFUSED);
    direct = unset(f, CLIENT);
    arrive(f, &f->held, f->a, NULL, 0, LEDGER_REFUSED);
    ASSERT_BREAKS("a pending write was given up without need",
                  ledger_gave_up(f->ledger, &f->held, 1));
    arrive(f, &f->held, f->a, NULL, 0, LEDGER_REFUSED);
    ASSERT_BREAKS(NULL, ledger_gave_up(f->ledger, &f->held, 1));
    ledger_told(&direct, LEDGER_FAILED, later());
}

static struct ledger_place place_of(struct truth_key *key)
{
    return (struct ledger_place){key, 0};
}

static bool shows(const struct fixture *f, const char *text, int64_t sent_ns)
{
    return ledger_had_pending(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), TRUTH_DOVECOT,
                              text, text == NULL ? 0 : strlen(text), sent_ns);
}

/* podop makes what such a client has sent when its turn comes. */
static void a_client_that_has_left_may_have_replaced_a_pending_value(void **state)
{
    static const enum ledger_told told[] = {LEDGER_UNCERTAIN, LEDGER_LOST};
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        struct ledger_tx *left = unset(f, CLIENT + 1), *newer;
        const uint64_t number = ledger_number(left);
        const struct ledger_key *key = ledger_find(f->ledger, &f->held, f->a);

        ledger_told(&left, told[i], later());
        newer = set(f, &f->held, "x1", NULL);
        ledger_told(&newer, LEDGER_DONE, later());
        assert_true(ledger_view(key, place_of(f->a), later()).is_pending);
        arrive(f, &f->held, f->a, NULL, number, LEDGER_MADE);
        assert_int_equal(ledger_view(key, place_of(f->a), later()).is_pending, i == 0);
    }
}

static void lookups_see_pending_values(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->held, "x1", NULL);
    const uint64_t number = ledger_number(tx);
    struct ledger_view view;
    int64_t sent_ns;

    ledger_told(&tx, LEDGER_DONE, later());
    sent_ns = later();
    view = ledger_view(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), sent_ns);
    assert_true(view.is_pending);
    assert_true(shows(f, "x1", sent_ns));
    assert_false(shows(f, "x0", sent_ns));
    assert_false(shows(f, NULL, sent_ns));
    arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE);
    view = ledger_view(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), sent_ns);
    assert_false(view.is_pending);
    assert_true(view.floor_ns == fake_now_ns);
    assert_true(shows(f, "x1", sent_ns));
    assert_false(shows(f, "x1", later())); /* now the store has it */
}

static const char *reason_of(const struct scene_table *table, const struct truth_key *key)
{
    (void)table;
    (void)key;
    return "the backend was down";
}

static void a_stop_with_a_reason_forgets(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx = set(f, &f->held, "x1", NULL);

    ledger_told(&tx, LEDGER_DONE, later());
    ASSERT_BREAKS(NULL, ledger_stopped(f->ledger, reason_of, fake_now_ns));
    assert_int_equal(ledger_pending(f->ledger), 0);
    assert_false(
        ledger_view(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), later()).is_pending);
    assert_true(shows(f, "x1", fake_now_ns - seconds(3))); /* an answer from before the end */
    assert_false(shows(f, "x1", later()));
}

/* Which of two clients' writes is the newer one is not known, so neither must be made; a stop ends
 * both. */
static void a_stop_forgets_what_another_client_may_have_replaced(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *first = set(f, &f->held, "x1", NULL), *second;
    const uint64_t number = ledger_number(first);

    ledger_told(&first, LEDGER_UNCERTAIN, later());
    second = ledger_begin(f->ledger, &f->held, CLIENT + 1);
    ledger_change(second, LEDGER_SET, f->a, "x2");
    ledger_sent(second, later());
    arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE);
    ledger_told(&second, LEDGER_DONE, later());
    assert_int_equal(ledger_pending(f->ledger), 0);
    assert_true(
        ledger_view(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), later()).is_pending);
    ledger_stopped(f->ledger, NULL, fake_now_ns);
    assert_false(
        ledger_view(ledger_find(f->ledger, &f->held, f->a), place_of(f->a), later()).is_pending);
    assert_false(shows(f, "x2", later()));
}

static void old_changes_are_forgotten(void **state)
{
    struct fixture *f = *state;
    char value[20];

    for (int i = 0; i < 5000; i++) {
        struct ledger_tx *tx;

        fake_now_ns += seconds(10);
        snprintf(value, sizeof(value), "%d", i);
        tx = set(f, &f->table, value, NULL);
        arrive(f, &f->table, f->a, value, ledger_number(tx), LEDGER_MADE);
        ledger_told(&tx, LEDGER_DONE, later());
    }
    assert_int_equal(ledger_total(f->ledger), 5000);
    ASSERT_BREAKS("a write that no client made", arrive(f, &f->table, f->a, "1", 2, LEDGER_MADE));
}

static void an_unset_without_a_number_is_any_of_them(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *tx;

    for (int i = 0; i < 2; i++) {
        tx = ledger_begin(f->ledger, &f->held, CLIENT);
        ledger_change(tx, LEDGER_UNSET, f->a, NULL);
        ledger_sent(tx, later());
        ledger_told(&tx, LEDGER_DONE, later());
    }
    assert_int_equal(ledger_pending(f->ledger), 1);
    arrive(f, &f->held, f->a, NULL, 0, LEDGER_MADE);
    assert_int_equal(ledger_pending(f->ledger), 0);
}

/* Of two that have no answer yet, the one that failed need not be the one that came. */
static void an_unset_without_a_number_is_any_without_an_answer(void **state)
{
    struct fixture *f = *state;
    struct ledger_tx *txs[2];

    for (int i = 0; i < 2; i++) {
        txs[i] = ledger_begin(f->ledger, &f->table, CLIENT);
        ledger_change(txs[i], LEDGER_UNSET, f->a, NULL);
        ledger_sent(txs[i], later());
    }
    arrive(f, &f->table, f->a, NULL, 0, LEDGER_MADE);
    ASSERT_BREAKS(NULL, ledger_told(&txs[0], LEDGER_FAILED, later()));
    ASSERT_BREAKS(NULL, ledger_told(&txs[1], LEDGER_DONE, later()));
    txs[0] = ledger_begin(f->ledger, &f->table, CLIENT);
    ledger_change(txs[0], LEDGER_UNSET, f->a, NULL);
    ledger_sent(txs[0], later());
    arrive(f, &f->table, f->a, NULL, 0, LEDGER_MADE);
    ASSERT_BREAKS("F, but made", ledger_told(&txs[0], LEDGER_FAILED, later()));
}

/* Keys in several spellings, by rules that change */

enum { FOLDED = 2 /* keys_rules(KEYS_FOLD_ALL, KEYS_IDNA_NONE) */ };

static struct ledger_tx *set_key(struct fixture *f, struct truth_key *key, const char *value)
{
    struct ledger_tx *tx = ledger_begin(f->ledger, &f->held, CLIENT);

    ledger_change(tx, LEDGER_SET, key, value);
    ledger_sent(tx, later());
    return tx;
}

static void use_rules(struct fixture *f, unsigned rules)
{
    keys_may_change(&f->held, rules, later());
    f->held.rules = rules;
    keys_changed(&f->held, later());
}

static void a_write_goes_to_the_normal_form_of_its_key(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    struct ledger_tx *tx;

    use_rules(f, FOLDED);
    tx = set_key(f, upper, "x1");
    ASSERT_BREAKS("a write that no client made",
                  arrive(f, &f->held, upper, "\"x1\"", ledger_number(tx), LEDGER_MADE));
    ASSERT_BREAKS(NULL, arrive(f, &f->held, f->a, "\"x1\"", ledger_number(tx), LEDGER_MADE));
    ledger_told(&tx, LEDGER_DONE, later());
}

static void two_keys_that_become_one_have_the_newer_value(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    struct ledger_tx *older, *newer;
    uint64_t number, newer_number;

    use_rules(f, 0);
    older = set_key(f, upper, "x1");
    number = ledger_number(older);
    ledger_told(&older, LEDGER_DONE, later());
    newer = set_key(f, f->a, "x2");
    newer_number = ledger_number(newer);
    ledger_told(&newer, LEDGER_DONE, later());
    use_rules(f, FOLDED);
    arrive(f, &f->held, f->a, "\"x2\"", newer_number, LEDGER_MADE);
    ASSERT_BREAKS("an older write after a newer one",
                  arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
    assert_int_equal(ledger_pending(f->ledger), 0);
}

static void a_pending_write_may_follow_what_another_key_had(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    struct ledger_tx *older, *newer;
    uint64_t number, newer_number;

    use_rules(f, 0);
    older = set_key(f, upper, "x1");
    number = ledger_number(older);
    ledger_told(&older, LEDGER_DONE, later());
    newer = set_key(f, f->a, "x2");
    newer_number = ledger_number(newer);
    ledger_told(&newer, LEDGER_DONE, later());
    arrive(f, &f->held, f->a, "\"x2\"", newer_number, LEDGER_MADE);
    assert_int_equal(ledger_pending(f->ledger), 1);
    use_rules(f, FOLDED);
    ASSERT_BREAKS(NULL, arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
}

/* Transactions of a client for two keys may be accepted in any order; of those, the last one is the
 * newest when a reload makes the keys one. */
static void two_keys_that_become_one_have_the_value_accepted_last(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    struct ledger_tx *first, *second;
    uint64_t number;

    use_rules(f, 0);
    first = set_key(f, upper, "x1");
    number = ledger_number(first);
    second = set_key(f, f->a, "x2");
    ledger_told(&second, LEDGER_DONE, later());
    ledger_told(&first, LEDGER_DONE, later());
    use_rules(f, FOLDED);
    ASSERT_BREAKS(NULL, arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
    assert_int_equal(ledger_pending(f->ledger), 0);
    first = set_key(f, upper, "x3");
    second = set_key(f, f->a, "x4");
    arrive(f, &f->held, f->a, "\"x4\"", ledger_number(second), LEDGER_MADE);
    ASSERT_BREAKS("an older write after a newer one",
                  arrive(f, &f->held, f->a, "\"x3\"", ledger_number(first), LEDGER_MADE));
    ledger_told(&second, LEDGER_DONE, later());
    ledger_told(&first, LEDGER_DONE, later());
}

static void one_key_that_becomes_two_is_found_as_written(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    struct ledger_tx *tx;
    const struct ledger_key *key;

    use_rules(f, FOLDED);
    tx = set_key(f, upper, "x1");
    ledger_told(&tx, LEDGER_DONE, later());
    key = ledger_find(f->ledger, &f->held, f->a);
    assert_true(ledger_view(key, (struct ledger_place){f->a, FOLDED}, later()).is_pending);
    use_rules(f, 0);
    assert_true(ledger_view(key, place_of(f->a), later()).is_pending);
    assert_false(ledger_view(key, place_of(upper), later()).is_pending);
}

/* Rules that are in the file may come into use after a commit, to which others were applied. */
static void a_pending_write_follows_rules_one_after_the_other(void **state)
{
    const unsigned ascii = keys_rules(KEYS_FOLD_NONE, KEYS_IDNA_ASCII);
    struct fixture *f = *state;
    struct truth_key *written = truth_add(f->truth, "A@" KEYS_U_LABEL ".x", 11);
    struct truth_key *made = keys_normal(keys_normal(written, FOLDED), ascii);
    struct ledger_tx *tx;
    uint64_t number;

    use_rules(f, FOLDED);
    keys_may_change(&f->held, ascii, later());
    tx = set_key(f, written, "x1");
    number = ledger_number(tx);
    ledger_told(&tx, LEDGER_DONE, later());
    keys_changed(&f->held, later());
    ASSERT_BREAKS(NULL, arrive(f, &f->held, made, "\"x1\"", number, LEDGER_MADE));
    assert_int_equal(ledger_pending(f->ledger), 0);
}

/* A lookup under the rules before need not see what a reload has made a write of its key since. */
static void a_lookup_before_a_reload_misses_a_write_of_another_key(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);
    const struct ledger_key *key;
    struct ledger_tx *tx;
    uint64_t number;
    int64_t sent_ns;

    use_rules(f, 0);
    tx = set_key(f, upper, "x1");
    number = ledger_number(tx);
    ledger_told(&tx, LEDGER_DONE, later());
    sent_ns = later();
    use_rules(f, FOLDED);
    arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE);
    key = ledger_find(f->ledger, &f->held, f->a);
    assert_true(ledger_view(key, place_of(f->a), sent_ns).floor_ns == INT64_MIN);
    assert_true(ledger_view(key, (struct ledger_place){f->a, FOLDED}, sent_ns).floor_ns ==
                fake_now_ns);
    assert_true(ledger_view(key, place_of(f->a), later()).floor_ns != INT64_MIN);
}

/* While a transaction waits for its turn, it keeps the form of the rules with which it came. */
static void a_transaction_of_another_key_may_be_accepted_after_newer_ones(void **state)
{
    struct fixture *f = *state;
    struct truth_key *upper = truth_add(f->truth, "A", 1);

    for (int i = 0; i < 2; i++) {
        struct ledger_tx *first, *second;
        uint64_t number;

        use_rules(f, 0);
        first = set_key(f, upper, "x1");
        number = ledger_number(first);
        use_rules(f, FOLDED);
        second = set_key(f, i == 0 ? f->a : upper, "x2");
        arrive(f, &f->held, f->a, "\"x2\"", ledger_number(second), LEDGER_MADE);
        ledger_told(&second, LEDGER_DONE, later());
        ledger_told(&first, LEDGER_DONE, later());
        ASSERT_BREAKS(i == 0 ? NULL : "an older write after a newer one",
                      arrive(f, &f->held, f->a, "\"x1\"", number, LEDGER_MADE));
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(done_needs_the_write),
        CASE(a_write_comes_once),
        CASE(failed_means_not_made),
        CASE(failed_ends_a_transaction),
        CASE(not_found_needs_an_increment_of_no_key),
        CASE(a_held_write_is_made_later),
        CASE(only_the_last_held_value_is_made),
        CASE(giving_up_needs_ten_refusals),
        CASE(refusals_of_an_unset_without_a_number_are_of_any),
        CASE(a_client_that_has_left_may_have_replaced_a_pending_value),
        CASE(lookups_see_pending_values),
        CASE(a_stop_with_a_reason_forgets),
        CASE(a_stop_forgets_what_another_client_may_have_replaced),
        CASE(old_changes_are_forgotten),
        CASE(an_unset_without_a_number_is_any_of_them),
        CASE(an_unset_without_a_number_is_any_without_an_answer),
        CASE(a_write_goes_to_the_normal_form_of_its_key),
        CASE(two_keys_that_become_one_have_the_newer_value),
        CASE(a_pending_write_may_follow_what_another_key_had),
        CASE(two_keys_that_become_one_have_the_value_accepted_last),
        CASE(one_key_that_becomes_two_is_found_as_written),
        CASE(a_pending_write_follows_rules_one_after_the_other),
        CASE(a_lookup_before_a_reload_misses_a_write_of_another_key),
        CASE(a_transaction_of_another_key_may_be_accepted_after_newer_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
