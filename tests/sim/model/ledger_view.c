/* ledger_view.c - what lookups must see of the writes before them. */
#include "ledger_state.h"

#include "../kernel/kernel.h"

/* Returns the newest change that may be pending and was acknowledged before the lookup. */
static struct ledger_change *newest(const struct ledger_key *key, int64_t sent_ns)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        struct ledger_change *change = ledger_change_of(node);

        if (change->tx->told == LEDGER_DONE && change->tx->told_ns <= sent_ns)
            return change;
    }
    return NULL;
}

/* Returns whether one that was committed after it has been made. */
static bool is_overtaken(const struct ledger_key *key, struct ledger_change *change)
{
    for (struct list_node *node = list_next(&key->changes, &change->node); node != NULL;
         node = list_next(&key->changes, node)) {
        if (ledger_change_of(node)->made > 0)
            return true;
    }
    return false;
}

struct ledger_view ledger_view(const struct ledger_key *key, int64_t sent_ns)
{
    struct ledger_view view = {.floor_ns = INT64_MIN};
    struct ledger_change *last = newest(key, sent_ns);

    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node)) {
        const struct ledger_change *change = ledger_change_of(node);

        if (change->tx->told == LEDGER_DONE && change->tx->told_ns <= sent_ns && change->made > 0 &&
            !change->is_ambiguous && change->made_ns > view.floor_ns)
            view.floor_ns = change->made_ns;
    }
    view.is_pending = last != NULL && last->made == 0 && !last->is_given_up &&
                      last->forgotten_ns == INT64_MAX && !last->is_ambiguous &&
                      !is_overtaken(key, last);
    return view;
}

int64_t ledger_made_ns(const struct ledger_key *key, uint64_t number)
{
    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        const struct ledger_change *change = ledger_change_of(node);

        if (change->tx->number == number)
            return change->tx->told == LEDGER_DONE && change->made > 0 ? change->made_ns
                                                                       : INT64_MIN;
    }
    return INT64_MIN;
}

/* Whether podop may show the value of a change to a lookup that was sent then. */
static bool can_show(const struct ledger_change *change, int64_t sent_ns)
{
    if (!ledger_can_wait(change) || change->tx->told == LEDGER_FAILED ||
        change->forgotten_ns < sent_ns)
        return false;
    return change->made == 0 || change->said_ns == INT64_MIN || change->said_ns >= sent_ns;
}

bool ledger_had_pending(const struct ledger_key *key, enum truth_protocol protocol,
                        const char *text, size_t len, int64_t sent_ns)
{
    const struct ledger_change *last = newest(key, sent_ns);

    for (struct list_node *node = list_last(&key->changes); node != NULL;
         node = list_previous(&key->changes, node)) {
        const struct ledger_change *change = ledger_change_of(node);

        if (can_show(change, sent_ns) && truth_value_shows(change->value, protocol, text, len))
            return true;
        if (change == last)
            return false;
    }
    return false;
}

void ledger_trace(const struct ledger_key *key)
{
    for (struct list_node *node = list_first(&key->changes); node != NULL;
         node = list_next(&key->changes, node))
        sim_trace("%s", ledger_describe(ledger_change_of(node)));
}
