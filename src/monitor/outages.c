#include "outages.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

struct outage_backend {
    struct list_node node;
    size_t failing; /* tables that report an outage */
    size_t seen;    /* those that the walk has found so far */
    bool is_news;   /* something was recorded since the walk began */
    uint64_t began; /* outages so far; the last of them are in ring */
    struct outage_time ring[OUTAGES_MAX];
    size_t len;
    char name[];
};

static struct outage_backend *of(struct list_node *node)
{
    return CONTAINER_OF(node, struct outage_backend, node);
}

static struct outage_backend *find(const struct outages *all, struct span name)
{
    LIST_FOR_EACH (node, &all->backends) {
        struct outage_backend *b = CONTAINER_OF(node, struct outage_backend, node);

        if (b->len == name.len && memcmp(b->name, name.ptr, name.len) == 0)
            return b;
    }
    return NULL;
}

static struct outage_time *newest(struct outage_backend *b)
{
    return &b->ring[(b->began - 1) % OUTAGES_MAX];
}

static struct outage_backend *add(struct outages *all, struct span name)
{
    struct outage_backend *b;

    if (all->count == OUTAGE_BACKENDS_MAX)
        free(of(list_pop(&all->backends)));
    else
        all->count++;
    b = xcalloc(1, sizeof(*b) + name.len);
    memcpy(b->name, name.ptr, name.len);
    b->len = name.len;
    list_append(&all->backends, &b->node);
    return b;
}

static void begin(struct outages *all, struct outage_backend *b, uint64_t now_ms)
{
    b->began++;
    *newest(b) = (struct outage_time){.began_ms = now_ms};
    list_remove(&b->node);
    list_append(&all->backends, &b->node);
}

static void set_failing(struct outages *all, struct outage_backend *b, size_t failing,
                        uint64_t now_ms)
{
    const bool was_on = b->failing > 0;

    b->failing = failing;
    if (!was_on && failing > 0)
        begin(all, b, now_ms);
    if (was_on && failing == 0)
        newest(b)->ended_ms = now_ms;
}

void outages_init(struct outages *all)
{
    *all = (struct outages){.count = 0};
    list_init(&all->backends);
}

void outages_deinit(struct outages *all)
{
    LIST_FOR_EACH_SAFE (node, &all->backends)
        free(of(node));
    outages_init(all);
}

void outages_failed(struct outages *all, struct span backend, uint64_t now_ms)
{
    struct outage_backend *b = find(all, backend);

    if (b == NULL)
        b = add(all, backend);
    b->is_news = true;
    set_failing(all, b, b->failing + 1, now_ms);
}

void outages_recovered(struct outages *all, struct span backend, uint64_t now_ms)
{
    struct outage_backend *b = find(all, backend);

    if (b == NULL || b->failing == 0)
        return;
    b->is_news = true;
    set_failing(all, b, b->failing - 1, now_ms);
}

void outages_begin(struct outages *all)
{
    LIST_FOR_EACH (node, &all->backends) {
        of(node)->seen = 0;
        of(node)->is_news = false;
    }
}

void outages_see(struct outages *all, struct span backend, bool is_failing)
{
    struct outage_backend *b;

    if (!is_failing)
        return;
    b = find(all, backend);
    if (b == NULL)
        b = add(all, backend);
    b->seen++;
}

/* An outage that began during the walk may not have been seen. */
void outages_end(struct outages *all, uint64_t now_ms)
{
    LIST_FOR_EACH_SAFE (node, &all->backends) {
        if (!of(node)->is_news)
            set_failing(all, of(node), of(node)->seen, now_ms);
    }
}

void outages_of(const struct outages *all, struct span backend, struct outage_list *list)
{
    const struct outage_backend *b = find(all, backend);
    uint64_t i;

    *list = (struct outage_list){.count = 0};
    if (b == NULL)
        return;
    for (i = b->began < OUTAGES_MAX ? 0 : b->began - OUTAGES_MAX; i < b->began; i++)
        list->items[list->count++] = b->ring[i % OUTAGES_MAX];
}
