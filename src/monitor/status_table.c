#include "status_table.h"

#include "podop/mem.h"
#include "podop/table_backend.h"

static void read_counters(void *arg, const struct counter_set *set, const void *snapshot)
{
    struct status_table *s = arg;
    const struct counter *type = counter_set_find(set, NULL, "type");
    const struct counter *fresh = counter_set_find(set, "cache", "fresh");
    const struct counter *writes = counter_set_find(set, "pending", "writes");
    const struct counter *oldest = counter_set_find(set, "pending", "oldest_ms");
    const struct counter *lost = counter_set_find(set, "pending", "lost");

    s->type = counter_label(type, snapshot);
    s->has_cache = counter_is_shown(fresh, snapshot);
    s->has_pending = counter_is_shown(writes, snapshot);
    s->pending_writes = counter_number(writes, snapshot);
    s->pending_oldest_ms = counter_number(oldest, snapshot);
    s->writes_lost = counter_number(lost, snapshot);
}

/* A table is down since the last of its backends was suspended. */
static uint64_t down_ms(struct table *table)
{
    struct table_backend at;
    uint64_t ms = UINT64_MAX;

    for (size_t i = 0; table_backend(table, i, &at); i++) {
        if (!at.is_for_writes && at.since_ms < ms)
            ms = at.since_ms;
    }
    return ms;
}

static enum table_state state_of(const struct history_recent *recent, bool is_down)
{
    if (is_down)
        return TABLE_DOWN;
    if (recent->failed > 0)
        return recent->failed * 10 >= recent->lookups ? TABLE_FAILING : TABLE_DEGRADED;
    return recent->lookups > 0 ? TABLE_OK : TABLE_IDLE;
}

void status_table_read(struct status_table *s, struct table *table, const struct history *history,
                       uint64_t now_ms)
{
    const bool is_down = table_is_suspended(table);

    *s = (struct status_table){.name = table_name(table), .down_ms = is_down ? down_ms(table) : 0};
    table_visit_counters(table, read_counters, s);
    history_read(history, table, now_ms, &s->history);
    s->state = state_of(&s->history.recent, is_down);
}

const char *table_state_name(enum table_state state)
{
    static const char *const names[] = {
        [TABLE_OK] = "ok",           [TABLE_IDLE] = "idle", [TABLE_DEGRADED] = "degraded",
        [TABLE_FAILING] = "failing", [TABLE_DOWN] = "down",
    };

    return names[state];
}
