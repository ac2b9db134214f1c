#include "suspensions.h"

#include "podop/http.h"
#include "podop/mem.h"
#include "podop/table_backend.h"

#include <stdlib.h>
#include <string.h>

enum { TABLES_PER_STEP = 16 };

/* Returns the place of the first id that is not below id. */
static size_t place_of(const struct suspensions *s, uint64_t id)
{
    size_t begin = 0, end = s->count;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (s->ids[middle] < id)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

bool suspensions_has(const struct suspensions *s, uint64_t id)
{
    const size_t place = place_of(s, id);

    return place < s->count && s->ids[place] == id;
}

static void add(struct suspensions *s, uint64_t id)
{
    const size_t place = place_of(s, id);

    if (place < s->count && s->ids[place] == id)
        return;
    if ((s->count & (s->count - 1)) == 0) /* 0 or a power of two: double the room */
        s->ids = xreallocarray(s->ids, s->count == 0 ? 1 : s->count * 2, sizeof(*s->ids));
    memmove(&s->ids[place + 1], &s->ids[place], (s->count - place) * sizeof(*s->ids));
    s->ids[place] = id;
    s->count++;
}

static void add_table(struct suspensions *s, struct table *table)
{
    struct table_backend at;

    for (size_t i = 0; table_backend(table, i, &at); i++) {
        if (at.is_suspended && at.backend != NULL)
            add(s, at.backend->id);
    }
}

bool suspensions_step(struct suspensions *s, const struct router *router)
{
    struct table *table;

    for (int i = 0; i < TABLES_PER_STEP; i++) {
        table = router_table(router, s->table);
        if (table == NULL)
            return false;
        add_table(s, table);
        s->table++;
    }
    return true;
}

void suspensions_deinit(struct suspensions *s)
{
    free(s->ids);
    *s = (struct suspensions){0};
}
