/* history.h - what each table did in the last hour, minute by minute. Once a minute the counters of
 * all tables are read, so that a lookup pays nothing for it. Tables are known by their name: a
 * table whose settings change at a reload keeps its history. No loop, no clock. */
#ifndef PODOP_MONITOR_HISTORY_H
#define PODOP_MONITOR_HISTORY_H

#include "podop/table.h"

enum { HISTORY_MINUTES = 60 }; /* the running one is the last */

struct history_minute {
    uint32_t lookups, found, failed;
    int32_t p50_us, p99_us; /* QUANTILE_UNKNOWN without lookups */
};

/* The last whole minute together with the running one. */
struct history_recent {
    uint64_t seconds; /* at least 1 */
    uint64_t lookups, found, miss, failed;
    uint64_t fresh; /* answered from the cache */
    int64_t p50_us, p99_us;
};

/* Oldest minute first. */
struct history_of {
    size_t count;
    struct history_minute minutes[HISTORY_MINUTES];
    struct history_recent recent;
};

struct history;

struct history *history_new(void);
void history_free(struct history **history); /* *history becomes NULL; a NULL *history is fine */

/* A walk: history_begin(), history_see() for every table, and history_sweep() until it returns
 * false, which forgets the tables that were not seen. With is_minute, a minute ends for the tables
 * that are known; without, the walk only looks for new tables. A table may be seen more than once.
 * now_ms is of clock_now_ms(). */
void history_begin(struct history *history, bool is_minute);
void history_see(struct history *history, struct table *table, uint64_t now_ms);
bool history_sweep(struct history *history);

/* Fills *of for a table, whether it is known yet or not. */
void history_read(const struct history *history, struct table *table, uint64_t now_ms,
                  struct history_of *of);

#endif
