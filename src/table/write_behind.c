#include "write_behind.h"
#include "memory.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

struct write_behind *write_behind_new(struct ev_loop *loop, struct log *log)
{
    struct write_behind *wb = xcalloc(1, sizeof(*wb));

    wb->loop = loop;
    wb->log = log;
    hash_key_init_random(&wb->hash_key);
    return wb;
}

static struct table_writes **slot_of(struct write_behind *wb, struct span name)
{
    return &wb->slots[hash_span(&wb->hash_key, name) % WRITE_BEHIND_SLOTS];
}

static struct table_writes *find(struct write_behind *wb, struct span name)
{
    struct table_writes *w = *slot_of(wb, name);

    while (w != NULL && !span_equal(span_of(w->name), name))
        w = w->next;
    return w;
}

static void on_time(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    table_writes_go_on(timer->data);
}

/* The caller adds the first reference. */
static struct table_writes *add(struct write_behind *wb, const char *name)
{
    struct table_writes **slot = slot_of(wb, span_of(name));
    struct table_writes *w = xcalloc(1, sizeof(*w));

    w->owner = wb;
    w->name = xstrdup(name);
    w->window = UNDER_WAY_MAX;
    pending_init(&w->queue);
    ev_init(&w->timer, on_time);
    w->timer.data = w;
    w->next = *slot;
    w->prev_next = slot;
    if (w->next != NULL)
        w->next->prev_next = &w->next;
    *slot = w;
    return w;
}

static void disown(struct table_writes *w)
{
    if (w->owner == NULL)
        return;
    ev_timer_stop(w->owner->loop, &w->timer);
    w->owner->busy -= w->is_busy;
    *w->prev_next = w->next;
    if (w->next != NULL)
        w->next->prev_next = w->prev_next;
    w->owner = NULL;
}

void table_writes_unref(struct table_writes **pw)
{
    struct table_writes *w = *pw;

    *pw = NULL;
    if (w == NULL || --w->refs > 0)
        return;
    disown(w);
    pending_deinit(&w->queue);
    free(w->name);
    free(w);
}

/* Seconds until something is due, or -1: nothing is, or the end of a write comes first. */
static double wait_s(const struct table_writes *w, uint64_t now_ms)
{
    const struct pending_write *p = pending_first(&w->queue);
    uint64_t at_ms;

    if (w->ready.first != NULL || w->failed.first != NULL)
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

static void set_timer(struct table_writes *w)
{
    struct ev_loop *loop = w->owner->loop;
    const double after_s = w->owner->is_closed ? -1.0 : wait_s(w, clock_now_ms());

    ev_timer_stop(loop, &w->timer);
    if (after_s < 0.0)
        return;
    ev_timer_set(&w->timer, after_s, 0.0);
    ev_timer_start(loop, &w->timer);
}

void table_writes_schedule(struct table_writes *w)
{
    const bool is_busy = w->queue.keys > 0 || w->failed.first != NULL;

    if (w->owner == NULL)
        return;
    w->owner->busy += (size_t)is_busy - (size_t)w->is_busy;
    w->is_busy = is_busy;
    set_timer(w);
    if (w->is_retired && !is_busy)
        table_unref(&w->table); /* its reference to w may be the last */
}

static void identify(void *arg, const struct table_key *key, struct identity *identity)
{
    identity_of(identity, arg, key);
}

/* Other settings may make what failed before succeed, so failures are forgotten. */
static void set_table(struct table_writes *w, struct table *table)
{
    struct table *previous = w->table;
    const bool is_changed = previous != NULL && previous->memory != table->memory;

    w->table = table_ref(table);
    w->is_retired = false;
    if (w->queue.keys > 0)
        pending_rename(&w->queue, identify, table);
    table_writes_hurry(w, is_changed);
    table_unref(&previous);
}

void write_behind_set_table(struct write_behind *wb, struct table *table)
{
    struct table_writes *w = find(wb, table_name(table));

    if (w == NULL && table->ops->commit == NULL)
        return;
    if (w == NULL)
        w = add(wb, table->name);
    w->refs++;
    table->writes = w;
    memory_join(table->memory, &w->memories);
    if (table->ops->commit == NULL)
        write_behind_retire(w);
    else
        set_table(w, table);
    table_writes_schedule(w);
}

void write_behind_retire(struct table_writes *w)
{
    w->is_retired = true;
    table_writes_hurry(w, false);
    table_writes_schedule(w);
}

static void each(struct write_behind *wb, void (*call)(struct table_writes *w))
{
    for (size_t i = 0; i < WRITE_BEHIND_SLOTS; i++) {
        struct table_writes *next;

        for (struct table_writes *w = wb->slots[i]; w != NULL; w = next) {
            next = w->next;
            call(w);
        }
    }
}

static void stop(struct table_writes *w)
{
    table_writes_stop(w);
    table_writes_schedule(w);
}

void write_behind_stop(struct write_behind *wb)
{
    wb->is_stopping = true;
    each(wb, stop);
}

bool write_behind_is_empty(const struct write_behind *wb)
{
    return wb->busy == 0;
}

void write_behind_close(struct write_behind *wb)
{
    wb->is_closed = true;
}

static void end(struct table_writes *w)
{
    w->refs++;
    table_writes_give_up(w);
    disown(w);
    table_unref(&w->table);
    table_writes_unref(&w);
}

void write_behind_free(struct write_behind **pwb)
{
    struct write_behind *wb = *pwb;

    if (wb == NULL)
        return;
    *pwb = NULL;
    each(wb, end);
    free(wb);
}
