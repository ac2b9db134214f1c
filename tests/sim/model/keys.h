/* keys.h - which key of its store a table makes of what a client wrote: the normal form that KEYS
 * in podop.conf(5) promises, under each of the rules that a reload can give to a table. */
#ifndef SIM_KEYS_H
#define SIM_KEYS_H

#include "../run/scene.h"
#include "truth.h"

/* Rules are a fold and a kind of labels. */
enum keys_fold { KEYS_FOLD_NONE, KEYS_FOLD_DOMAIN, KEYS_FOLD_ALL, KEYS_FOLDS };
enum keys_idna { KEYS_IDNA_NONE, KEYS_IDNA_ASCII, KEYS_IDNA_UNICODE, KEYS_IDNAS };

static inline unsigned keys_rules(enum keys_fold fold, enum keys_idna idna)
{
    return (unsigned)idna * KEYS_FOLDS + (unsigned)fold;
}

static inline enum keys_fold keys_fold_of(unsigned rules)
{
    return (enum keys_fold)(rules % KEYS_FOLDS);
}

static inline enum keys_idna keys_idna_of(unsigned rules)
{
    return (enum keys_idna)(rules / KEYS_FOLDS);
}

/* The only label that is not ASCII in a domain of the world. */
#define KEYS_U_LABEL                                                                               \
    "b\xc3\xbc"                                                                                    \
    "cher"
#define KEYS_A_LABEL "xn--bcher-kva"

/* The file of the configuration has these rules for the table from now on: podop may use them, or
 * those before. */
void keys_may_change(struct scene_table *table, unsigned rules, int64_t now_ns);
/* podop surely uses the last ones for what it is asked from now on. */
void keys_changed(struct scene_table *table, int64_t now_ns);

/* Returns the rules that podop may have used for the table at some time from from_ns to to_ns: a
 * bit for each, at least one. */
unsigned keys_used(const struct scene_table *table, int64_t from_ns, int64_t to_ns);

/* Returns the place in the table's log of the oldest rules that podop may have used at from_ns. */
unsigned keys_first_used(const struct scene_table *table, int64_t from_ns);

/* Calls for each of the rules in a set of bits. */
#define KEYS_EACH(rules, used)                                                                     \
    for (unsigned rules = 0; rules < SCENE_RULES; rules++)                                         \
        if (((used) >> rules & 1) != 0)

/* Returns the key of the same store that these rules make of a key as a client wrote it. */
struct truth_key *keys_normal(struct truth_key *spelled, unsigned rules);
/* Returns the key that all spellings have in common which any rules could make one key. */
struct truth_key *keys_class(struct truth_key *spelled);

#endif
