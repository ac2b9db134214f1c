/* ledger_state.h - the inside of the ledger: ledger.c has what clients did and were told,
 * ledger_arrivals.c what came to the backends, ledger_view.c what lookups must see. */
#ifndef SIM_LEDGER_STATE_H
#define SIM_LEDGER_STATE_H

#include "ledger.h"

#include "podop/list.h"

/* One change. It is in the list of its key from its commit on. */
struct ledger_change {
    struct list_node node;    /* of its key; the oldest first */
    struct list_node pending; /* told O, not made yet */
    struct ledger_key *key;
    struct ledger_tx *tx;
    struct truth_key *truth;
    enum ledger_kind kind;
    struct truth_value *value; /* of a set */
    int64_t by;                /* of an increment */
    unsigned arrivals, made, refusals;
    enum ledger_made last; /* what was made of the last arrival */
    int64_t made_ns;       /* the first time */
    int64_t said_ns;       /* the last plain success */
    int64_t forgotten_ns;  /* podop ended, and its memory with it; INT64_MAX: not yet */
    bool has_no_key;       /* an increment of no key */
    bool is_ambiguous;     /* a request without a number may have been this one */
    bool is_given_up;      /* podop may have given it up; it must not be made */
};

struct ledger_tx {
    struct ledger *ledger;
    const struct scene_table *table;
    uint64_t number, client;
    uint64_t order; /* of commits */
    struct ledger_change **changes;
    size_t count, kept; /* kept: those that the lists of keys have */
    enum ledger_told told;
    int64_t sent_ns, told_ns;
    bool is_sent, has_increment;
};

struct ledger_key {
    struct ledger_key *next; /* of the same slot */
    const struct scene_table *table;
    const struct truth_key *truth;
    struct list changes;
    size_t count;
};

enum { LEDGER_SLOTS = 1024 };

struct ledger {
    struct ledger_key *slots[LEDGER_SLOTS];
    struct list pending;
    uint64_t number; /* of the last transaction */
    uint64_t total, commits;
    int64_t doubt_ns;
};

/* Whether podop may keep the change after its answer. */
bool ledger_can_wait(const struct ledger_change *change);
/* Whether the backend makes all changes of a transaction or none. */
bool ledger_is_atomic(const struct ledger_tx *tx);
/* Whether podop must make a before b. */
bool ledger_precedes(const struct ledger_change *a, const struct ledger_change *b);
void ledger_settle(struct ledger_change *change); /* it is not pending any more */
static inline void ledger_forget(struct ledger_change *change, int64_t now_ns)
{
    if (now_ns < change->forgotten_ns)
        change->forgotten_ns = now_ns;
}

const char *ledger_describe(const struct ledger_change *change);

static inline struct ledger_change *ledger_change_of(struct list_node *node)
{
    return node == NULL ? NULL : CONTAINER_OF(node, struct ledger_change, node);
}

#endif
