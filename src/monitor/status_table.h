/* status_table.h - how a table is doing, for the status page. */
#ifndef PODOP_MONITOR_STATUS_TABLE_H
#define PODOP_MONITOR_STATUS_TABLE_H

#include "history.h"

enum table_state {
    TABLE_OK,
    TABLE_IDLE,     /* no lookups in the last minute or two */
    TABLE_DEGRADED, /* some of them failed */
    TABLE_FAILING,  /* a tenth of them or more */
    TABLE_DOWN,     /* every backend for lookups is suspended */
};

struct status_table {
    struct span name, type; /* borrowed of the table */
    enum table_state state;
    uint64_t down_ms; /* how long it has been down */
    bool has_cache, has_pending;
    uint64_t pending_writes, pending_oldest_ms, writes_lost;
    struct history_of history;
};

void status_table_read(struct status_table *status, struct table *table,
                       const struct history *history, uint64_t now_ms);
const char *table_state_name(enum table_state state);

#endif
