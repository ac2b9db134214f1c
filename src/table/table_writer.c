#include "table_writer.h"

#include "commit.h"
#include "commit_turns.h"

#include "podop/clock.h"

#include <stdio.h>

enum {
    ATTEMPTS_MAX = 10, /* a value is given up after this many answers that report a failure */
    PAUSE_MIN_MS = 1000,
    PAUSE_MAX_MS = 60 * 1000,
    TABLE_PAUSE_MAX_MS = 2 * 1000, /* between tries of a single write */
    STOP_PAUSE_MIN_MS = 100,
    STOP_PAUSE_MAX_MS = 200, /* short, for a service that returns just before the end of the stop */
    TURN_BUDGET = 4096,      /* changes of commits that begin or end in one turn of the loop */
    WRITE_COST = 64,         /* of one pending write, counted in changes */
};

/* Lost writes */

/* Logs losses that were not logged yet, unless the last line is too recent. */
static void log_due_losses(struct table_writes *w, uint64_t now_ms)
{
    if (w->lost_unlogged > 0 && rate_limit_allows(&w->lost_logged, now_ms, LOG_INTERVAL_MS))
        table_writes_log_lost(w);
}

/* Logs the loss now, or as part of the count of a later line. */
static void lose(struct table_writes *w, uint64_t now_ms)
{
    w->lost++;
    w->lost_unlogged++;
    log_due_losses(w, now_ms);
}

void table_writer_give_up(struct table_writes *w)
{
    size_t left = 0;

    for (size_t i = 0; i < w->queue.slot_count; i++) {
        for (const struct pending_write *p = w->queue.slots[i]; p != NULL; p = p->next_in_slot)
            left += pending_newest(p) != NULL;
    }
    if (left > 0 && w->last_reason[0] == '\0')
        snprintf(w->last_reason, sizeof(w->last_reason), "podop stopped");
    w->lost += left;
    w->lost_unlogged += left;
    table_writes_log_lost(w);
}

/* Writing */

static uint32_t doubled(uint32_t pause_ms, uint32_t min_ms, uint32_t max_ms)
{
    if (pause_ms < min_ms)
        return min_ms;
    return pause_ms < max_ms / 2 ? 2 * pause_ms : max_ms;
}

static uint32_t next_pause_ms(const struct table_writes *w, uint32_t pause_ms, uint32_t first_ms,
                              uint32_t max_ms)
{
    if (w->owner->is_stopping)
        return doubled(pause_ms, STOP_PAUSE_MIN_MS, STOP_PAUSE_MAX_MS);
    if (first_ms > max_ms)
        first_ms = max_ms;
    return doubled(pause_ms, first_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : first_ms, max_ms);
}

/* Handles a write that the backend was not asked to make. While other writes are under way, the
 * backend has no room for more; otherwise the next write would fail in the same way. */
static void on_not_sent(struct table_writes *w, struct pending_write *p, uint64_t now_ms)
{
    pending_put_back(&w->queue, p, now_ms);
    w->window = w->under_way > 0 ? w->under_way : 1;
    w->made = 0;
    if (w->under_way > 0)
        return;
    w->pause_ms = next_pause_ms(w, w->pause_ms, PAUSE_MIN_MS, TABLE_PAUSE_MAX_MS);
    w->paused_until_ms = now_ms + w->pause_ms;
}

/* Handles a write that was made. Raises the window by one after a whole window of writes. */
static void on_made(struct table_writes *w, struct pending_write *p)
{
    if (w->pause_ms != 0) /* the backend is back */
        w->window = table_writes_window_max(w);
    w->pause_ms = 0;
    p->pause_ms = 0;
    if (++w->made >= w->window) {
        w->made = 0;
        w->window += w->window < table_writes_window_max(w);
    }
    pending_end(&w->queue, p);
    commit_turns_pass(p);
}

/* Halves the window: a backend that hangs keeps connections that lookups need. */
static void on_no_answer(struct table_writes *w)
{
    w->window = w->window > 1 ? w->window / 2 : 1;
    w->made = 0;
}

/* Proxies answer 502, 503 or 504 while their service is down. */
static bool is_outage(const struct reply *reply)
{
    return reply->status == REPLY_UNCERTAIN ||
           (reply->http_status >= 502 && reply->http_status <= 504);
}

static bool is_hopeless(const struct table_writes *w, struct pending_write *p,
                        const struct commit *c, const struct reply *reply)
{
    if (p->waiting != NULL) /* a newer value replaces it */
        return false;
    if (reply->status == REPLY_PERMANENT)
        return true;
    if (c->changes_sent == 0 || is_outage(reply))
        return false;
    return w->owner->is_stopping ? c->is_refused : ++p->attempts >= ATTEMPTS_MAX;
}

static void on_failed(struct table_writes *w, struct pending_write *p, const struct commit *c,
                      const struct reply *reply)
{
    const uint64_t now_ms = clock_now_ms();

    snprintf(w->last_reason, sizeof(w->last_reason), "%.*s", (int)reply->reason.len,
             reply->reason.ptr);
    if (is_hopeless(w, p, c, reply)) {
        lose(w, now_ms);
        pending_end(&w->queue, p);
    } else if (c->changes_sent == 0 && reply->status != REPLY_PERMANENT) {
        on_not_sent(w, p, now_ms);
    } else {
        if (reply->status == REPLY_UNCERTAIN)
            on_no_answer(w);
        w->pause_ms = 0;
        p->pause_ms = next_pause_ms(w, p->pause_ms, w->table->write_behind_ms, PAUSE_MAX_MS);
        pending_put_back(&w->queue, p, now_ms + p->pause_ms);
    }
    commit_turns_fail(p, reply);
}

static void on_written(void *arg, const struct reply *reply)
{
    struct pending_write *p = arg;
    struct table_writes *w = p->owner;
    const struct commit *c = p->commit;

    p->commit = NULL;
    w->under_way--;
    if (w->owner == NULL || w->owner->is_closed)
        return; /* table_writer_give_up() counts it */
    w->refs++;
    if (reply->status == REPLY_FOUND || reply->status == REPLY_MISS)
        on_made(w, p);
    else
        on_failed(w, p, c, reply);
    pending_release(&w->queue, p);
    table_writer_run(w);
    table_writes_unref(&w);
}

static void write_now(struct table_writes *w, struct pending_write *p)
{
    pending_begin(&w->queue, p);
    w->under_way++;
    w->attempts++;
    pending_normalise(&w->queue, p, w->table); /* it was taken for a table from before a reload */
    p->commit = commit_through(w->table, p->writing, w->owner->is_stopping, on_written, p);
}

/* Returns the write that is due, or NULL. After a pause a single write is tried. A write that a
 * transaction is queued for is tried during a pause, too. */
static struct pending_write *find_due(const struct table_writes *w, uint64_t now_ms)
{
    struct pending_write *p = pending_first(&w->queue);

    if (p == NULL || p->due_at_ms > now_ms || w->under_way >= w->window)
        return NULL;
    if (w->pause_ms == 0 || p->is_urgent)
        return p;
    return now_ms >= w->paused_until_ms && w->under_way == 0 ? p : NULL;
}

static bool has_budget(struct writes_owner *owner)
{
    const unsigned turn = ev_iteration(owner->loop);

    if (owner->turn != turn) {
        owner->turn = turn;
        owner->budget = TURN_BUDGET;
    }
    return owner->budget > 0;
}

/* Drops a value that must not be written over a newer one, and lets the transactions that wait for
 * it go on. */
static void drop_superseded(struct table_writes *w, struct pending_write *p)
{
    pending_begin(&w->queue, p);
    pending_end(&w->queue, p);
    commit_turns_pass(p);
    pending_release(&w->queue, p);
}

/* Does one thing that is due and returns its cost; 0: there is nothing to do now. */
static size_t step(struct table_writes *w, uint64_t now_ms)
{
    const size_t changes = commit_turns_run(w);
    struct pending_write *p;

    if (changes > 0)
        return changes;
    p = find_due(w, now_ms);
    if (p == NULL)
        return 0;
    if (p->is_superseded)
        drop_superseded(w, p);
    else
        write_now(w, p);
    return WRITE_COST;
}

void table_writer_run(struct table_writes *w)
{
    const uint64_t now_ms = clock_now_ms();
    size_t cost = 1;

    w->refs++;
    if (w->owner != NULL && !w->owner->is_closed)
        log_due_losses(w, now_ms);
    while (cost > 0 && w->owner != NULL && !w->owner->is_closed && has_budget(w->owner)) {
        cost = step(w, now_ms);
        w->owner->budget -= cost < w->owner->budget ? cost : w->owner->budget;
    }
    table_writes_schedule(w);
    table_writes_unref(&w);
}

void table_writer_stop(struct table_writes *w)
{
    table_writes_hurry(w, true);
    for (size_t i = 0; i < w->queue.slot_count; i++) {
        for (struct pending_write *p = w->queue.slots[i]; p != NULL; p = p->next_in_slot) {
            if (p->commit != NULL)
                p->commit->ignores_suspension = true;
        }
    }
}
