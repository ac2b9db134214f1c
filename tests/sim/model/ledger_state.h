/* ledger_state.h - the inside of the ledger: ledger.c has what clients did and were told,
 * ledger_arrivals.c what came to the backends, ledger_view.c what lookups must see. */
#ifndef SIM_LEDGER_STATE_H
#define SIM_LEDGER_STATE_H

#include "ledger.h"

#include "podop/list.h"

enum {
    LEDGER_FORMS = 12,    /* of a key, by all rules */
    LEDGER_ATTEMPTS = 10, /* after which podop gives a pending write up; the log may say so later */
};

/* One change. It is in the list of its key from its commit on. */
struct ledger_change {
    struct list_node node;    /* of its key; the oldest first */
    struct list_node pending; /* told O, not made yet */
    struct ledger_key *key;
    struct ledger_tx *tx;
    struct truth_key *truth; /* as the client wrote it */
    /* What rules may have made of it: its normal form when it was committed, and while it is
     * pending, the normal forms of that by later rules. */
    struct truth_key *keys[LEDGER_FORMS];
    size_t key_count;
    unsigned rules_seen; /* of the table's log */
    size_t place;        /* in the transaction */
    enum ledger_kind kind;
    struct truth_value *value; /* of a set */
    int64_t by;                /* of an increment */
    unsigned arrivals, made, refusals;
    enum ledger_made last;            /* what was made of the last arrival */
    int64_t made_ns;                  /* the first time */
    const struct truth_key *made_key; /* the key of the store that was changed then */
    int64_t said_ns;                  /* the last plain success */
    int64_t forgotten_ns;             /* podop ended, and its memory with it; INT64_MAX: not yet */
    bool is_unsaid;                   /* it was made, and no answer can have said so */
    bool has_no_key;                  /* an increment of no key */
    bool is_ambiguous;                /* a request without a number may have been this one */
    bool is_given_up;                 /* podop may have given it up; it must not be made */
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
    const struct truth_key *class; /* of all spellings; see keys_class() */
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

/* Which key of the store a change is for, by rules that change: ledger_keys.c. */
void ledger_find_keys(struct ledger_change *change); /* when it is committed; later ones follow */
bool ledger_may_be(struct ledger_change *change, const struct truth_key *key);
bool ledger_is(struct ledger_change *change, const struct truth_key *key); /* surely */
/* Whether a lookup of the place finds the change while it is pending: perhaps, or surely. */
bool ledger_may_be_at(struct ledger_change *change, struct ledger_place place);
bool ledger_is_at(struct ledger_change *change, struct ledger_place place);
/* Whether podop may have taken the two for one key since then. */
bool ledger_may_join(struct ledger_change *a, struct ledger_change *b, int64_t since_ns);
/* Whether it may have taken them for two at that instant. */
bool ledger_may_part(struct ledger_change *a, struct ledger_change *b, int64_t at_ns);
/* Whether it may have taken the two for two keys while both had no answer. One that waits for its
 * turn has its form by the rules with which it came. */
bool ledger_were_two(struct ledger_change *a, struct ledger_change *b);
/* Whether it may have taken the change for one of another key at that instant. */
bool ledger_may_differ(struct ledger_change *change, const struct truth_key *key, int64_t at_ns);

/* Whether podop may keep the change after its answer. */
bool ledger_can_wait(const struct ledger_change *change);
/* Whether the backend makes all changes of a transaction or none. */
bool ledger_is_atomic(const struct ledger_tx *tx);
/* Whether podop must make a before b, if they change one key. */
bool ledger_precedes(struct ledger_change *a, struct ledger_change *b);
/* Whether older may be made after newer, which it precedes and which was made: it was pending, and
 * was another key at that time. */
bool ledger_was_apart(struct ledger_change *older, struct ledger_change *newer);
/* Whether other is a newer value of the key, for which podop may have dropped the pending change.
 */
bool ledger_may_supersede(struct ledger_change *other, struct ledger_change *change);
void ledger_settle(struct ledger_change *change);     /* it is not pending any more */
void ledger_settle_superseded(struct ledger *ledger); /* those that newer ones have replaced */
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
