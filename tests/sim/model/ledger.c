#include "ledger.h"

#include "keys.h"
#include "ledger_state.h"

#include "../kernel/kernel.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int64_t KEPT_NS = 120000000000; /* longer than any request lives */
enum { KEPT_CHANGES = 32, NUMBERS = 999999999 };

struct ledger *ledger_new(void)
{
    struct ledger *ledger = xcalloc(1, sizeof(*ledger));

    list_init(&ledger->pending);
    ledger->doubt_ns = INT64_MIN / 2;
    return ledger;
}

static void tx_free(struct ledger_tx *tx)
{
    free(tx->changes);
    free(tx);
}

static void change_free(struct ledger_change *change)
{
    struct ledger_tx *tx = change->tx;

    if (change->key != NULL) {
        list_remove(&change->node);
        change->key->count--;
    }
    ledger_settle(change);
    truth_value_unref(&change->value);
    free(change);
    if (--tx->kept == 0)
        tx_free(tx);
}

static void key_free(struct ledger_key *key)
{
    struct list_node *node;

    while ((node = list_first(&key->changes)) != NULL)
        change_free(ledger_change_of(node));
    free(key);
}

void ledger_free(struct ledger **pledger)
{
    struct ledger *ledger = *pledger;
    struct ledger_key *key;

    if (ledger == NULL)
        return;
    *pledger = NULL;
    for (size_t i = 0; i < LEDGER_SLOTS; i++) {
        while ((key = ledger->slots[i]) != NULL) {
            ledger->slots[i] = key->next;
            key_free(key);
        }
    }
    free(ledger);
}

/* Transactions */

struct ledger_tx *ledger_begin(struct ledger *ledger, const struct scene_table *table,
                               uint64_t client)
{
    struct ledger_tx *tx = xcalloc(1, sizeof(*tx));

    ledger->number = ledger->number % NUMBERS + 1;
    ledger->total++;
    tx->ledger = ledger;
    tx->table = table;
    tx->client = client;
    tx->number = ledger->number;
    return tx;
}

uint64_t ledger_number(const struct ledger_tx *tx)
{
    return tx->number;
}

void ledger_change(struct ledger_tx *tx, enum ledger_kind kind, struct truth_key *key,
                   const char *value)
{
    struct ledger_change *change = xcalloc(1, sizeof(*change));

    change->tx = tx;
    change->place = tx->count;
    change->truth = key;
    change->kind = kind;
    change->said_ns = INT64_MIN;
    change->forgotten_ns = INT64_MAX;
    if (kind == LEDGER_SET)
        change->value = truth_value_text(value, strlen(value));
    if (kind == LEDGER_INC)
        change->by = strtoll(value, NULL, 10);
    tx->has_increment |= kind == LEDGER_INC;
    tx->changes = xreallocarray(tx->changes, tx->count + 1, sizeof(struct ledger_change *));
    tx->changes[tx->count++] = change;
    tx->kept++;
}

size_t ledger_changes(const struct ledger_tx *tx)
{
    return tx->count;
}

struct truth_key *ledger_change_key(const struct ledger_tx *tx, size_t index)
{
    return tx->changes[index]->truth;
}

bool ledger_can_wait(const struct ledger_change *change)
{
    return change->tx->table->was_write_behind && !change->tx->has_increment;
}

bool ledger_is_atomic(const struct ledger_tx *tx)
{
    return tx->count == 1 || tx->table->has_commit_url || tx->table->type == SCENE_PROGRAM;
}

/* Of one client, podop makes only transactions in their order that change one key: of two keys that
 * a reload made one later, the one that was accepted later is newer. */
bool ledger_precedes(struct ledger_change *a, struct ledger_change *b)
{
    if (a->tx == b->tx)
        return a->place < b->place;
    if (a->tx->told == LEDGER_DONE && a->tx->told_ns < b->tx->sent_ns)
        return true;
    return a->tx->client != 0 && a->tx->client == b->tx->client && a->tx->order < b->tx->order &&
           !ledger_were_two(a, b);
}

/* Whether the change was made before it was answered. */
static bool is_direct(const struct ledger_change *change)
{
    return change->tx->told == LEDGER_WAITING || change->tx->told_ns > change->made_ns;
}

/* Whether the change is pending for podop, although it was made: no answer has said so. */
static bool is_unknown(struct ledger_change *change)
{
    if (!change->is_unsaid || is_direct(change) || change->forgotten_ns != INT64_MAX)
        return false;
    for (struct list_node *node = list_first(&change->key->changes); node != NULL;
         node = list_next(&change->key->changes, node)) {
        if (node != &change->node && !ledger_precedes(ledger_change_of(node), change))
            return false; /* it may have taken its place */
    }
    return true;
}

/* A pending write that a reload has made another key's is newer than what that key had before, and
 * than transactions of that key which were under way then. */
bool ledger_was_apart(struct ledger_change *older, struct ledger_change *newer)
{
    if (newer->made == 0) /* a newer one has taken its place, perhaps when it was another key's */
        return newer->tx->told == LEDGER_DONE && !list_has(&newer->pending) &&
               ledger_may_part(older, newer, newer->tx->sent_ns);
    return ledger_can_wait(older) && !is_unknown(newer) &&
           (ledger_may_differ(older, newer->made_key, newer->made_ns) ||
            (is_direct(newer) && ledger_may_differ(older, newer->made_key, newer->tx->sent_ns)));
}

bool ledger_may_supersede(struct ledger_change *other, struct ledger_change *change)
{
    const int64_t since_ns =
        other->tx->sent_ns > change->tx->sent_ns ? other->tx->sent_ns : change->tx->sent_ns;

    return other != change && other->tx->told != LEDGER_FAILED && ledger_can_wait(other) &&
           !ledger_precedes(other, change) && ledger_may_join(other, change, since_ns);
}

const char *ledger_describe(const struct ledger_change *c)
{
    static const char *const kinds[] = {
        [LEDGER_SET] = "set", [LEDGER_UNSET] = "unset", [LEDGER_INC] = "inc"};
    static _Thread_local char texts[4][400];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 4];

    snprintf(text, sizeof(*texts),
             "%s %s = %.60s %+" PRId64 " (at %s) of transaction %" PRIu64
             " in %s (of %zu, client %" PRIu64
             ", sent %.6f, told %c %.6f, arrived %u, made %u %.6f, refused %u)",
             kinds[c->kind], truth_name(c->truth), c->value == NULL ? "-" : c->value->json, c->by,
             c->made_key == NULL ? "-" : truth_name(c->made_key), c->tx->number, c->tx->table->name,
             c->tx->count, c->tx->client, (double)c->tx->sent_ns / 1e9,
             c->tx->told == LEDGER_WAITING ? '-' : (char)c->tx->told, (double)c->tx->told_ns / 1e9,
             c->arrivals, c->made, (double)c->made_ns / 1e9, c->refusals);
    return text;
}

/* Keys */

static size_t slot_of(const struct scene_table *table, const struct truth_key *key)
{
    const uint64_t mixed = ((uintptr_t)table ^ (uintptr_t)key >> 4) * 0x9e3779b97f4a7c15u;

    return (size_t)(mixed >> 32) % LEDGER_SLOTS;
}

struct ledger_key *ledger_find(const struct ledger *ledger, const struct scene_table *table,
                               struct truth_key *truth)
{
    const struct truth_key *class = keys_class(truth);
    struct ledger_key *key = ledger->slots[slot_of(table, class)];

    while (key != NULL && (key->table != table || key->class != class))
        key = key->next;
    return key;
}

static struct ledger_key *key_of(struct ledger *ledger, const struct scene_table *table,
                                 struct truth_key *truth)
{
    struct ledger_key *key = ledger_find(ledger, table, truth);
    const size_t slot = slot_of(table, keys_class(truth));

    if (key != NULL)
        return key;
    key = xcalloc(1, sizeof(*key));
    key->table = table;
    key->class = keys_class(truth);
    list_init(&key->changes);
    key->next = ledger->slots[slot];
    ledger->slots[slot] = key;
    return key;
}

/* Settles a change if a newer value of its key, which a reload has made one with it, may have taken
 * its place. */
static void settle_if_superseded(struct ledger_change *change)
{
    for (struct list_node *node = list_first(&change->key->changes); node != NULL;
         node = list_next(&change->key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if ((other->tx->told == LEDGER_DONE || other->made > 0) &&
            ledger_may_supersede(other, change))
            ledger_settle(change);
    }
}

static bool is_over(const struct ledger_change *change, int64_t now_ns)
{
    return change->tx->told != LEDGER_WAITING && !list_has(&change->pending) &&
           change->tx->told_ns < now_ns - KEPT_NS;
}

/* Forgets changes that nothing asks for any more. */
static void trim(struct ledger_key *key, int64_t now_ns)
{
    while (key->count > KEPT_CHANGES) {
        struct ledger_change *oldest = ledger_change_of(list_first(&key->changes));

        settle_if_superseded(oldest);
        if (!is_over(oldest, now_ns))
            return;
        change_free(oldest);
    }
}

void ledger_sent(struct ledger_tx *tx, int64_t now_ns)
{
    tx->sent_ns = now_ns;
    tx->is_sent = true;
    tx->order = ++tx->ledger->commits;
    for (size_t i = 0; i < tx->count; i++) {
        struct ledger_change *change = tx->changes[i];

        ledger_find_keys(change);
        change->key = key_of(tx->ledger, tx->table, change->truth);
        trim(change->key, now_ns);
        list_append(&change->key->changes, &change->node);
        change->key->count++;
    }
}

/* Answers */

void ledger_settle(struct ledger_change *change)
{
    if (list_has(&change->pending))
        list_remove(&change->pending);
}

/* Of several pending values of a key, only the newest needs to be made; it may be made before the
 * client is told so. Where two clients wrote at the same time, either of the two may be it. */
static void supersede(struct ledger_change *change)
{
    for (struct list_node *node = list_first(&change->key->changes); node != NULL;
         node = list_next(&change->key->changes, node)) {
        struct ledger_change *other = ledger_change_of(node);

        if (!ledger_may_join(change, other, change->tx->sent_ns))
            continue;
        if (other != change && (other->made > 0 || other->is_ambiguous) && ledger_can_wait(other) &&
            !ledger_precedes(other, change))
            ledger_settle(change);
        if (other == change || !list_has(&other->pending))
            continue;
        if (!ledger_precedes(change, other))
            ledger_settle(other);
        if (!ledger_precedes(other, change))
            ledger_settle(change);
    }
}

static void check_done(struct ledger_change *change)
{
    if (change->made > 0 || change->is_ambiguous)
        return;
    if (!ledger_can_wait(change))
        sim_broken("O, but not made", "%s", ledger_describe(change));
    list_append(&change->tx->ledger->pending, &change->pending);
    supersede(change);
}

/* N: all changes were made, except for increments of no key. */
static void check_not_found(const struct ledger_tx *tx)
{
    bool has_no_key = false;

    for (size_t i = 0; i < tx->count; i++) {
        const struct ledger_change *change = tx->changes[i];

        has_no_key |= change->has_no_key;
        if (!ledger_is_atomic(tx) && change->made == 0 && !change->has_no_key)
            sim_broken("N, but not made", "%s", ledger_describe(change));
    }
    if (!has_no_key)
        sim_broken("N, but the keys are there", "%s", ledger_describe(tx->changes[0]));
}

/* F: a change failed, and nothing after it was made; so was nothing before it, if the backend makes
 * all or none. */
static void check_failed(const struct ledger_tx *tx)
{
    const struct ledger_change *failed = NULL;

    for (size_t i = 0; i < tx->count; i++) {
        const struct ledger_change *change = tx->changes[i];

        if (change->made > 0 && !change->is_ambiguous && (failed != NULL || ledger_is_atomic(tx)))
            sim_broken("F, but made", "%s", ledger_describe(change));
        if (failed == NULL && (change->made == 0 || change->is_ambiguous) && !change->has_no_key)
            failed = change;
    }
    if (failed == NULL && !tx->changes[tx->count - 1]->has_no_key)
        sim_broken("F, but made", "%s", ledger_describe(tx->changes[0]));
    if (failed != NULL && !failed->is_ambiguous && failed->arrivals > 0 &&
        failed->last != LEDGER_REFUSED)
        sim_broken("F, but uncertain", "%s", ledger_describe(failed));
}

/* Frees a transaction that no key knows. */
static void forget_unsent(struct ledger_tx *tx)
{
    const size_t count = tx->is_sent ? 0 : tx->count;

    if (tx->count == 0)
        tx_free(tx);
    for (size_t i = count; i > 0; i--)
        change_free(tx->changes[i - 1]); /* the last one frees tx */
}

void ledger_told(struct ledger_tx **ptx, enum ledger_told told, int64_t now_ns)
{
    struct ledger_tx *tx = *ptx;

    *ptx = NULL;
    tx->told = told;
    tx->told_ns = now_ns;
    for (size_t i = 0; told == LEDGER_DONE && i < tx->count; i++)
        check_done(tx->changes[i]);
    if (told == LEDGER_NOT_FOUND)
        check_not_found(tx);
    if (told == LEDGER_FAILED)
        check_failed(tx);
    forget_unsent(tx);
}

void ledger_drop(struct ledger_tx **ptx)
{
    struct ledger_tx *tx = *ptx;

    *ptx = NULL;
    if (tx == NULL)
        return;
    tx->told = LEDGER_FAILED;
    tx->told_ns = tx->sent_ns;
    forget_unsent(tx);
}

void ledger_doubt(struct ledger *ledger, int64_t now_ns)
{
    ledger->doubt_ns = now_ns;
}

void ledger_trace_pending(const struct ledger *ledger)
{
    for (struct list_node *node = list_first(&ledger->pending); node != NULL;
         node = list_next(&ledger->pending, node))
        sim_trace("not made: %s",
                  ledger_describe(CONTAINER_OF(node, struct ledger_change, pending)));
}

void ledger_settle_superseded(struct ledger *ledger)
{
    struct list_node *next;

    for (struct list_node *node = list_first(&ledger->pending); node != NULL; node = next) {
        next = list_next(&ledger->pending, node);
        settle_if_superseded(CONTAINER_OF(node, struct ledger_change, pending));
    }
}

size_t ledger_pending(struct ledger *ledger)
{
    ledger_settle_superseded(ledger);
    return list_count(&ledger->pending);
}

uint64_t ledger_total(const struct ledger *ledger)
{
    return ledger->total;
}
