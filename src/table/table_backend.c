#include "podop/table_backend.h"

#include "memory.h"
#include "table_type.h"

void table_each_backend(struct table *table, table_backend_fn *each, void *arg)
{
    if (table->ops->each_backend != NULL)
        table->ops->each_backend(table, each, arg);
}

bool table_has_asked(const struct table *table)
{
    return table->memory->counters.fetches > 0;
}

struct census {
    size_t backends, suspended; /* for lookups */
};

static void count(void *arg, const struct table_backend *backend)
{
    struct census *census = arg;

    if (backend->is_for_writes)
        return;
    census->backends++;
    census->suspended += backend->is_suspended;
}

bool table_is_down(struct table *table)
{
    struct census census = {0};

    table_each_backend(table, count, &census);
    return census.backends > 0 && census.suspended == census.backends;
}
