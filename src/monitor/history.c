#include "history.h"

#include "history_point.h"

#include "podop/hash.h"
#include "podop/mem.h"
#include "podop/quantile.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024, PAST_MINUTES = HISTORY_MINUTES - 1 };

struct history_entry {
    struct history_entry *next_in_slot;
    uint64_t walk;                     /* the last one that found the table */
    struct history_point before, last; /* where the last whole minute began and ended */
    uint64_t minutes;                  /* so far; the last of them are in past */
    struct history_minute past[PAST_MINUTES];
    size_t name_len;
    char name[];
};

struct history {
    struct hash_key hash_key;
    struct history_entry *slots[SLOTS];
    uint64_t walk;  /* the number of the last one */
    bool is_minute; /* that walk ends a minute */
    size_t slot;    /* the next one to forget tables of */
};

static struct history_entry **slot_of(struct history *h, struct span name)
{
    return &h->slots[hash_span(&h->hash_key, name) % SLOTS];
}

static struct history_entry *find(const struct history *h, struct span name)
{
    struct history_entry *e = h->slots[hash_span(&h->hash_key, name) % SLOTS];

    while (e != NULL && (e->name_len != name.len || memcmp(e->name, name.ptr, name.len) != 0))
        e = e->next_in_slot;
    return e;
}

static void add(struct history *h, struct span name, const struct history_point *now)
{
    struct history_entry **slot = slot_of(h, name);
    struct history_entry *e = xcalloc(1, sizeof(*e) + name.len);

    memcpy(e->name, name.ptr, name.len);
    e->name_len = name.len;
    e->before = e->last = *now;
    e->walk = h->walk;
    e->next_in_slot = *slot;
    *slot = e;
}

static struct history_minute minute_of(const struct history_point *between)
{
    return (struct history_minute){
        .lookups = (uint32_t)between->lookups,
        .found = (uint32_t)between->found,
        .failed = (uint32_t)between->failed,
        .p50_us = (int32_t)history_point_quantile_us(between, 500),
        .p99_us = (int32_t)history_point_quantile_us(between, 990),
    };
}

static void end_minute(struct history_entry *e, const struct history_point *now)
{
    const struct history_point between = history_point_between(&e->last, now);

    e->past[e->minutes++ % PAST_MINUTES] = minute_of(&between);
    e->before = e->last;
    e->last = *now;
}

/* Notes that the counters of a table began anew: its settings changed at a reload. */
static void begin_anew(struct history_entry *e)
{
    e->before = (struct history_point){.at_ms = e->before.at_ms};
    e->last = (struct history_point){.at_ms = e->last.at_ms};
}

struct history *history_new(void)
{
    struct history *h = xcalloc(1, sizeof(*h));

    hash_key_init_random(&h->hash_key);
    return h;
}

void history_begin(struct history *h, bool is_minute)
{
    h->walk++;
    h->is_minute = is_minute;
    h->slot = 0;
}

void history_see(struct history *h, struct table *table, uint64_t now_ms)
{
    const struct history_point now = history_point_of(table, now_ms);
    struct history_entry *e = find(h, table_name(table));

    if (e == NULL) {
        add(h, table_name(table), &now);
        return;
    }
    if (now.lookups < e->last.lookups)
        begin_anew(e);
    if (h->is_minute && e->walk != h->walk)
        end_minute(e, &now);
    e->walk = h->walk;
}

/* Removes the tables of a slot that the walk did not find. */
static void sweep(struct history *h, size_t slot)
{
    struct history_entry **link = &h->slots[slot];

    while (*link != NULL) {
        struct history_entry *e = *link;

        if (e->walk == h->walk) {
            link = &e->next_in_slot;
            continue;
        }
        *link = e->next_in_slot;
        free(e);
    }
}

bool history_sweep(struct history *h)
{
    sweep(h, h->slot++);
    return h->slot < SLOTS;
}

void history_free(struct history **phistory)
{
    struct history *h = *phistory;

    if (h == NULL)
        return;
    *phistory = NULL;
    history_begin(h, false); /* a walk that sees no table */
    while (history_sweep(h)) {
    }
    free(h);
}

static void read_recent(const struct history_point *between, struct history_recent *to)
{
    *to = (struct history_recent){
        .seconds = between->at_ms < 1000 ? 1 : between->at_ms / 1000,
        .lookups = between->lookups,
        .found = between->found,
        .miss = between->miss,
        .failed = between->failed,
        .fresh = between->fresh,
        .p50_us = history_point_quantile_us(between, 500),
        .p99_us = history_point_quantile_us(between, 990),
    };
}

void history_read(const struct history *h, struct table *table, uint64_t now_ms,
                  struct history_of *of)
{
    const struct history_point now = history_point_of(table, now_ms);
    const struct history_entry *e = find(h, table_name(table));
    struct history_point between;
    uint64_t i;

    of->count = 0;
    if (e == NULL) {
        of->minutes[of->count++] = minute_of(&now);
        read_recent(&now, &of->recent);
        of->recent.seconds = 1;
        return;
    }
    for (i = e->minutes < PAST_MINUTES ? 0 : e->minutes - PAST_MINUTES; i < e->minutes; i++)
        of->minutes[of->count++] = e->past[i % PAST_MINUTES];
    between = history_point_between(&e->last, &now);
    of->minutes[of->count++] = minute_of(&between);
    between = history_point_between(&e->before, &now);
    read_recent(&between, &of->recent);
}
