#include "hold.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

enum {
    SLOTS = 1024,
    KEYS_MAX = 10000,
    BYTES_MAX = 64 * 1024 * 1024,
    CHANGE_BYTES_MAX = 64 * 1024, /* what is larger is written at once */
    ATTEMPTS_MAX = 10,
    RETRY_MS_MAX = 60 * 1000,
    LOST_TELL_EVERY_MS = 60 * 1000,
};

/* One key. At least one of the two transactions is there, each with a single change. */
struct held {
    struct hold *hold;
    struct held *next_slot;
    struct held *next_due, **prev_due; /* in the order of due_at_ms; prev_due is NULL outside */
    struct transaction *waiting;       /* the newest */
    struct transaction *writing;       /* on its way */
    uint64_t due_at_ms;
    unsigned attempts;
};

struct hold {
    struct table *table;
    uint32_t delay_ms;
    bool is_flushing;
    struct held *slots[SLOTS];
    struct hash_key hash_key;
    struct held *first_due;
    size_t keys, bytes;
    uint64_t lost,
        lost_told_at_ms;    /* writes that are given up and not told of yet; when some were */
    struct commit *delayed; /* until the keys that they change are written */
    ev_timer timer;         /* until the first is due */
};

static void on_due(struct ev_loop *loop, ev_timer *w, int revents);
static void write_now(struct held *held);

struct hold *hold_new(struct table *table, uint32_t delay_ms)
{
    struct hold *h = xcalloc(1, sizeof(*h));

    h->table = table;
    h->delay_ms = delay_ms;
    hash_key_init_random(&h->hash_key);
    ev_init(&h->timer, on_due);
    h->timer.data = h;
    return h;
}

static struct held **slot_of(const struct hold *h, const struct table_key *key)
{
    /* Users and keys of one spelling share a slot, which costs a comparison and no more. */
    uint64_t hash = hash_span(&h->hash_key, key->key) ^
                    (key->is_private ? hash_span(&h->hash_key, key->user) : 0);

    return (struct held **)(uintptr_t)&h->slots[hash % SLOTS];
}

static const struct transaction *newest(const struct held *held)
{
    return held->waiting != NULL ? held->waiting : held->writing;
}

static struct held *find(const struct hold *h, const struct table_key *key)
{
    struct held *held = *slot_of(h, key);

    while (held != NULL && !transaction_touches(newest(held), key))
        held = held->next_slot;
    return held;
}

static void set_timer(struct hold *h)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t left_ms;

    ev_timer_stop(h->table->env.loop, &h->timer);
    if (h->first_due == NULL)
        return;
    left_ms =
        h->is_flushing || h->first_due->due_at_ms <= now_ms ? 0 : h->first_due->due_at_ms - now_ms;
    ev_timer_set(&h->timer, (double)left_ms / 1000.0, 0.0);
    ev_timer_start(h->table->env.loop, &h->timer);
}

static void remove_due(struct held *held)
{
    if (held->prev_due == NULL)
        return;
    *held->prev_due = held->next_due;
    if (held->next_due != NULL)
        held->next_due->prev_due = held->prev_due;
    held->prev_due = NULL;
}

static void add_due(struct held *held, uint64_t due_at_ms)
{
    struct held **link = &held->hold->first_due;

    held->due_at_ms = due_at_ms;
    while (*link != NULL && (*link)->due_at_ms <= due_at_ms)
        link = &(*link)->next_due;
    held->next_due = *link;
    held->prev_due = link;
    if (held->next_due != NULL)
        held->next_due->prev_due = &held->next_due;
    *link = held;
}

/* The slot is found by the key, so before the transactions go. */
static void held_unlink(struct held *held)
{
    struct hold *h = held->hold;
    struct held **link = slot_of(h, &newest(held)->changes[0].key);

    while (*link != held)
        link = &(*link)->next_slot;
    *link = held->next_slot;
    remove_due(held);
    h->keys--;
    h->bytes -= held->waiting == NULL ? 0 : held->waiting->bytes;
}

static void held_free(struct held *held)
{
    held_unlink(held);
    transaction_free(&held->waiting);
    transaction_free(&held->writing);
    free(held);
}

static void tell_lost(struct hold *h, struct span reason)
{
    log_error(h->table->env.log, "write_lost", LOG_STR("table", h->table->name),
              LOG_UINT("writes", h->lost), LOG_IF(reason.len > 0, LOG_SPAN("reason", reason)));
    h->lost = 0;
}

/* One more, at once or within the count of a later line. */
static void lose(struct hold *h, struct span reason)
{
    uint64_t now_ms = clock_now_ms();

    h->lost++;
    if (h->lost_told_at_ms != 0 && now_ms - h->lost_told_at_ms < LOST_TELL_EVERY_MS)
        return;
    h->lost_told_at_ms = now_ms;
    tell_lost(h, reason);
}

void hold_free(struct hold **phold)
{
    struct hold *h = *phold;

    if (h == NULL)
        return;
    *phold = NULL;
    if (h->lost > 0)
        tell_lost(h, SPAN(""));
    for (size_t i = 0; i < SLOTS; i++) {
        while (h->slots[i] != NULL)
            held_free(h->slots[i]);
    }
    ev_timer_stop(h->table->env.loop, &h->timer);
    free(h);
}

static uint64_t retry_ms(const struct held *held)
{
    unsigned doublings = held->attempts < ATTEMPTS_MAX ? held->attempts : ATTEMPTS_MAX;
    uint64_t ms = (uint64_t)held->hold->delay_ms << doublings;

    return ms < RETRY_MS_MAX ? ms : RETRY_MS_MAX;
}

/* A write that failed is tried again, unless a newer one waits, there is no time, or no hope. */
static void on_failed(struct held *held, const struct reply *reply)
{
    struct hold *h = held->hold;
    bool is_hopeless = reply->status == REPLY_PERMANENT || held->attempts >= ATTEMPTS_MAX;

    if (held->waiting != NULL)
        return;
    if (h->is_flushing || is_hopeless) {
        lose(h, reply->reason);
        return;
    }
    held->waiting = held->writing;
    held->writing = NULL;
    h->bytes += held->waiting->bytes;
    add_due(held, clock_now_ms() + retry_ms(held));
}

static bool overlaps(const struct hold *h, const struct transaction *t)
{
    for (size_t i = 0; i < t->count; i++) {
        if (find(h, &t->changes[i].key) != NULL)
            return true;
    }
    return false;
}

/* The first commit that has not to wait any longer, taken off the list; NULL: none. */
static struct commit *take_ready(struct hold *h)
{
    struct commit **link = &h->delayed;
    struct commit *c;

    while (*link != NULL && !(*link)->is_failing && overlaps(h, (*link)->transaction))
        link = &(*link)->next_delayed;
    c = *link;
    if (c != NULL) {
        *link = c->next_delayed;
        c->is_delayed = false;
    }
    return c;
}

/* Commits that waited for a key go on when it is written, and fail when it cannot be. Which ones is
 * decided first: whoever is told may write again, and change what is held. */
static void go_on(struct hold *h, const struct transaction *written, const struct reply *reply)
{
    bool has_failed = reply->status != REPLY_FOUND && reply->status != REPLY_MISS;
    struct commit *c;

    for (c = h->delayed; c != NULL; c = c->next_delayed)
        c->is_failing = has_failed && transaction_overlaps(written, c->transaction);
    while ((c = take_ready(h)) != NULL) {
        if (c->is_failing)
            commit_finish(c, reply);
        else
            c->table->ops->commit(c);
    }
}

static void on_written(void *arg, const struct reply *reply)
{
    struct held *held = arg;
    struct hold *h = held->hold;
    struct table *table = table_ref(h->table); /* what goes on may be the last to hold it */
    struct transaction *written;

    if (reply->status != REPLY_FOUND && reply->status != REPLY_MISS)
        on_failed(held, reply);
    else
        held->attempts = 0;
    if (held->writing == NULL) { /* it waits again */
        go_on(h, held->waiting, reply);
    } else {
        written = held->writing;
        if (held->waiting == NULL) {
            held_unlink(held);
            free(held);
        } else {
            held->writing = NULL;
            if (h->is_flushing || held->prev_due == NULL)
                write_now(held); /* its time came while the other was on its way */
        }
        go_on(h, written, reply);
        transaction_free(&written);
    }
    set_timer(h);
    table_unref(&table);
}

static void write_now(struct held *held)
{
    struct hold *h = held->hold;

    remove_due(held);
    if (held->writing != NULL)
        return; /* on_written() comes back to what waits: it is not due any more, but late */
    held->writing = held->waiting;
    held->waiting = NULL;
    h->bytes -= held->writing->bytes;
    held->attempts++;
    commit_through(h->table, held->writing, on_written, held);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct hold *h = w->data;
    uint64_t now_ms = clock_now_ms();
    struct held *next;

    (void)loop;
    (void)revents;
    for (struct held *held = h->first_due; held != NULL; held = next) {
        next = held->next_due;
        if (!h->is_flushing && held->due_at_ms > now_ms)
            break;
        write_now(held);
    }
    set_timer(h);
}

static bool overlaps_delayed(const struct hold *h, const struct transaction *t)
{
    for (const struct commit *c = h->delayed; c != NULL; c = c->next_delayed) {
        if (transaction_overlaps(c->transaction, t))
            return true;
    }
    return false;
}

static bool can_wait(const struct hold *h, const struct transaction *t)
{
    if (h->is_flushing || h->keys + t->count > KEYS_MAX || h->bytes + t->bytes > BYTES_MAX)
        return false;
    for (size_t i = 0; i < t->count; i++) {
        const struct change *c = &t->changes[i];

        if (c->kind == CHANGE_INCREMENT || c->value.len > CHANGE_BYTES_MAX)
            return false;
    }
    return !overlaps_delayed(h, t); /* what waits for a key must not wait for ever */
}

static void take_change(struct hold *h, const struct transaction *t, const struct change *change)
{
    struct transaction *one = transaction_new(span_of(t->user));
    struct held *held = find(h, &change->key);
    bool is_late = held != NULL && held->waiting != NULL && held->prev_due == NULL;

    one->expire_s = t->expire_s;
    one->has_timestamp = t->has_timestamp;
    one->timestamp_s = t->timestamp_s;
    one->timestamp_ns = t->timestamp_ns;
    transaction_add(one, change);
    if (held == NULL) {
        struct held **slot = slot_of(h, &change->key);

        held = xcalloc(1, sizeof(*held));
        held->hold = h;
        held->next_slot = *slot;
        *slot = held;
        h->keys++;
    }
    h->bytes += one->bytes - (held->waiting == NULL ? 0 : held->waiting->bytes);
    transaction_free(&held->waiting);
    held->waiting = one;
    held->attempts = 0;                     /* of this value */
    if (held->prev_due == NULL && !is_late) /* the time runs from the first write on */
        add_due(held, clock_now_ms() + h->delay_ms);
}

bool hold_take(struct hold *h, const struct transaction *t)
{
    if (!can_wait(h, t))
        return false;
    for (size_t i = 0; i < t->count; i++)
        take_change(h, t, &t->changes[i]);
    set_timer(h);
    return true;
}

const struct change *hold_find(const struct hold *h, const struct table_key *key)
{
    const struct held *held = find(h, key);

    return held == NULL ? NULL : &newest(held)->changes[0];
}

bool hold_delays(struct hold *h, struct commit *commit)
{
    const struct transaction *t = commit->transaction;
    bool is_delayed = overlaps_delayed(h, t);
    struct commit **last = &h->delayed;

    for (size_t i = 0; i < t->count; i++) {
        struct held *held = find(h, &t->changes[i].key);

        if (held == NULL)
            continue;
        is_delayed = true;
        if (held->waiting != NULL)
            write_now(held);
    }
    if (!is_delayed)
        return false;
    while (*last != NULL)
        last = &(*last)->next_delayed;
    commit->is_delayed = true;
    commit->is_failing = false;
    commit->next_delayed = NULL;
    *last = commit;
    return true;
}

void hold_forget_commit(struct hold *h, struct commit *commit)
{
    struct commit **link = &h->delayed;

    while (*link != commit)
        link = &(*link)->next_delayed;
    *link = commit->next_delayed;
    commit->is_delayed = false;
}

void hold_move(struct hold *h, struct table *table)
{
    h->table = table;
}

void hold_write(struct hold *h)
{
    while (h->first_due != NULL) {
        struct held *held = h->first_due;

        remove_due(held);
        if (held->writing == NULL)
            write_now(held);
    }
    set_timer(h);
}

void hold_flush(struct hold *h)
{
    h->is_flushing = true;
    hold_write(h);
}
