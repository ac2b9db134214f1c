#include "table_writes.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

enum { VALUE_BYTES_MAX = 64 * 1024 }; /* of a pending write */

/* Creation and release */

static void on_time(struct ev_loop *loop, ev_timer *timer, int revents)
{
    struct table_writes *w = timer->data;

    (void)loop;
    (void)revents;
    w->run(w);
}

struct table_writes *table_writes_new(struct writes_owner *owner, const char *name,
                                      table_writes_run_fn *run)
{
    struct table_writes *w = xcalloc(1, sizeof(*w));

    w->refs = 1;
    w->owner = owner;
    w->name = xstrdup(name);
    w->window = UNDER_WAY_MAX;
    w->run = run;
    memory_group_init(&w->memories);
    pending_init(&w->queue);
    list_init(&w->ready);
    list_init(&w->failed);
    ev_init(&w->timer, on_time);
    w->timer.data = w;
    return w;
}

void table_writes_log_lost(struct table_writes *w)
{
    if (w->lost_unlogged > 0)
        log_error(w->owner->log, "write_lost", LOG_STR("table", w->name),
                  LOG_UINT("writes", w->lost_unlogged),
                  LOG_IF(w->last_reason[0] != '\0', LOG_STR("reason", w->last_reason)));
    w->lost_unlogged = 0;
}

void table_writes_disown(struct table_writes *w)
{
    if (w->owner == NULL)
        return;
    ev_timer_stop(w->owner->loop, &w->timer);
    w->owner->busy -= w->is_busy;
    list_remove(&w->in_slot);
    w->owner = NULL;
}

void table_writes_unref(struct table_writes **pw)
{
    struct table_writes *w = *pw;

    *pw = NULL;
    if (w == NULL || --w->refs > 0)
        return;
    if (w->owner != NULL)
        table_writes_log_lost(w);
    table_writes_disown(w);
    pending_deinit(&w->queue);
    free(w->name);
    free(w);
}

/* Accepting */

static bool may_take(const struct table_writes *w)
{
    return w->owner != NULL && !w->owner->is_stopping && !w->owner->is_closed && !w->is_retired &&
           w->table != NULL && w->table->write_behind_ms > 0;
}

static bool can_wait(struct table_writes *w, const struct change *change)
{
    const struct pending_write *p;
    struct identity id;

    if (change->kind == CHANGE_INCREMENT || change->value.len > VALUE_BYTES_MAX)
        return false;
    if (w->queue.keys == 0)
        return true;
    identity_of(&id, w->table, &change->key);
    p = pending_find(&w->queue, &id);
    identity_free(&id);
    return p == NULL || !pending_has_queue(p); /* a queued transaction must be made first */
}

/* Copies change into a transaction of its own. */
static struct transaction *cut_out(const struct transaction *t, const struct change *change)
{
    struct transaction *one = transaction_new(span_of(t->user));

    one->has_timestamp = t->has_timestamp;
    one->timestamp_s = t->timestamp_s;
    one->timestamp_ns = t->timestamp_ns;
    transaction_add(one, change);
    return one;
}

static void take_change(struct table_writes *w, const struct transaction *t,
                        const struct change *change, uint64_t now_ms)
{
    struct pending_write *p;
    struct identity id;

    identity_of(&id, w->table, &change->key);
    p = pending_find_or_add(&w->queue, &id);
    identity_free(&id);
    p->owner = w;
    pending_put(&w->queue, p, cut_out(t, change), now_ms, now_ms + w->table->write_behind_ms);
}

bool table_writes_take(struct table_writes *w, const struct transaction *t)
{
    const uint64_t now_ms = clock_now_ms();

    if (!may_take(w) || t->expire_s != 0 || !pending_has_room(&w->queue, t))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        if (!can_wait(w, &t->changes[i]))
            return false;
    }
    for (size_t i = 0; i < t->count; i++)
        take_change(w, t, &t->changes[i], now_ms);
    table_writes_schedule(w);
    return true;
}

const struct change *table_writes_find(struct table_writes *w, struct table *table,
                                       const struct table_key *key, const struct identity *identity)
{
    const struct pending_write *p;
    struct identity id;

    if (table == w->table) {
        p = pending_find(&w->queue, identity);
    } else { /* a table from before a reload may identify keys in another way */
        identity_of(&id, w->table, key);
        p = pending_find(&w->queue, &id);
        identity_free(&id);
    }
    return p == NULL ? NULL : pending_newest(p);
}

/* Scheduling */

unsigned table_writes_window_max(const struct table_writes *w)
{
    return w->owner->is_stopping ? STOP_UNDER_WAY_MAX : UNDER_WAY_MAX;
}

void table_writes_hurry(struct table_writes *w, bool after_failures)
{
    const uint64_t now_ms = clock_now_ms();

    w->pause_ms = 0;
    w->window = table_writes_window_max(w);
    for (size_t i = 0; i < w->queue.slot_count; i++) {
        for (struct pending_write *p = w->queue.slots[i]; p != NULL; p = p->next_in_slot) {
            if (after_failures)
                p->pause_ms = 0;
            if (p->pause_ms == 0 && p->due_at_ms > now_ms)
                pending_move(&w->queue, p, now_ms);
        }
    }
}

/* Returns the seconds until something is due, or -1 when nothing can be due before a write ends. */
static double wait_s(const struct table_writes *w, uint64_t now_ms)
{
    const struct pending_write *p = pending_first(&w->queue);
    uint64_t at_ms;

    if (!list_is_empty(&w->ready) || !list_is_empty(&w->failed))
        return 0.0;
    if (p == NULL || w->under_way >= w->window)
        return -1.0;
    at_ms = p->due_at_ms;
    if (w->pause_ms != 0 && !p->is_urgent) {
        if (w->under_way > 0)
            return -1.0;
        at_ms = at_ms < w->paused_until_ms ? w->paused_until_ms : at_ms;
    }
    return at_ms <= now_ms ? 0.0 : (double)(at_ms - now_ms) / 1000.0;
}

/* Returns the same as wait_s(), or the seconds until lost writes can be logged if that is sooner.
 */
static double wait_or_log_s(const struct table_writes *w, uint64_t now_ms)
{
    const double work_s = wait_s(w, now_ms);
    const double log_s =
        (double)rate_limit_left_ms(&w->lost_logged, now_ms, LOG_INTERVAL_MS) / 1000.0;

    return w->lost_unlogged > 0 && (work_s < 0.0 || log_s < work_s) ? log_s : work_s;
}

static void set_timer(struct table_writes *w)
{
    struct ev_loop *loop = w->owner->loop;
    const double after_s = w->owner->is_closed ? -1.0 : wait_or_log_s(w, clock_now_ms());

    ev_timer_stop(loop, &w->timer);
    if (after_s < 0.0)
        return;
    ev_timer_set(&w->timer, after_s, 0.0);
    ev_timer_start(loop, &w->timer);
}

void table_writes_schedule(struct table_writes *w)
{
    const bool is_busy = w->queue.keys > 0 || !list_is_empty(&w->failed);

    if (w->owner == NULL)
        return;
    w->owner->busy += (size_t)is_busy - (size_t)w->is_busy;
    w->is_busy = is_busy;
    set_timer(w);
    if (w->is_retired && !is_busy)
        table_unref(&w->table); /* its reference to w may be the last */
}
