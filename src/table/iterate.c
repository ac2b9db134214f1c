#include "podop/iterate.h"

#include "iterate.h"
#include "memory.h"
#include "table_keys.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <stdlib.h>

/* An iteration of a retired table fails when it is paused for longer than this. */
enum { RETIRED_UNREAD_MS = 1000 };

static void log_dropped(struct table *t, struct span name)
{
    t->rows_dropped++;
    if (rate_limit_allows(&t->dropped_logged, clock_now_ms(), LOG_INTERVAL_MS))
        log_warning(t->env.log, "row_dropped", LOG_STR("table", t->name), LOG_SPAN("name", name),
                    LOG_UINT("count", t->rows_dropped));
}

static void iteration_free(struct table_iteration *it)
{
    deferred_stop(&it->ready);
    ev_timer_stop(it->table->env.loop, &it->next_turn);
    deadline_stop(&it->unread);
    list_remove(&it->in_table);
    if (it->table->ops->stop != NULL)
        it->table->ops->stop(it);
    table_unref(&it->table);
    free(it->path_bytes);
    free(it);
}

void iteration_finish(struct table_iteration *it, const struct reply *reply)
{
    char text[TABLE_REASON_BYTES];
    struct reply fault = {.status = REPLY_PERMANENT};

    if (it->has_nul) {
        fault.reason = table_reason(it->table, text, "a value has a NUL byte");
        reply = &fault;
    }
    it->events.done(it->arg, reply);
    iteration_free(it);
}

bool iteration_row(struct table_iteration *it, struct span name, struct span value)
{
    if (it->options.max_rows != 0 && it->rows >= it->options.max_rows)
        return false;
    if (name.len == 0 || span_has_byte(name, '\0')) {
        /* Dovecot's processes abort on a key that is not longer than its path (2.3.19, 2.4.5). */
        log_dropped(it->table, name);
        return true;
    }
    if (!it->options.recurse && span_has_byte(name, '/'))
        return true;
    if (!it->options.no_values && span_has_byte(value, '\0')) {
        it->has_nul = true; /* no protocol can carry it, and a row must not be lost silently */
        return false;
    }
    it->rows++;
    it->events.row(it->arg, name, it->options.no_values ? SPAN("") : value);
    return true;
}

static void on_ready(void *arg)
{
    struct table_iteration *it = arg;

    if (it->table->ops->go_on != NULL) {
        it->table->ops->go_on(it);
    } else {
        char text[TABLE_REASON_BYTES];
        const char *why = "this type of table cannot be iterated";

        iteration_finish(it, &(struct reply){.status = REPLY_PERMANENT,
                                             .reason = table_reason(it->table, text, "%s", why)});
    }
}

static void on_next_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct table_iteration *it = w->data;

    (void)loop;
    (void)revents;
    it->table->ops->go_on(it);
}

void iteration_wake(struct table_iteration *it)
{
    deferred_start(&it->ready);
}

void iteration_yield(struct table_iteration *it)
{
    ev_timer_start(it->table->env.loop, &it->next_turn);
}

static void begin_unread(struct table_iteration *it)
{
    const struct table *t = it->table;
    uint32_t ms = t->timeout_ms;

    if (t->is_retired && ms > RETIRED_UNREAD_MS)
        ms = RETIRED_UNREAD_MS;
    deadline_start_in(&it->unread, t->env.loop, ms);
}

static void on_unread(void *arg)
{
    struct table_iteration *it = arg;
    char text[TABLE_REASON_BYTES];

    iteration_finish(it,
                     &(struct reply){.status = REPLY_TIMEOUT,
                                     .reason = table_reason(it->table, text,
                                                            "the client does not read its rows")});
}

void iterations_init(struct table *t)
{
    list_init(&t->iterations);
}

void iterations_retire(struct table *t)
{
    LIST_FOR_EACH (at, &t->iterations) {
        struct table_iteration *it = CONTAINER_OF(at, struct table_iteration, in_table);

        if (it->is_paused)
            begin_unread(it);
    }
}

static void copy_key(struct table_iteration *it, const struct table_key *path)
{
    char *bytes = xmalloc(path->key.len + path->user.len);

    if (path->key.len > 0)
        memcpy(bytes, path->key.ptr, path->key.len);
    if (path->user.len > 0)
        memcpy(bytes + path->key.len, path->user.ptr, path->user.len);
    it->path_bytes = bytes;
    it->path = (struct table_key){
        .key = {bytes, path->key.len},
        .user = {bytes + path->key.len, path->user.len},
        .is_private = path->is_private,
    };
}

static void copy_path(struct table_iteration *it, const struct table_key *path)
{
    struct normal_key normal;

    normal_key_init(&normal, it->table, path);
    copy_key(it, &normal.key);
    normal_key_deinit(&normal);
}

struct table_iteration *table_iterate(struct table *table, const struct table_key *path,
                                      const struct iterate_options *options,
                                      const struct iterate_events *events, void *arg)
{
    size_t bytes = table->ops->iteration_bytes;
    struct table_iteration *it = xcalloc(1, bytes > sizeof(*it) ? bytes : sizeof(*it));

    table->memory->counters.iterations++;
    it->table = table_ref(table);
    copy_path(it, path);
    it->options = *options;
    it->events = *events;
    it->arg = arg;
    deadline_init(&it->unread, on_unread, it);
    list_prepend(&table->iterations, &it->in_table);
    deferred_init(&it->ready, table->env.loop, 0, on_ready, it);
    ev_timer_init(&it->next_turn, on_next_turn, 0.0, 0.0);
    it->next_turn.data = it;
    iteration_wake(it);
    return it;
}

void table_iteration_pause(struct table_iteration *it)
{
    if (it->is_paused)
        return;
    it->is_paused = true;
    begin_unread(it);
}

/* The time of a retired table's iteration is not extended: a client that reads a byte a second
 * would keep the table for ever. */
void table_iteration_touch(struct table_iteration *it)
{
    if (it->is_paused && !it->table->is_retired)
        begin_unread(it);
}

void table_iteration_resume(struct table_iteration *it)
{
    if (!it->is_paused)
        return;
    it->is_paused = false;
    ev_timer_stop(it->table->env.loop, &it->next_turn); /* go_on() must not be called twice */
    deadline_stop(&it->unread);
    iteration_wake(it);
}

void table_iteration_cancel(struct table_iteration **pit)
{
    struct table_iteration *it = *pit;

    if (it == NULL)
        return;
    *pit = NULL;
    iteration_free(it);
}
