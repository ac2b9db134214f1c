/* lookup.c - what answers a lookup: a pending write, a pattern that skips the key, the cache, a
 * request that is under way, or a new one. */
#include "podop/lookup.h"

#include "explain.h"
#include "known_answer.h"
#include "lookup.h"
#include "searched_lookup.h"
#include "table_keys.h"

/* Returns an op that waits, or NULL and fills *answer. */
static struct table_op *ask(struct table *t, const struct table_key *key, const struct identity *id,
                            uint64_t deadline_at_ms, struct buf *notes, struct reply *answer)
{
    struct table_op *op = table_op_new(t, notes);

    if (!table_op_ask(op, key, id, table_deadline_at_ms(t, deadline_at_ms), answer))
        return op;
    table_op_count(t, answer);
    table_op_free(op);
    return NULL;
}

/* Looks up a key that is in its normal form. Inlined twice, because a call would cost a cache hit
 * 15 instructions. */
static inline __attribute__((always_inline)) struct table_op *
look_up(struct table *t, const struct table_key *key, const struct identity *id,
        uint64_t deadline_at_ms, struct reply *answer)
{
    t->memory->counters.lookups++;
    if (known_settled(t, key, known_pending(t, key, id), answer) || known_cached(t, id, answer)) {
        table_op_count(t, answer);
        return NULL;
    }
    return ask(t, key, id, deadline_at_ms, NULL, answer);
}

static struct table_op *explain(struct table *t, const struct table_key *key,
                                const struct identity *id, struct buf *notes, struct reply *answer)
{
    const struct change *pending = known_pending(t, key, id);

    t->memory->counters.lookups++;
    explain_known(t, key, id, pending, notes);
    if (!known_settled(t, key, pending, answer))
        return ask(t, key, id, 0, notes, answer);
    table_op_count(t, answer);
    return NULL;
}

/* The three ways of a lookup. A table has one of them, so that no lookup pays for what it does not
 * need. */

static struct table_op *look_up_plain(struct table *t, const struct table_key *key,
                                      uint64_t deadline_at_ms, struct reply *answer)
{
    struct identity id;
    struct table_op *op;

    identity_plain(&id, key);
    identity_hash(&id, t);
    op = look_up(t, key, &id, deadline_at_ms, answer);
    identity_free(&id);
    return op;
}

static struct table_op *look_up_normal(struct table *t, const struct table_key *key,
                                       uint64_t deadline_at_ms, struct reply *answer)
{
    struct identity id;
    struct table_op *op;

    identity_of_normal(&id, t, key);
    op = look_up(t, key, &id, deadline_at_ms, answer);
    identity_free(&id);
    return op;
}

static struct table_op *look_up_by_rules(struct table *t, const struct table_key *key,
                                         uint64_t deadline_at_ms, struct reply *answer)
{
    struct normal_key normal;
    struct key_search *forms;
    struct table_op *op;

    normal_key_init(&normal, t, key);
    forms = key_search_new(t, key, &normal.key, deadline_at_ms);
    op = forms == NULL ? look_up_normal(t, &normal.key, deadline_at_ms, answer)
                       : searched_lookup(t, forms, NULL, answer);
    normal_key_deinit(&normal);
    return op;
}

struct table_op *lookup_key(struct table *t, const struct table_key *key, struct reply *answer)
{
    struct normal_key normal;
    struct table_op *op;

    normal_key_init(&normal, t, key);
    op = look_up_normal(t, &normal.key, 0, answer);
    normal_key_deinit(&normal);
    return op;
}

void lookup_choose(struct table *t)
{
    t->look_up = t->rules != NULL             ? look_up_by_rules
                 : t->identify_normal != NULL ? look_up_normal
                                              : look_up_plain;
}

struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *answer)
{
    return table->look_up(table, key, 0, answer);
}

struct table_op *table_lookup_until(struct table *table, const struct table_key *key,
                                    uint64_t deadline_at_ms, struct reply *answer)
{
    return table->look_up(table, key, deadline_at_ms, answer);
}

static struct table_op *explain_normal(struct table *t, const struct table_key *key,
                                       struct buf *notes, struct reply *answer)
{
    struct identity id;
    struct table_op *op;

    identity_of_normal(&id, t, key);
    op = explain(t, key, &id, notes, answer);
    identity_free(&id);
    return op;
}

struct table_op *table_explain(struct table *t, const struct table_key *key, struct buf *notes,
                               struct reply *answer)
{
    struct normal_key normal;
    struct key_search *forms;
    struct table_op *op;

    normal_key_init(&normal, t, key);
    explain_normal_form(key, &normal.key, notes);
    forms = key_search_new(t, key, &normal.key, 0);
    op = forms == NULL ? explain_normal(t, &normal.key, notes, answer)
                       : searched_lookup(t, forms, notes, answer);
    normal_key_deinit(&normal);
    return op;
}
