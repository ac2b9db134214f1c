#include "metrics.h"

#include "accept.h"
#include "process_usage.h"
#include "stats.h"
#include "suspensions.h"

#include "podop/counters.h"
#include "podop/mem.h"

enum { ITEMS_PER_STEP = 4 }; /* a histogram of one table takes some microseconds */

/* What a family counts: its samples are those of each such thing. */
enum source {
    OF_PROCESS,
    OF_DESCRIPTORS,
    OF_LISTENERS,
    OF_REQUESTS,
    OF_BACKENDS,
    OF_TABLES,
};

struct family {
    enum source source;
    struct metric_family metric;
};

/* clang-format off: a table */
static const struct family families[] = {
    {OF_PROCESS, {"podop_build_info", COUNTER_GAUGE, "1, with the version of podop as a label."}},
    {OF_PROCESS,
     {"podop_config_last_reload_success", COUNTER_GAUGE,
      "1 if the last reload, or the start, succeeded, 0 if it failed."}},
    {OF_PROCESS,
     {"podop_config_last_reload_timestamp_seconds", COUNTER_GAUGE,
      "Time of the last reload, whether it succeeded or failed, or of the start."}},
    {OF_PROCESS, {"podop_config_reloads_total", COUNTER_TOTAL, "Reloads, by their result."}},
    {OF_PROCESS,
     {"podop_loop_delay_seconds", COUNTER_HISTOGRAM,
      "Turns of the event loop, by their duration. A turn delays every client."}},
    {OF_PROCESS,
     {"podop_loop_lost_seconds_total", COUNTER_TOTAL,
      "Time by which turns and waits of the event loop were too long."}},
    {OF_PROCESS, {"process_cpu_seconds_total", COUNTER_TOTAL, "Time of the CPU, user and system."}},
    {OF_PROCESS, {"process_resident_memory_bytes", COUNTER_GAUGE, "Resident memory."}},
    {OF_PROCESS, {"process_virtual_memory_bytes", COUNTER_GAUGE, "Virtual memory."}},
    {OF_PROCESS, {"process_start_time_seconds", COUNTER_GAUGE, "Time of the start."}},
    {OF_PROCESS, {"process_max_fds", COUNTER_GAUGE, "Maximum number of open descriptors."}},
    {OF_DESCRIPTORS, {"process_open_fds", COUNTER_GAUGE, "Open descriptors."}},
    {OF_LISTENERS, {"podop_clients", COUNTER_GAUGE, "Clients connected."}},
    {OF_LISTENERS, {"podop_clients_max", COUNTER_GAUGE, "Maximum number of connected clients."}},
    {OF_LISTENERS, {"podop_connections_total", COUNTER_TOTAL, "Connections accepted."}},
    {OF_LISTENERS,
     {"podop_connections_refused_total", COUNTER_TOTAL,
      "Connections that were closed at once because of the setting 'allow'."}},
    {OF_REQUESTS, {"podop_requests_total", COUNTER_TOTAL, "Requests of clients."}},
    {OF_BACKENDS,
     {"podop_backend_up", COUNTER_GAUGE, "1 if no table has suspended the backend, else 0."}},
    {OF_BACKENDS, {"podop_backend_in_flight", COUNTER_GAUGE, "Requests under way."}},
    {OF_BACKENDS, {"podop_backend_waiting", COUNTER_GAUGE, "Requests waiting for a connection."}},
    {OF_BACKENDS, {"podop_backend_connections", COUNTER_GAUGE, "Connections, idle ones included."}},
    {OF_BACKENDS, {"podop_backend_requests_total", COUNTER_TOTAL, "Requests, by their outcome."}},
    {OF_BACKENDS,
     {"podop_backend_duration_seconds", COUNTER_HISTOGRAM,
      "Requests that were sent, by the time until their whole answer or their failure."}},
    {OF_TABLES, {"podop_lookups_total", COUNTER_TOTAL, "Lookups, by their result."}},
    {OF_TABLES,
     {"podop_lookup_duration_seconds", COUNTER_HISTOGRAM,
      "Lookups, by their duration. Those that are answered at once add nothing to the sum."}},
    {OF_TABLES,
     {"podop_lookups_joined_total", COUNTER_TOTAL,
      "Lookups that joined a request under way for the same key."}},
    {OF_TABLES, {"podop_fetches_total", COUNTER_TOTAL, "Lookups that began a request."}},
    {OF_TABLES,
     {"podop_cache_lookups_total", COUNTER_TOTAL, "Lookups, by what the cache had for them."}},
    {OF_TABLES, {"podop_cache_entries", COUNTER_GAUGE, "Entries in the cache."}},
    {OF_TABLES, {"podop_cache_bytes", COUNTER_GAUGE, "Memory of the cache."}},
    {OF_TABLES, {"podop_iterations_total", COUNTER_TOTAL, "Iterations."}},
    {OF_TABLES, {"podop_transactions_total", COUNTER_TOTAL, "Transactions, by their result."}},
    {OF_TABLES, {"podop_writes_held", COUNTER_GAUGE, "Writes that write-behind has not made yet."}},
    {OF_TABLES, {"podop_writes_held_bytes", COUNTER_GAUGE, "Memory of these writes."}},
    {OF_TABLES, {"podop_writes_held_age_seconds", COUNTER_GAUGE, "Age of the oldest of them."}},
    {OF_TABLES,
     {"podop_write_attempts_total", COUNTER_TOTAL, "Attempts to make a write of write-behind."}},
    {OF_TABLES,
     {"podop_writes_lost_total", COUNTER_TOTAL, "Writes that write-behind has given up."}},
};
/* clang-format on */

struct state {
    struct suspensions suspensions;
    struct descriptor_count descriptors;
    bool has_suspensions; /* they are complete */
    size_t family;        /* the current one */
    bool has_begun;       /* its HELP and TYPE are written */
    size_t next;          /* of its things, but for backends */
    uint64_t backend;     /* the last one, by its id */
};

/* For one call of a visitor. */
struct sink {
    const struct metric_family *metric;
    struct buf *out;
};

static void write_samples(void *arg, const struct counter_set *set, const void *snapshot)
{
    const struct sink *sink = arg;

    exposition_add_samples(sink->metric, set, snapshot, sink->out);
}

/* Descriptors are counted in steps, so they are not in the snapshot of the process. */
static bool write_descriptors(struct state *s, struct sink *sink)
{
    static const struct counter counter = {
        .kind = COUNTER_GAUGE,
        .offset = offsetof(struct descriptor_count, count),
        .shown_offset = COUNTER_ALWAYS_SHOWN,
        .metric = {.family = "process_open_fds"},
    };
    static const struct counter_set set = {&counter, 1};

    if (!descriptor_count_step(&s->descriptors))
        return true;
    write_samples(sink, &set, &s->descriptors);
    return false;
}

static bool write_process(const struct monitor_view *view, struct sink *sink)
{
    stats_visit_process(view, STATS_SKIP_CLIENTS, write_samples, sink);
    return false;
}

static bool write_backend(const struct monitor_view *view, struct state *s, struct sink *sink)
{
    const struct http_backend *next = http_next_backend(view->http, s->backend);
    const bool is_up = next == NULL || !suspensions_has(&s->suspensions, next->id);

    return stats_visit_backend(view, &s->backend, is_up, write_samples, sink);
}

static bool write_table(const struct monitor_view *view, size_t i, struct sink *sink)
{
    struct table *table = router_table(view->router, i);

    if (table != NULL)
        table_visit_counters(table, write_samples, sink);
    return table != NULL;
}

/* Writes the samples of the next thing. Returns false after the last one. */
static bool write_next(const struct monitor_view *view, struct state *s, struct sink *sink)
{
    switch (families[s->family].source) {
    case OF_PROCESS: return write_process(view, sink);
    case OF_DESCRIPTORS: return write_descriptors(s, sink);
    case OF_LISTENERS: return stats_visit_listener(view, s->next++, write_samples, sink);
    case OF_REQUESTS: return stats_visit_requests(view, s->next++, write_samples, sink);
    case OF_BACKENDS: return write_backend(view, s, sink);
    case OF_TABLES: return write_table(view, s->next++, sink);
    }
    return false;
}

static void begin_family(enum exposition_format format, struct state *s, struct buf *out)
{
    s->has_begun = true;
    s->next = 0;
    s->backend = 0;
    exposition_add_family(format, &families[s->family].metric, out);
}

static bool step(enum exposition_format format, struct rendering *r)
{
    struct state *s = r->state;
    struct sink sink = {&families[s->family].metric, r->out};

    if (!s->has_suspensions) {
        s->has_suspensions = !suspensions_step(&s->suspensions, r->view->router);
        return true;
    }
    if (!s->has_begun)
        begin_family(format, s, r->out);
    for (int i = 0; i < ITEMS_PER_STEP; i++) {
        if (write_next(r->view, s, &sink))
            continue;
        s->has_begun = false;
        if (++s->family < ARRAY_LEN(families))
            return true;
        exposition_end(format, r->out);
        return false;
    }
    return true;
}

static bool step_text(struct rendering *r)
{
    return step(EXPOSITION_TEXT, r);
}

static bool step_openmetrics(struct rendering *r)
{
    return step(EXPOSITION_OPENMETRICS, r);
}

static void end(void *state)
{
    struct state *s = state;

    suspensions_deinit(&s->suspensions);
    descriptor_count_end(&s->descriptors);
}

static bool wants_openmetrics(const char *accept)
{
    const struct accept_quality openmetrics =
        accept_quality(accept, SPAN("application/openmetrics-text"), SPAN("1.0.0"));
    const struct accept_quality text = accept_quality(accept, SPAN("text/plain"), SPAN("0.0.4"));

    return openmetrics.is_named && openmetrics.quality > 0 && openmetrics.quality >= text.quality;
}

const struct document_kind document_openmetrics = {
    .path = "/metrics",
    .is_wanted = wants_openmetrics,
    .media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
    .state_bytes = sizeof(struct state),
    .step = step_openmetrics,
    .end = end,
};

const struct document_kind document_metrics = {
    .path = "/metrics",
    .media_type = "text/plain; version=0.0.4; charset=utf-8",
    .state_bytes = sizeof(struct state),
    .step = step_text,
    .end = end,
};

size_t metrics_families(void)
{
    return ARRAY_LEN(families);
}

const struct metric_family *metrics_family(size_t i)
{
    return &families[i].metric;
}
