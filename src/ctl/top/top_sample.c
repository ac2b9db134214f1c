#include "top_sample.h"

#include "podop/json_value.h"
#include "podop/mem.h"

enum { TEXT_BYTES_MAX = 4096 };

/* Returns the value at the pointer, which is empty if there is none. */
static struct span part(struct span object, const char *pointer)
{
    return json_select(&object, span_of(pointer)) ? object : (struct span){0};
}

/* Returns a whole number, or 0 for anything else. */
static uint64_t number_at(struct span object, const char *pointer)
{
    const struct span text = part(object, pointer);
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || n > (UINT64_MAX - 9) / 10)
            return 0;
        n = n * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return n;
}

static bool is_true(struct span object, const char *pointer)
{
    return span_equal(part(object, pointer), SPAN("true"));
}

/* Returns a copy of a string with its bytes up to a NUL. */
static char *text_at(struct span object, const char *pointer)
{
    const struct span text = part(object, pointer);
    struct buf out;
    char *copy;

    buf_init(&out, TEXT_BYTES_MAX);
    if (text.len > 0 && json_kind(text) == JSON_STRING)
        json_add_text(&out, text);
    copy = xmemdup0(out.len == 0 ? "" : out.ptr, out.len);
    buf_deinit(&out);
    return copy;
}

/* Returns a walk over the array at the pointer, which has no item if there is no array. */
static struct json_cursor array_at(struct span object, const char *pointer)
{
    const struct span array = part(object, pointer);

    if (array.len == 0 || json_kind(array) != JSON_ARRAY)
        return json_walk(SPAN("[]"));
    return json_walk(array);
}

static void read_durations(struct span table, struct top_durations *d)
{
    struct json_cursor cursor = array_at(table, "/duration");
    struct span ignored, bucket;

    while (d->buckets < TOP_BUCKETS_MAX && json_next(&cursor, &ignored, &bucket)) {
        d->at_most_us[d->buckets] = number_at(bucket, "/us_at_most");
        d->counts[d->buckets] = number_at(bucket, "/count");
        d->buckets++;
    }
}

static void read_table(struct span from, struct top_table *t)
{
    static const char *const pointers[TOP_COUNTERS] = {
        [TOP_LOOKUPS] = "/lookups",   [TOP_FOUND] = "/answers/found",
        [TOP_MISS] = "/answers/miss", [TOP_FRESH] = "/cache/fresh",
        [TOP_STALE] = "/cache/stale", [TOP_ABSENT] = "/cache/absent",
        [TOP_JOINED] = "/joined",     [TOP_LOST] = "/pending/lost",
    };

    *t = (struct top_table){.name = text_at(from, "/table")};
    for (size_t i = 0; i < TOP_COUNTERS; i++) {
        if (pointers[i] != NULL)
            t->counts[i] = number_at(from, pointers[i]);
    }
    t->counts[TOP_FAILED] = number_at(from, "/answers/temporary") +
                            number_at(from, "/answers/timeout") +
                            number_at(from, "/answers/permanent");
    t->has_cache = part(from, "/cache").len > 0;
    t->entries = number_at(from, "/cache/entries");
    t->pending = number_at(from, "/pending/writes");
    read_durations(from, &t->durations);
}

static struct top_backend *add_backend(struct top_sample *s, const struct top_table *table)
{
    struct top_backend *b;

    s->backends = xreallocarray(s->backends, s->backend_count + 1, sizeof(s->backends[0]));
    b = &s->backends[s->backend_count++];
    *b = (struct top_backend){.table = xstrdup(table->name)};
    return b;
}

/* The queues of all hosts, read once for all backends. */
struct pool {
    char *host;
    uint64_t waiting;
};

struct pools {
    struct pool *items;
    size_t count;
};

static struct pools read_pools(struct span answer)
{
    struct json_cursor cursor = array_at(answer, "/pool");
    struct span ignored, item;
    struct pools p = {0};

    while (json_next(&cursor, &ignored, &item)) {
        p.items = xreallocarray(p.items, p.count + 1, sizeof(p.items[0]));
        p.items[p.count++] = (struct pool){text_at(item, "/host"), number_at(item, "/waiting")};
    }
    return p;
}

static void free_pools(struct pools *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->items[i].host);
    free(p->items);
    *p = (struct pools){0};
}

/* Two sockets of the same URL are one host here: an answer does not tell the two apart. */
static uint64_t waiting_for(const struct pools *p, const char *url)
{
    uint64_t waiting = 0;

    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].host, url) == 0)
            waiting += p->items[i].waiting;
    }
    return waiting;
}

/* Returns "URL (ADDRESS)" where the place is one address of the URL's name. */
static char *name_of_place(struct span from, const char *url)
{
    char *address = text_at(from, "/address"), *name;
    struct buf out;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    buf_add(&out, span_of(url));
    if (address[0] != '\0') {
        buf_add(&out, SPAN(" ("));
        buf_add(&out, span_of(address));
        buf_add_char(&out, ')');
    }
    name = xmemdup0(out.len == 0 ? "" : out.ptr, out.len);
    buf_deinit(&out);
    free(address);
    return name;
}

static void read_place(const struct pools *pools, struct span from, struct top_backend *b)
{
    char *url = text_at(from, "/url");
    bool is_failing;

    b->name = name_of_place(from, url);
    b->requests = number_at(from, "/requests");
    b->failures = number_at(from, "/failures");
    b->has_requests = true;
    b->in_flight = number_at(from, "/in_flight");
    b->waiting = waiting_for(pools, url);
    is_failing = part(from, "/failing_ms").len > 0;
    b->since_ms = number_at(from, is_failing ? "/failing_ms" : "/since_ms");
    b->has_failed = part(from, "/failed_ms").len > 0;
    b->failed_ms = number_at(from, "/failed_ms");
    b->reason = text_at(from, "/reason");
    if (is_true(from, "/left_alone"))
        b->state = TOP_SUSPENDED;
    else if (is_failing)
        b->state = TOP_FAILING;
    else
        b->state = b->requests > 0 ? TOP_UP : TOP_UNUSED;
    free(url);
}

static void read_program(struct span from, struct top_backend *b)
{
    struct buf name;

    buf_init(&name, BUF_LIMITED_BY_INPUT);
    buf_add(&name, SPAN("program, pid "));
    buf_add_uint(&name, number_at(from, "/pid"));
    b->name = xmemdup0(name.ptr, name.len);
    buf_deinit(&name);
    b->in_flight = number_at(from, "/requests");
    b->reason = xstrdup("");
    b->state = is_true(from, "/running") ? TOP_UP : TOP_DOWN;
}

static void read_backends(struct top_sample *s, const struct pools *pools, struct span from)
{
    const struct top_table *table = &s->tables[s->table_count - 1];
    struct json_cursor cursor = array_at(from, "/backends");
    struct span ignored, item;

    while (json_next(&cursor, &ignored, &item))
        read_place(pools, item, add_backend(s, table));
    cursor = array_at(from, "/processes");
    while (json_next(&cursor, &ignored, &item))
        read_program(item, add_backend(s, table));
}

static void read_process(struct span answer, struct top_process *p)
{
    *p = (struct top_process){
        .version = text_at(answer, "/version"),
        .pid = number_at(answer, "/pid"),
        .uptime_s = number_at(answer, "/uptime_s"),
        .rss_bytes = number_at(answer, "/rss_bytes"),
        .clients = number_at(answer, "/clients"),
        .requests = number_at(answer, "/requests"),
        .longest_us = number_at(answer, "/loop/longest_us"),
        .lost_ms = number_at(answer, "/loop/lost_ms"),
        .reloads = number_at(answer, "/reloads/done"),
        .reloads_failed = number_at(answer, "/reloads/failed"),
        .reloaded_at = number_at(answer, "/reloads/last"),
        .last_reload_failed = is_true(answer, "/reloads/last_failed"),
    };
}

void top_sample_init(struct top_sample *s, struct span answer, uint64_t at_ms)
{
    struct json_cursor cursor = array_at(answer, "/tables");
    struct pools pools = read_pools(answer);
    struct span ignored, table;

    *s = (struct top_sample){.at_ms = at_ms};
    read_process(answer, &s->process);
    while (json_next(&cursor, &ignored, &table)) {
        s->tables = xreallocarray(s->tables, s->table_count + 1, sizeof(s->tables[0]));
        read_table(table, &s->tables[s->table_count++]);
        read_backends(s, &pools, table);
    }
    free_pools(&pools);
}

void top_sample_deinit(struct top_sample *s)
{
    free(s->process.version);
    for (size_t i = 0; i < s->table_count; i++)
        free(s->tables[i].name);
    for (size_t i = 0; i < s->backend_count; i++) {
        free(s->backends[i].table);
        free(s->backends[i].name);
        free(s->backends[i].reason);
    }
    free(s->tables);
    free(s->backends);
    *s = (struct top_sample){0};
}
