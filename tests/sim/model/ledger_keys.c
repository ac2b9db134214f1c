/* ledger_keys.c - which key of the store a change is for. It has its normal form when it is
 * committed. While it is pending, a reload may give its table other rules, which make another key
 * of that form; an attempt that fails may leave it with the new key. */
#include "keys.h"
#include "ledger_state.h"

#include "../kernel/kernel.h"

static void add(struct ledger_change *change, struct truth_key *key)
{
    for (size_t i = 0; i < change->key_count; i++) {
        if (change->keys[i] == key)
            return;
    }
    if (change->key_count == LEDGER_FORMS)
        sim_broken("the model", "%s has too many normal forms", truth_name(change->truth));
    change->keys[change->key_count++] = key;
}

/* Takes the rules that came since the last look, one after the other. A change that was not
 * answered yet may be sealed by them as well. */
static void follow(struct ledger_change *change)
{
    const struct scene_table *table = change->tx->table;

    for (; change->rules_seen < table->rules_count; change->rules_seen++) {
        const struct scene_rules *r = &table->rules_log[change->rules_seen % SCENE_RULES_KEPT];
        const size_t count = change->key_count;

        for (size_t i = 0; i < count; i++)
            add(change, keys_normal(change->keys[i], r->rules));
        if (change->tx->told == LEDGER_WAITING || r->from_ns <= change->tx->told_ns)
            add(change, keys_normal(change->truth, r->rules));
    }
}

void ledger_find_keys(struct ledger_change *change)
{
    const struct scene_table *table = change->tx->table;

    if (table->rules_count == 0)
        add(change, keys_normal(change->truth, table->rules));
    change->rules_seen = keys_first_used(table, change->tx->sent_ns);
    follow(change);
}

bool ledger_may_be(struct ledger_change *change, const struct truth_key *key)
{
    follow(change);
    for (size_t i = 0; i < change->key_count; i++) {
        if (change->keys[i] == key)
            return true;
    }
    return false;
}

static size_t count_at(struct ledger_change *change, const struct truth_key *key, unsigned rules)
{
    size_t count = 0;

    follow(change);
    for (size_t i = 0; i < change->key_count; i++)
        count += keys_normal(change->keys[i], rules) == key;
    return count;
}

bool ledger_may_be_at(struct ledger_change *change, struct ledger_place place)
{
    return count_at(change, place.key, place.rules) > 0;
}

bool ledger_is_at(struct ledger_change *change, struct ledger_place place)
{
    return count_at(change, place.key, place.rules) == change->key_count;
}

bool ledger_is(struct ledger_change *change, const struct truth_key *key)
{
    return ledger_may_be(change, key) && change->key_count == 1;
}

bool ledger_may_join(struct ledger_change *a, struct ledger_change *b, int64_t since_ns)
{
    const unsigned used = keys_used(a->tx->table, since_ns, sim_now());

    follow(b);
    KEYS_EACH(rules, used)
    {
        for (size_t i = 0; i < b->key_count; i++) {
            if (count_at(a, keys_normal(b->keys[i], rules), rules) > 0)
                return true;
        }
    }
    return false;
}

static bool may_part(struct ledger_change *a, struct ledger_change *b, unsigned used)
{
    follow(b);
    KEYS_EACH(rules, used)
    {
        for (size_t i = 0; i < b->key_count; i++) {
            if (count_at(a, keys_normal(b->keys[i], rules), rules) < a->key_count)
                return true;
        }
    }
    return false;
}

bool ledger_may_part(struct ledger_change *a, struct ledger_change *b, int64_t at_ns)
{
    return may_part(a, b, keys_used(a->tx->table, at_ns, at_ns));
}

bool ledger_were_two(struct ledger_change *a, struct ledger_change *b)
{
    const int64_t end_ns = a->tx->told == LEDGER_WAITING ? sim_now() : a->tx->told_ns;
    const int64_t from_ns = a->truth == b->truth ? b->tx->sent_ns : a->tx->sent_ns;

    return may_part(a, b, keys_used(a->tx->table, from_ns, end_ns));
}

bool ledger_may_differ(struct ledger_change *change, const struct truth_key *key, int64_t at_ns)
{
    const unsigned used = keys_used(change->tx->table, at_ns, at_ns);

    KEYS_EACH(rules, used)
    {
        if (count_at(change, key, rules) < change->key_count)
            return true;
    }
    return false;
}
