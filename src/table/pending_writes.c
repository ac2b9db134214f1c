#include "pending_writes.h"
#include "identity.h"

#include "podop/mem.h"

#include <stdlib.h>

enum {
    SLOTS_MIN = 64,
    HEAP_MIN = 64,
    /* Overhead of a value: the structs and what malloc adds to each. */
    VALUE_BYTES = sizeof(struct transaction) + sizeof(struct pending_write) + 6 * sizeof(void *[2]),
};

void pending_init(struct pending_writes *q)
{
    *q = (struct pending_writes){0};
}

static void entry_free(struct pending_write *w)
{
    transaction_free(&w->waiting);
    transaction_free(&w->writing);
    free(w->bytes);
    free(w);
}

void pending_deinit(struct pending_writes *q)
{
    for (size_t i = 0; i < q->slot_count; i++) {
        while (q->slots[i] != NULL) {
            struct pending_write *w = q->slots[i];

            q->slots[i] = w->next_in_slot;
            entry_free(w);
        }
    }
    free(q->slots);
    free(q->heap);
    *q = (struct pending_writes){0};
}

/* By identity */

static struct pending_write **slot_of(const struct pending_writes *q, uint64_t hash)
{
    return &q->slots[hash & (q->slot_count - 1)];
}

static void link_entry(struct pending_writes *q, struct pending_write *w)
{
    struct pending_write **slot = slot_of(q, w->hash);

    w->next_in_slot = *slot;
    *slot = w;
}

static void unlink_entry(struct pending_writes *q, struct pending_write *w)
{
    struct pending_write **link = slot_of(q, w->hash);

    while (*link != w)
        link = &(*link)->next_in_slot;
    *link = w->next_in_slot;
}

/* The number of slots is a power of two. */
static void grow(struct pending_writes *q)
{
    const size_t count = q->slot_count;
    struct pending_write **old = q->slots;

    q->slot_count = count == 0 ? SLOTS_MIN : 2 * count;
    q->slots = xcalloc(q->slot_count, sizeof(struct pending_write *));
    for (size_t i = 0; i < count; i++) {
        while (old[i] != NULL) {
            struct pending_write *w = old[i];

            old[i] = w->next_in_slot;
            link_entry(q, w);
        }
    }
    free(old);
}

static struct pending_write *find_hashed(const struct pending_writes *q, struct span identity,
                                         uint64_t hash)
{
    struct pending_write *w = q->slot_count == 0 ? NULL : *slot_of(q, hash), *found = NULL;

    for (; w != NULL && (found == NULL || found->is_superseded); w = w->next_in_slot) {
        if (w->hash == hash && span_equal(w->identity, identity) &&
            (found == NULL || !w->is_superseded))
            found = w;
    }
    return found;
}

struct pending_write *pending_find(const struct pending_writes *q, const struct identity *id)
{
    return q->keys == 0 ? NULL : find_hashed(q, id->bytes, id->hash);
}

static void set_identity(struct pending_write *w, const struct identity *id)
{
    free(w->bytes);
    w->bytes = xmemdup0(id->bytes.ptr, id->bytes.len);
    w->identity = (struct span){w->bytes, id->bytes.len};
    w->hash = id->hash;
}

struct pending_write *pending_find_or_add(struct pending_writes *q, const struct identity *id)
{
    struct pending_write *w = pending_find(q, id);

    if (w != NULL)
        return w;
    if (q->keys == q->slot_count)
        grow(q);
    w = xcalloc(1, sizeof(*w));
    list_init(&w->turns);
    set_identity(w, id);
    link_entry(q, w);
    q->keys++;
    return w;
}

void pending_release(struct pending_writes *q, struct pending_write *w)
{
    if (w->waiting != NULL || w->writing != NULL || pending_has_queue(w))
        return;
    unlink_entry(q, w);
    q->keys--;
    entry_free(w);
}

/* By time: a binary heap */

static void heap_set(struct pending_writes *q, size_t at, struct pending_write *w)
{
    q->heap[at] = w;
    w->heap_at = at;
}

static bool is_before(const struct pending_write *a, const struct pending_write *b)
{
    return a->due_at_ms != b->due_at_ms ? a->due_at_ms < b->due_at_ms : a->order < b->order;
}

static void heap_rise(struct pending_writes *q, struct pending_write *w)
{
    size_t at = w->heap_at;

    for (; at > 1 && is_before(w, q->heap[at / 2]); at /= 2)
        heap_set(q, at, q->heap[at / 2]);
    heap_set(q, at, w);
}

static void heap_sink(struct pending_writes *q, struct pending_write *w)
{
    size_t at = w->heap_at;

    for (size_t child; (child = 2 * at) <= q->heap_count; at = child) {
        if (child < q->heap_count && is_before(q->heap[child + 1], q->heap[child]))
            child++;
        if (!is_before(q->heap[child], w))
            break;
        heap_set(q, at, q->heap[child]);
    }
    heap_set(q, at, w);
}

static void heap_add(struct pending_writes *q, struct pending_write *w)
{
    if (q->heap_count + 1 >= q->heap_room) {
        q->heap_room = q->heap_room == 0 ? HEAP_MIN : 2 * q->heap_room;
        q->heap = xreallocarray(q->heap, q->heap_room, sizeof(struct pending_write *));
    }
    heap_set(q, ++q->heap_count, w);
    heap_rise(q, w);
}

static void heap_remove(struct pending_writes *q, struct pending_write *w)
{
    struct pending_write *moved = q->heap[q->heap_count--];
    const size_t at = w->heap_at;

    w->heap_at = 0;
    if (moved == w)
        return;
    heap_set(q, at, moved);
    heap_rise(q, moved);
    heap_sink(q, moved);
}

static bool is_same_identity(const struct pending_write *a, const struct pending_write *b)
{
    return a->hash == b->hash && span_equal(a->identity, b->identity);
}

/* Returns whether a value that w has superseded is being written: then that of w comes after it. */
static bool is_after_older(const struct pending_writes *q, const struct pending_write *w)
{
    for (const struct pending_write *at = *slot_of(q, w->hash); at != NULL; at = at->next_in_slot) {
        if (at != w && at->is_superseded && at->writing != NULL && is_same_identity(at, w))
            return true;
    }
    return false;
}

/* Returns whether w is to be written when it is due, or dropped: a superseded value that
 * transactions wait for, so that they go on. */
static bool can_be_due(const struct pending_writes *q, const struct pending_write *w)
{
    return w->is_superseded ? pending_has_queue(w) : !is_after_older(q, w);
}

/* Lets the value that waits in w become due, unless it must not be written yet. */
static void let_wait(struct pending_writes *q, struct pending_write *w)
{
    if (w->waiting != NULL && w->writing == NULL && w->heap_at == 0 && can_be_due(q, w))
        heap_add(q, w);
}

struct pending_write *pending_first(const struct pending_writes *q)
{
    return q->heap_count == 0 ? NULL : q->heap[1];
}

void pending_move(struct pending_writes *q, struct pending_write *w, uint64_t due_at_ms)
{
    w->due_at_ms = due_at_ms;
    if (w->heap_at == 0)
        return;
    heap_rise(q, w);
    heap_sink(q, w);
}

/* Values */

static size_t cost(const struct pending_write *w, const struct transaction *value)
{
    return value->bytes + strlen(value->user) + w->identity.len + VALUE_BYTES;
}

bool pending_has_room(const struct pending_writes *q, const struct transaction *t)
{
    /* An estimate: percent-encoding makes identities up to three times as long as key and user. */
    const size_t bytes = 4 * t->bytes + t->count * (strlen(t->user) + VALUE_BYTES);

    return t->count <= PENDING_WRITES_MAX - q->writes && q->bytes <= PENDING_BYTES_MAX &&
           bytes <= PENDING_BYTES_MAX - q->bytes;
}

static void drop_value(struct pending_writes *q, struct pending_write *w,
                       struct transaction **value)
{
    if (*value == NULL)
        return;
    q->writes--;
    q->bytes -= cost(w, *value);
    transaction_free(value);
}

static const struct transaction *newest(const struct pending_write *w)
{
    return w->waiting != NULL ? w->waiting : w->writing;
}

/* Returns whether both are changes of one key as clients have written it. */
static bool is_same_key(const struct transaction *a, const struct transaction *b)
{
    const struct table_key *x = &a->changes[0].key, *y = &b->changes[0].key;

    return x->is_private == y->is_private && span_equal(x->key, y->key) &&
           (!x->is_private || span_equal(x->user, y->user));
}

/* Drops the values that w has superseded: all of them, or for a value only those of its key. One
 * that is under way, or that transactions wait for, is dropped later. */
static void drop_older(struct pending_writes *q, const struct pending_write *w,
                       const struct transaction *value)
{
    struct pending_write *next;

    for (struct pending_write *at = *slot_of(q, w->hash); at != NULL; at = next) {
        next = at->next_in_slot;
        if (at == w || !at->is_superseded || !is_same_identity(at, w) ||
            (value != NULL && (newest(at) == NULL || !is_same_key(value, newest(at)))))
            continue;
        at->is_replaced = true;
        if (pending_has_queue(at)) {
            let_wait(q, at);
            continue;
        }
        if (at->heap_at != 0)
            heap_remove(q, at);
        drop_value(q, at, &at->waiting);
        pending_release(q, at);
    }
}

void pending_put(struct pending_writes *q, struct pending_write *w, struct transaction *value,
                 uint64_t now_ms, uint64_t due_at_ms)
{
    const bool is_first = w->waiting == NULL;

    if (is_first && w->writing == NULL)
        w->taken_at_ms = now_ms;
    drop_value(q, w, &w->waiting);
    w->waiting = value;
    w->order = ++q->order;
    w->attempts = 0;
    w->is_superseded = w->is_replaced = false;
    drop_older(q, w, value);
    q->writes++;
    q->bytes += cost(w, value);
    if (is_first)
        w->due_at_ms = due_at_ms;
    let_wait(q, w);
}

const struct change *pending_newest(const struct pending_write *w)
{
    const struct transaction *t = newest(w);

    return t == NULL || w->is_superseded ? NULL : &t->changes[0];
}

void pending_begin(struct pending_writes *q, struct pending_write *w)
{
    heap_remove(q, w);
    w->writing = w->waiting;
    w->waiting = NULL;
}

void pending_normalise(struct pending_writes *q, struct pending_write *w, const struct table *table)
{
    q->bytes -= cost(w, w->writing);
    transaction_normalise(w->writing, table);
    q->bytes += cost(w, w->writing);
}

/* Lets the newer value that waits for the end of a write of w become due. */
static void let_newer_wait(struct pending_writes *q, const struct pending_write *w)
{
    struct pending_write *newer = find_hashed(q, w->identity, w->hash);

    if (w->is_superseded && newer != NULL)
        let_wait(q, newer);
}

void pending_end(struct pending_writes *q, struct pending_write *w)
{
    drop_value(q, w, &w->writing);
    let_wait(q, w);
    if (w->waiting == NULL && !w->is_superseded)
        drop_older(q, w, NULL);
    let_newer_wait(q, w);
}

void pending_put_back(struct pending_writes *q, struct pending_write *w, uint64_t due_at_ms)
{
    if (w->is_replaced) {
        drop_value(q, w, &w->waiting);
        drop_value(q, w, &w->writing);
    } else if (w->waiting != NULL) {
        drop_value(q, w, &w->writing);
        w->due_at_ms = w->due_at_ms > due_at_ms ? w->due_at_ms : due_at_ms;
    } else {
        w->waiting = w->writing;
        w->writing = NULL;
        w->due_at_ms = due_at_ms;
    }
    let_wait(q, w);
    let_newer_wait(q, w);
}

/* The queue of transactions */

void pending_enqueue(struct pending_writes *q, struct pending_write *w, struct pending_turn *turn)
{
    turn->key = w;
    turn->order = ++q->turns;
    list_append(&w->turns, &turn->node);
    w->is_urgent = true;
    pending_move(q, w, 0); /* due now, also when it waits for the end of the write under way */
}

void pending_dequeue(struct pending_turn *turn)
{
    struct pending_write *w = turn->key;

    list_remove(&turn->node);
    turn->key = NULL;
    w->is_urgent = pending_has_queue(w);
}

bool pending_has_queue(const struct pending_write *w)
{
    return !list_is_empty(&w->turns);
}

static struct pending_turn *turn_of(struct list_node *node)
{
    return LIST_ENTRY_OR_NULL(node, struct pending_turn, node);
}

struct pending_turn *pending_last_turn(const struct pending_write *w)
{
    return turn_of(list_last(&w->turns));
}

struct pending_turn *pending_first_turn(const struct pending_write *w)
{
    return w->waiting != NULL || w->writing != NULL ? NULL : turn_of(list_first(&w->turns));
}

struct pending_turn *pending_next_turn(const struct pending_turn *turn)
{
    return turn_of(list_next(&turn->key->turns, &turn->node));
}

/* Renaming */

/* The newest value comes last, and after all keys without a value. */
static int compare_order(const void *a, const void *b)
{
    const struct pending_write *left = *(struct pending_write *const *)a;
    const struct pending_write *right = *(struct pending_write *const *)b;
    const bool has_left = newest(left) != NULL, has_right = newest(right) != NULL;

    if (has_left != has_right)
        return has_left - has_right;
    return (left->order > right->order) - (left->order < right->order);
}

/* Moves the transactions of w to the queue of older. Each stays after those that came before it, in
 * the queues of all keys, so that no two wait for each other. */
static void move_queue(struct pending_write *older, struct pending_write *w)
{
    struct list both;

    list_init(&both);
    while (pending_has_queue(older) || pending_has_queue(w)) {
        struct pending_turn *a = turn_of(list_first(&older->turns));
        struct pending_turn *b = turn_of(list_first(&w->turns));
        struct pending_turn *first = b == NULL || (a != NULL && a->order < b->order) ? a : b;

        list_remove(&first->node);
        first->key = older;
        list_append(&both, &first->node);
    }
    while (!list_is_empty(&both))
        list_append(&older->turns, list_pop(&both));
    older->is_urgent = pending_has_queue(older);
    if (older->is_urgent)
        older->due_at_ms = 0;
}

/* Moves the value that waits in w, and the transactions after it, to older, which is under way. */
static void take_over(struct pending_writes *q, struct pending_write *older,
                      struct pending_write *w)
{
    if (older->waiting == NULL)
        older->due_at_ms = w->due_at_ms;
    drop_value(q, older, &older->waiting);
    older->waiting = w->waiting;
    older->order = w->order;
    older->attempts = w->attempts;
    older->is_superseded = w->is_superseded;
    older->is_replaced = w->is_replaced;
    w->waiting = NULL;
    if (w->heap_at != 0)
        heap_remove(q, w);
    move_queue(older, w);
    entry_free(w);
}

/* Lets w, which is newer, supersede older. Returns false when both stay: older is kept until the
 * value of w is made. Where transactions are queued, an older value that waits is dropped when it
 * is due, to let them go on, and w is merged into one that is under way. */
static bool merge(struct pending_writes *q, struct pending_write *older, struct pending_write *w)
{
    const bool is_queued = pending_has_queue(older) || pending_has_queue(w);

    if (newest(w) == NULL)
        return false;
    if (is_queued && older->writing != NULL && w->writing == NULL) {
        take_over(q, older, w);
        return true;
    }
    older->is_superseded = true;
    older->is_replaced |= newest(older) != NULL && is_same_key(newest(w), newest(older));
    if (older->heap_at != 0 && !is_queued)
        heap_remove(q, older);
    return false;
}

/* Gives w its new identity. A key without a value, for which only transactions are queued, keeps
 * the old one. */
static void rename_entry(struct pending_writes *q, struct pending_write *w,
                         pending_identify_fn *identify, void *arg)
{
    const size_t values = (size_t)(w->waiting != NULL) + (size_t)(w->writing != NULL);
    struct pending_write *older;

    if (values > 0) {
        struct identity identity;

        identify(arg, &newest(w)->changes[0].key, &identity);
        q->bytes -= values * w->identity.len;
        set_identity(w, &identity);
        q->bytes += values * w->identity.len;
        identity_free(&identity);
    }
    w->is_superseded = w->is_replaced;
    older = find_hashed(q, w->identity, w->hash);
    if (older != NULL && merge(q, older, w))
        return;
    link_entry(q, w);
    q->keys++;
    if (w->heap_at != 0 && is_after_older(q, w))
        heap_remove(q, w);
    let_wait(q, w);
}

void pending_rename(struct pending_writes *q, pending_identify_fn *identify, void *arg)
{
    const size_t count = q->keys;
    struct pending_write **all = xreallocarray(NULL, count + 1, sizeof(*all));
    size_t n = 0;

    for (size_t i = 0; i < q->slot_count; i++) {
        for (struct pending_write *w = q->slots[i]; w != NULL; w = w->next_in_slot)
            all[n++] = w;
        q->slots[i] = NULL;
    }
    qsort(all, n, sizeof(*all), compare_order);
    q->keys = 0;
    for (size_t i = 0; i < n; i++)
        rename_entry(q, all[i], identify, arg);
    free(all);
}

uint64_t pending_oldest_ms(const struct pending_writes *q, uint64_t now_ms)
{
    uint64_t oldest_ms = now_ms;

    for (size_t i = 0; i < q->slot_count; i++) {
        for (const struct pending_write *w = q->slots[i]; w != NULL; w = w->next_in_slot) {
            if (pending_newest(w) != NULL && w->taken_at_ms < oldest_ms)
                oldest_ms = w->taken_at_ms;
        }
    }
    return oldest_ms;
}
