#include "podop/write_behind.h"

#include "table_writer.h"
#include "write_behind.h"

#include "podop/hash.h"
#include "podop/mem.h"

#include <stdlib.h>

enum { SLOTS = 1024 };

struct write_behind {
    struct writes_owner shared;
    struct list slots[SLOTS]; /* of table_writes, by name */
    struct hash_key hash_key;
};

struct write_behind *write_behind_new(struct ev_loop *loop, struct log *log)
{
    struct write_behind *wb = xcalloc(1, sizeof(*wb));

    wb->shared.loop = loop;
    wb->shared.log = log;
    hash_key_init_random(&wb->hash_key);
    for (size_t i = 0; i < SLOTS; i++)
        list_init(&wb->slots[i]);
    return wb;
}

static struct list *slot_of(struct write_behind *wb, struct span name)
{
    return &wb->slots[hash_span(&wb->hash_key, name) % SLOTS];
}

static struct table_writes *find(struct write_behind *wb, struct span name)
{
    LIST_FOR_EACH (at, slot_of(wb, name)) {
        struct table_writes *w = CONTAINER_OF(at, struct table_writes, in_slot);

        if (span_equal(span_of(w->name), name))
            return w;
    }
    return NULL;
}

/* Returns a new table_writes, whose first reference is the caller's. */
static struct table_writes *add(struct write_behind *wb, const char *name)
{
    struct table_writes *w = table_writes_new(&wb->shared, name, table_writer_run);

    list_prepend(slot_of(wb, span_of(name)), &w->in_slot);
    return w;
}

static void identify(void *arg, const struct table_key *key, struct identity *identity)
{
    identity_of(identity, arg, key);
}

/* Lets w write through table. Writes that failed are tried again at once when the settings have
 * changed. */
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

    if (w == NULL && !table_is_writable(table))
        return;
    if (w == NULL)
        w = add(wb, table->name);
    else
        w->refs++;
    table->writes = w;
    table->uses_hash |= table->write_behind_ms > 0 || w->queue.keys > 0;
    memory_join(table->memory, &w->memories);
    if (!table_is_writable(table))
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

/* call may remove the table_writes that it gets. */
static void each(struct write_behind *wb, void (*call)(struct table_writes *w))
{
    for (size_t i = 0; i < SLOTS; i++) {
        LIST_FOR_EACH_SAFE (at, &wb->slots[i])
            call(CONTAINER_OF(at, struct table_writes, in_slot));
    }
}

static void stop(struct table_writes *w)
{
    table_writer_stop(w);
    table_writes_schedule(w);
}

void write_behind_stop(struct write_behind *wb)
{
    wb->shared.is_stopping = true;
    each(wb, stop);
}

bool write_behind_is_empty(const struct write_behind *wb)
{
    return wb->shared.busy == 0;
}

void write_behind_close(struct write_behind *wb)
{
    wb->shared.is_closed = true;
}

static void end(struct table_writes *w)
{
    w->refs++;
    table_writer_give_up(w);
    table_writes_disown(w);
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
