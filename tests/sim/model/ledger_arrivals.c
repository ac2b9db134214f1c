/* ledger_arrivals.c - the writes as they come to the backends. */
#include "ledger_state.h"

#include "../kernel/kernel.h"

#include <stdlib.h>

static const int64_t DOUBT_NS = 20000000000; /* an answer may lie unread while podop is stopped */

/* Without a number, the request has all changes of the transaction, or one that was kept. */
static bool is_of_transaction(const struct ledger_change *change,
                              const struct ledger_arrival *arrival)
{
    if (arrival->number != 0)
        return change->tx->number == arrival->number;
    return change->tx->count == arrival->count || (arrival->count == 1 && ledger_can_wait(change));
}

static bool is_same(struct ledger_change *change, const struct ledger_arrival *arrival,
                    const struct truth_value *value)
{
    if (change->kind != arrival->kind || !is_of_transaction(change, arrival) ||
        !ledger_may_be(change, arrival->key))
        return false;
    switch (arrival->kind) {
    case LEDGER_SET: return truth_value_equal(change->value, value);
    case LEDGER_UNSET: return true;
    case LEDGER_INC: return change->by == strtoll(arrival->value, NULL, 10);
    }
    return false;
}

/* How well a change fits that has not come yet: first those that podop keeps, then those that it
 * has not answered; those that failed, or whose client has left, may never come. */
static unsigned fit(const struct ledger_change *change)
{
    if (list_has(&change->pending))
        return 5;
    switch (change->tx->told) {
    case LEDGER_WAITING: return 4;
    case LEDGER_DONE:
    case LEDGER_NOT_FOUND: return 3;
    case LEDGER_LOST:
    case LEDGER_UNCERTAIN: return 2;
    case LEDGER_FAILED: break;
    }
    return 1;
}

/* Returns the change that arrived: of those that have not come yet, the oldest of those that fit
 * best; otherwise the newest that comes again, which can only be one that was kept. NULL: none. */
static struct ledger_change *find(const struct ledger_key *key,
                                  const struct ledger_arrival *arrival)
{
    struct truth_value *value =
        arrival->kind == LEDGER_SET ? truth_value_new(arrival->value, arrival->value_len) : NULL;
    struct ledger_change *first = NULL, *again = NULL;

    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (!is_same(change, arrival, value))
            continue;
        if (change->arrivals > 0)
            again = change;
        else if (first == NULL || fit(change) > fit(first))
            first = change;
    }
    truth_value_unref(&value);
    if (first != NULL && again != NULL && fit(first) == 1)
        return again;
    return first != NULL ? first : again;
}

static bool is_doubtful(const struct ledger_change *change)
{
    const int64_t doubt_ns = change->tx->ledger->doubt_ns;

    return doubt_ns >= change->said_ns && doubt_ns <= change->said_ns + DOUBT_NS;
}

static void check_arrival(const struct ledger_change *change, const struct ledger_arrival *arrival)
{
    if (change->tx->told == LEDGER_FAILED)
        sim_broken("a write comes after F", "%s", ledger_describe(change));
    if (change->arrivals == 0 || arrival->number == 0)
        return;
    if (!ledger_can_wait(change))
        sim_broken("a write comes twice", "%s", ledger_describe(change));
    if (change->said_ns != INT64_MIN && !is_doubtful(change))
        sim_broken("a held write comes again after it was done", "%s", ledger_describe(change));
}

/* A change that podop does not know the fate of may be made at any time. */
static bool is_loose(const struct ledger_change *change)
{
    return change->tx->told == LEDGER_UNCERTAIN || change->tx->told == LEDGER_LOST;
}

/* The change is made now, in this key of the store. */
static void check_order(struct ledger_change *change, const struct truth_key *key)
{
    for (struct list_node *node = list_first(&change->key->changes); node != NULL;
         node = list_next(&change->key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if (other != change && other->made > 0 && !other->is_ambiguous && other->made_key == key &&
            !is_loose(change) && ledger_precedes(change, other) &&
            !ledger_was_apart(change, other)) {
            ledger_trace(change->key);
            sim_broken("an older write after a newer one", "%s after %s", ledger_describe(change),
                       ledger_describe(other));
        }
    }
}

/* What was pending before it need not be made any more. */
static void settle_older(struct ledger_change *change)
{
    for (struct list_node *node = list_first(&change->key->changes); node != NULL;
         node = list_next(&change->key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if (ledger_may_supersede(change, other) && ledger_precedes(other, change))
            ledger_settle(other);
    }
}

static void note(struct ledger_change *change, const struct ledger_arrival *arrival,
                 enum ledger_made made, int64_t now_ns)
{
    change->arrivals++;
    change->last = made;
    change->has_no_key |= made == LEDGER_NO_KEY;
    change->refusals += made == LEDGER_REFUSED;
    if (made != LEDGER_MADE && made != LEDGER_MADE_LATE && made != LEDGER_MADE_UNSAID)
        return;
    change->is_unsaid = made == LEDGER_MADE_UNSAID && (change->made == 0 || change->is_unsaid);
    if (!arrival->is_late && arrival->number != 0 && change->made == 0)
        check_order(change, arrival->key);
    if (change->made++ == 0) {
        change->made_ns = now_ns;
        change->made_key = arrival->key;
    }
    if (made == LEDGER_MADE && !arrival->is_late)
        change->said_ns = now_ns;
    ledger_settle(change);
    settle_older(change);
}

/* Whether a request without a number, which was taken for found, may be this change as well: one of
 * those that wait, or that have no answer yet. */
static bool may_be_too(struct ledger_change *change, const struct ledger_arrival *arrival,
                       const struct ledger_change *found)
{
    if (change == found || change->kind != arrival->kind || !ledger_may_be(change, arrival->key))
        return false;
    if (ledger_can_wait(found))
        return ledger_can_wait(change);
    return change->tx->told == LEDGER_WAITING && change->arrivals == 0 &&
           is_of_transaction(change, arrival);
}

static void doubt(const struct ledger_key *key, const struct ledger_arrival *arrival,
                  struct ledger_change *found)
{
    found->is_ambiguous |= ledger_can_wait(found);
    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (!may_be_too(change, arrival, found))
            continue;
        found->is_ambiguous = change->is_ambiguous = true;
        ledger_settle(change);
    }
}

/* An unset without a number that is refused may be any of the key: each may be refused that often.
 */
static void refuse_others(const struct ledger_key *key, const struct ledger_arrival *arrival,
                          const struct ledger_change *found)
{
    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (change != found && is_same(change, arrival, NULL))
            change->refusals++;
    }
}

void ledger_arrived(struct ledger *ledger, const struct ledger_arrival *arrival,
                    enum ledger_made made, int64_t now_ns)
{
    const struct ledger_key *key = ledger_find(ledger, arrival->table, arrival->key);
    struct ledger_change *change = key == NULL ? NULL : find(key, arrival);

    if (change == NULL && arrival->is_late)
        return;
    if (change == NULL && key != NULL)
        ledger_trace(key);
    if (change == NULL)
        sim_broken("a write that no client made", "%s/%s kind %d = %.*s of %llu",
                   arrival->table->name, truth_name(arrival->key), (int)arrival->kind,
                   (int)arrival->value_len, arrival->value, (unsigned long long)arrival->number);
    if (!arrival->is_late)
        check_arrival(change, arrival);
    note(change, arrival, made, now_ns);
    if (arrival->number == 0)
        doubt(key, arrival, change);
    if (arrival->number == 0 && arrival->kind == LEDGER_UNSET && made == LEDGER_REFUSED)
        refuse_others(key, arrival, change);
}

/* Returns how many of at most count writes of the key podop may have given up, and marks them. */
static unsigned give_up(const struct ledger_key *key, unsigned count)
{
    unsigned given_up = 0;

    for (struct list_node *node = list_first(&key->changes); node != NULL && given_up < count;
         node = list_next(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (change->is_given_up || change->refusals < LEDGER_ATTEMPTS)
            continue;
        change->is_given_up = true;
        ledger_settle(change);
        given_up++;
    }
    return given_up;
}

void ledger_gave_up(struct ledger *ledger, const struct scene_table *table, unsigned count)
{
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        for (const struct ledger_key *key = ledger->slots[i]; key != NULL; key = key->next) {
            if (key->table == table)
                count -= give_up(key, count);
        }
    }
    if (count > 0)
        sim_broken("a pending write was given up without need", "%u of %s", count, table->name);
}

static const char *reason_of(struct ledger_change *change, ledger_excuse_fn *excuse)
{
    const char *reason = NULL;

    for (size_t i = 0; excuse != NULL && i < change->key_count && reason == NULL; i++)
        reason = excuse(change->tx->table, change->keys[i]);
    return reason;
}

/* podop's memory ended with it: what it had not made is not pending any more, also where a write of
 * another client may have taken its place. */
static void forget_all(struct ledger *ledger, int64_t now_ns)
{
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        for (const struct ledger_key *key = ledger->slots[i]; key != NULL; key = key->next) {
            for (struct list_node *node = list_first(&key->changes); node != NULL;
                 node = list_next(&key->changes, node))
                ledger_forget(ledger_change_of(node), now_ns);
        }
    }
}

void ledger_stopped(struct ledger *ledger, ledger_excuse_fn *excuse, int64_t now_ns)
{
    struct list_node *node;

    ledger_settle_superseded(ledger);
    while ((node = list_first(&ledger->pending)) != NULL) {
        struct ledger_change *change = CONTAINER_OF(node, struct ledger_change, pending);
        const char *reason = reason_of(change, excuse);

        if (reason == NULL)
            sim_broken("a pending write was lost at a stop", "%s", ledger_describe(change));
        sim_trace("a pending write is lost, %s: %s", reason, ledger_describe(change));
        ledger_settle(change);
    }
    forget_all(ledger, now_ns);
}
