/* ledger_view.c - what lookups must see of the writes before them. */
#include "ledger_state.h"

#include "../kernel/kernel.h"

/* Whether the change was acknowledged before the lookup was sent. */
static bool is_known(const struct ledger_change *change, int64_t sent_ns)
{
    return change->tx->told == LEDGER_DONE && change->tx->told_ns <= sent_ns;
}

/* Whether a newer change, which was acknowledged before the lookup, has taken its place. */
static bool is_replaced(const struct ledger_key *key, struct ledger_change *change,
                        struct ledger_place place, int64_t sent_ns)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if (other != change && is_known(other, sent_ns) && ledger_is_at(other, place) &&
            ledger_precedes(change, other) && !ledger_was_apart(change, other))
            return true;
    }
    return false;
}

/* Whether podop had answered other before change came. What a client that has left had sent, it may
 * make as long as it has not ended. */
static bool is_over(const struct ledger_change *other, const struct ledger_change *change)
{
    const int64_t sent_ns = change->tx->sent_ns;

    if (other->tx->told == LEDGER_LOST && other->forgotten_ns >= sent_ns)
        return other->made > 0 && other->made_ns < sent_ns;
    return other->tx->told != LEDGER_WAITING && other->tx->told_ns < sent_ns;
}

/* Whether one that was committed after it may have taken its place: in the store, or by rules that
 * were others for a while. */
static bool is_overtaken(const struct ledger_key *key, struct ledger_change *change,
                         struct ledger_place place)
{
    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if (other == change || ledger_precedes(other, change) || is_over(other, change))
            continue;
        if ((other->made > 0 && other->made_key == place.key) ||
            (!ledger_is_at(other, place) && ledger_may_supersede(other, change)))
            return true;
    }
    return false;
}

/* Whether the change is surely not in the store yet, and is found, if it is the newest. */
static bool is_surely_pending(const struct ledger_key *key, struct ledger_change *change,
                              struct ledger_place place)
{
    return ledger_is_at(change, place) && change->made == 0 && !change->is_given_up &&
           change->refusals < LEDGER_ATTEMPTS && change->forgotten_ns == INT64_MAX &&
           !change->is_ambiguous && !is_overtaken(key, change, place);
}

/* Whether a lookup that was sent then must see the change in its place of the store. Until it was
 * made, it may have been pending as one of another key. */
static bool is_made_at(struct ledger_change *change, struct ledger_place place, int64_t sent_ns)
{
    return change->made > 0 && change->made_key == place.key && !change->is_ambiguous &&
           (change->made_ns <= sent_ns || ledger_is_at(change, place));
}

struct ledger_view ledger_view(const struct ledger_key *key, struct ledger_place place,
                               int64_t sent_ns)
{
    struct ledger_view view = {.floor_ns = INT64_MIN};
    bool can_be_made = false;

    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (!is_known(change, sent_ns))
            continue;
        if (is_made_at(change, place, sent_ns) && change->made_ns > view.floor_ns)
            view.floor_ns = change->made_ns;
        if (!ledger_may_be_at(change, place) || is_replaced(key, change, place, sent_ns))
            continue;
        if (is_surely_pending(key, change, place))
            view.is_pending = true;
        else
            can_be_made = true;
    }
    view.is_pending &= !can_be_made;
    return view;
}

int64_t ledger_made_ns(const struct ledger_key *key, const struct truth_key *made, uint64_t number)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        const struct ledger_change *change = ledger_change_of(node);

        if (change->tx->number == number && change->tx->told == LEDGER_DONE && change->made > 0 &&
            change->made_key == made)
            return change->made_ns;
    }
    return INT64_MIN;
}

bool ledger_is_waiting(const struct ledger_key *key, const struct truth_key *changed,
                       uint64_t number)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (change->tx->number == number && change->tx->told == LEDGER_WAITING &&
            ledger_is(change, changed))
            return true;
    }
    return false;
}

/* Whether podop may show the value of a change to a lookup that was sent then. */
static bool can_show(const struct ledger_change *change, int64_t sent_ns)
{
    if (!ledger_can_wait(change) || change->tx->told == LEDGER_FAILED ||
        change->forgotten_ns < sent_ns)
        return false;
    return change->made == 0 || change->said_ns == INT64_MIN || change->said_ns >= sent_ns;
}

bool ledger_had_pending(const struct ledger_key *key, struct ledger_place place,
                        enum truth_protocol protocol, const char *text, size_t len, int64_t sent_ns)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (truth_value_shows(change->value, protocol, text, len) && can_show(change, sent_ns) &&
            ledger_may_be_at(change, place) && !is_replaced(key, change, place, sent_ns))
            return true;
    }
    return false;
}

void ledger_trace(const struct ledger_key *key)
{
    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node))
        sim_trace("%s", ledger_describe(ledger_change_of(node)));
}
