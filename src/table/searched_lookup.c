#include "searched_lookup.h"

#include "explain.h"
#include "known_answer.h"

/* Returns whether the search goes on after *reply, the result of the current form. A value that
 * Postfix gets as a miss, such as false, is one here. So is a failure of a form that was a miss: if
 * another form is found, its value is right, stale or not. */
static bool goes_on(struct table_op *op, const struct reply *reply)
{
    if (reply->status == REPLY_MISS)
        return true;
    if (!op->waiter.was_miss && !reply_is_miss(reply))
        return false;
    key_search_keep(op->search, reply);
    return true;
}

/* Looks up the current form. Returns whether *reply is its answer; otherwise op waits. */
static bool look_up_form(struct table_op *op, const struct table_key *form, struct reply *reply)
{
    struct table *t = op->table;
    const uint64_t deadline_at_ms = key_search_deadline_at_ms(op->search);
    const struct change *pending;
    struct identity id;
    bool is_known;

    op->waiter.was_miss = false;
    identity_of_normal(&id, t, form);
    pending = known_pending(t, form, &id);
    if (op->notes != NULL) {
        key_search_note_form(op->search, op->notes);
        explain_known(t, form, &id, pending, op->notes);
    }
    is_known = known_settled(t, form, pending, reply) ||
               (op->notes == NULL && known_cached(t, &id, reply)) ||
               table_op_ask(op, form, &id, deadline_at_ms, reply);
    identity_free(&id);
    return is_known;
}

/* Looks up the next forms, one after the other, until one of them answers. Returns whether *reply
 * is the result of the last one then; otherwise op waits for a form. */
static bool search_on(struct table_op *op, struct reply *reply)
{
    struct table_key form;

    while (goes_on(op, reply) && key_search_next(op->search, &form)) {
        if (!look_up_form(op, &form, reply))
            return false;
        key_search_note_result(reply, op->waiter.was_miss, op->notes);
    }
    return true;
}

/* Turns the result of the last form into the answer. Returns whether *reply points to bytes of the
 * search then. */
static bool end_search(struct table_op *op, struct reply *reply)
{
    const bool is_kept = key_search_use_kept(op->search, reply);
    const bool is_extended = key_search_propagate(op->search, reply);

    if (op->notes != NULL)
        key_search_note_answer(op->search, reply, is_extended, op->notes);
    return is_kept || is_extended;
}

/* Goes on with a search that a form has missed. Returns whether *reply is its answer; otherwise op
 * waits for another form. The bytes of *reply are in *bytes, since done may use the cache. */
static bool take_answer(struct table_op *op, struct reply *reply, char **bytes)
{
    key_search_note_result(reply, op->waiter.was_miss, op->notes);
    if (goes_on(op, reply)) {
        if (!search_on(op, reply))
            return false;
        *reply = reply_copy(reply, bytes);
    }
    end_search(op, reply);
    return true;
}

static bool has_value(struct table *t, const struct table_key *form)
{
    uint64_t ignored_ms;
    struct identity id;
    struct reply reply;
    bool is_value;

    identity_of_normal(&id, t, form);
    is_value = cache_look(t->memory->cache, id.bytes, id.hash, loop_now_ms(t->env.loop), &reply,
                          &ignored_ms) != CACHE_ABSENT &&
               !reply_is_miss(&reply);
    identity_free(&id);
    return is_value;
}

/* Returns whether the cache, which there must be, has a value of a later form. */
static bool has_later_value(struct fetch_waiter *waiter)
{
    const struct table_op *op = CONTAINER_OF(waiter, struct table_op, waiter);

    return key_search_any_later(op->search, has_value, op->table);
}

struct table_op *searched_lookup(struct table *t, struct key_search *search, struct buf *notes,
                                 struct reply *answer)
{
    struct table_op *op = table_op_new(t, notes);

    op->search = search;
    op->take = take_answer;
    op->waiter.has_other = has_later_value;
    t->memory->counters.lookups++;
    *answer = (struct reply){.status = REPLY_MISS}; /* unless there is a form */
    if (!search_on(op, answer))
        return op;
    if (end_search(op, answer))
        *answer = known_answer_keep(t, answer);
    table_op_count(t, answer);
    table_op_free(op);
    return NULL;
}
