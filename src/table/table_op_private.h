/* table_op_private.h - a lookup that waits for a fetch, which it may share with others.
 * Private to src/table. */
#ifndef PODOP_TABLE_TABLE_OP_PRIVATE_H
#define PODOP_TABLE_TABLE_OP_PRIVATE_H

#include "fetch.h"
#include "key_search.h"

#include "podop/table_op.h"

/* Takes *reply, an answer from the loop. Returns false when op waits for another one instead.
 * *bytes is a block for free(), or NULL, which *reply may point into afterwards. */
typedef bool table_op_take_fn(struct table_op *op, struct reply *reply, char **bytes);

struct table_op {
    struct fetch_waiter waiter;
    struct table *table;       /* a reference */
    struct key_search *search; /* NULL: the key alone is looked up */
    table_op_take_fn *take;    /* NULL: each answer is taken as it is */
    struct reply *answer;      /* filled if the answer comes while the fetch starts; NULL later */
    struct buf *notes;         /* the caller's, of an explained lookup; or NULL */
    uint64_t began_us;         /* of loop_now_us() */
    table_done_fn *done;
    void *arg;
};

struct table_op *table_op_new(struct table *table, struct buf *notes);
void table_op_free(struct table_op *op);

/* Waits for a fetch that is under way, or asks the type. Returns whether *reply is the answer;
 * otherwise op waits. An explained lookup has its own fetch. */
bool table_op_ask(struct table_op *op, const struct table_key *key, const struct identity *identity,
                  uint64_t deadline_at_ms, struct reply *reply);

/* Counts the one answer that a lookup gets. */
static inline void table_op_count(struct table *t, const struct reply *reply)
{
    t->memory->counters.answers[reply->status]++;
}

#endif
