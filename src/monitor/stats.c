#include "stats.h"

#include "process_usage.h"

#include "podop/clock.h"
#include "podop/counter_json.h"
#include "podop/deadline.h"
#include "podop/durations.h"
#include "podop/json_object.h"
#include "podop/mem.h"
#include "podop/table.h"

#include <unistd.h>

struct process_snapshot {
    struct span version;
    uint64_t pid, uptime_s, started_at;
    struct process_usage usage;
    struct server_counts counts;
    uint64_t clients, requests;
    uint64_t pool_in_flight, pool_waiting;
    uint64_t reloaded_at, loaded_at;
    bool is_loaded; /* the last reload did not fail */
    uint64_t one;   /* the value of build_info */
    struct histogram turns;
    uint64_t longest_us, lost_ms;
};

struct request_snapshot {
    struct span protocol, kind;
    uint64_t count;
};

struct backend_snapshot {
    struct span backend; /* names it as a metric */
    struct span host, unix_socket;
    struct http_load load;
    bool is_up;
    uint64_t outcomes[HTTP_COUNTED_OUTCOMES];
    struct histogram duration;
};

#define NO_METRIC COUNTER_NO_METRIC
#define PROCESS(member) offsetof(struct process_snapshot, member), COUNTER_ALWAYS_SHOWN
#define LISTENER(member) offsetof(struct listener_counts, member), COUNTER_ALWAYS_SHOWN
#define REQUEST(member) offsetof(struct request_snapshot, member), COUNTER_ALWAYS_SHOWN
#define BACKEND(member) offsetof(struct backend_snapshot, member), COUNTER_ALWAYS_SHOWN

/* clang-format off: tables */
#define METRIC(family) {(family), NULL, NULL, 0}
#define METRIC_IN(family, divisor) {(family), NULL, NULL, (divisor)}
#define LABEL(name) {NULL, (name), NULL, 0}
#define OUTCOME(outcome) {"podop_backend_requests_total", "outcome", (outcome), 0}

static const struct counter process_counters[] = {
    {COUNTER_LABEL, NULL, "version", NULL, "version of podop", PROCESS(version), NO_METRIC},
    {COUNTER_GAUGE, NULL, "pid", NULL, "process id", PROCESS(pid), NO_METRIC},
    {COUNTER_GAUGE, NULL, "uptime_s", "uptime_s", "seconds since the start", PROCESS(uptime_s),
     NO_METRIC},
    {COUNTER_GAUGE, NULL, "rss_bytes", "rss_bytes", "resident memory in bytes",
     PROCESS(usage.resident_bytes), METRIC("process_resident_memory_bytes")},
    {COUNTER_GAUGE, NULL, NULL, NULL, "virtual memory in bytes", PROCESS(usage.virtual_bytes),
     METRIC("process_virtual_memory_bytes")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "time of the CPU in microseconds", PROCESS(usage.cpu_us),
     METRIC_IN("process_cpu_seconds_total", 1000000)},
    {COUNTER_GAUGE, NULL, NULL, NULL, "maximum number of open descriptors",
     PROCESS(usage.descriptors_max), METRIC("process_max_fds")},
    {COUNTER_GAUGE, NULL, NULL, NULL, "time of the start in seconds since 1970",
     PROCESS(started_at), METRIC("process_start_time_seconds")},
    {COUNTER_TOTAL, NULL, "connections", "connections", "connections accepted",
     PROCESS(counts.connections), NO_METRIC},
    {COUNTER_TOTAL, NULL, "refused", "refused", "connections refused by the setting 'allow'",
     PROCESS(counts.refused), NO_METRIC},
    {COUNTER_GAUGE, NULL, "clients", "clients", "clients connected", PROCESS(clients), NO_METRIC},
    {COUNTER_GAUGE, NULL, "requests", "requests", "requests under way", PROCESS(requests),
     NO_METRIC},
    {COUNTER_GAUGE, NULL, NULL, "pool_in_flight", "requests under way to all backends",
     PROCESS(pool_in_flight), NO_METRIC},
    {COUNTER_GAUGE, NULL, NULL, "pool_waiting", "requests waiting for a connection to any backend",
     PROCESS(pool_waiting), NO_METRIC},
    {COUNTER_TOTAL,
     "reloads",
     "done",
     "reloads",
     "reloads done",
     PROCESS(counts.reloads),
     {"podop_config_reloads_total", "result", "done", 0}},
    {COUNTER_TOTAL,
     "reloads",
     "failed",
     "reloads_failed",
     "reloads failed",
     PROCESS(counts.reloads_failed),
     {"podop_config_reloads_total", "result", "failed", 0}},
    {COUNTER_GAUGE, "reloads", "last", NULL, "time of the last reload in seconds since 1970",
     PROCESS(reloaded_at), NO_METRIC},
    {COUNTER_GAUGE, NULL, NULL, NULL, "time of the last reload, or of the start",
     PROCESS(loaded_at), METRIC("podop_config_last_reload_timestamp_seconds")},
    {COUNTER_FLAG, "reloads", "last_failed", NULL, "whether the last reload failed",
     PROCESS(counts.last_reload_failed), NO_METRIC},
    {COUNTER_FLAG, NULL, NULL, NULL, "whether the last reload, or the start, succeeded",
     PROCESS(is_loaded), METRIC("podop_config_last_reload_success")},
    {COUNTER_HISTOGRAM, "loop", "turns", "turns_ms",
     "turns of the event loop by their milliseconds", PROCESS(turns),
     METRIC("podop_loop_delay_seconds")},
    {COUNTER_GAUGE, "loop", "longest_us", "turn_longest_us",
     "longest turn of the event loop in microseconds", PROCESS(longest_us), NO_METRIC},
    {COUNTER_TOTAL, "loop", "lost_ms", "lost_ms",
     "milliseconds by which turns and waits were too long", PROCESS(lost_ms),
     METRIC_IN("podop_loop_lost_seconds_total", 1000)},
    {COUNTER_GAUGE,
     NULL,
     NULL,
     NULL,
     "1",
     PROCESS(one),
     {"podop_build_info", "version", PODOP_VERSION, 0}},
};

static const struct counter listener_counters[] = {
    {COUNTER_LABEL, NULL, NULL, NULL, "socket", LISTENER(socket), LABEL("listener")},
    {COUNTER_GAUGE, NULL, NULL, NULL, "clients connected", LISTENER(clients),
     METRIC("podop_clients")},
    {COUNTER_GAUGE, NULL, NULL, NULL, "maximum number of connected clients", LISTENER(clients_max),
     METRIC("podop_clients_max")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "connections accepted", LISTENER(accepted),
     METRIC("podop_connections_total")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "connections refused by the setting 'allow'",
     LISTENER(refused), METRIC("podop_connections_refused_total")},
};

static const struct counter request_counters[] = {
    {COUNTER_LABEL, NULL, NULL, NULL, "protocol", REQUEST(protocol), LABEL("protocol")},
    {COUNTER_LABEL, NULL, NULL, NULL, "kind", REQUEST(kind), LABEL("kind")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests", REQUEST(count), METRIC("podop_requests_total")},
};

static const struct counter backend_counters[] = {
    {COUNTER_LABEL, NULL, NULL, NULL, "URL of the backend without its path, and its socket",
     BACKEND(backend), LABEL("backend")},
    {COUNTER_LABEL, NULL, "host", NULL, "URL of the backend without its path", BACKEND(host),
     NO_METRIC},
    {COUNTER_LABEL, NULL, "unix_socket", NULL, "socket of the backend", BACKEND(unix_socket),
     NO_METRIC},
    {COUNTER_GAUGE, NULL, "in_flight", NULL, "requests under way", BACKEND(load.in_flight),
     METRIC("podop_backend_in_flight")},
    {COUNTER_GAUGE, NULL, "waiting", NULL, "requests waiting for a connection",
     BACKEND(load.waiting), METRIC("podop_backend_waiting")},
    {COUNTER_GAUGE, NULL, NULL, NULL, "open connections", BACKEND(load.connections),
     METRIC("podop_backend_connections")},
    {COUNTER_FLAG, NULL, NULL, NULL, "whether no table has suspended the backend", BACKEND(is_up),
     METRIC("podop_backend_up")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests answered", BACKEND(outcomes[HTTP_COUNTED_ANSWERED]),
     OUTCOME("answered")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests answered with a status from 500 on",
     BACKEND(outcomes[HTTP_COUNTED_SERVER_ERROR]), OUTCOME("server_error")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests without a whole answer",
     BACKEND(outcomes[HTTP_COUNTED_FAILED]), OUTCOME("failed")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests that took too long",
     BACKEND(outcomes[HTTP_COUNTED_TIMEOUT]), OUTCOME("timeout")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests whose answer was too large or encoded",
     BACKEND(outcomes[HTTP_COUNTED_UNUSABLE]), OUTCOME("unusable")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests that were not sent",
     BACKEND(outcomes[HTTP_COUNTED_NOT_SENT]), OUTCOME("not_sent")},
    {COUNTER_TOTAL, NULL, NULL, NULL, "requests whose answer was not wanted any more",
     BACKEND(outcomes[HTTP_COUNTED_CANCELLED]), OUTCOME("cancelled")},
    {COUNTER_HISTOGRAM, NULL, NULL, NULL, "requests by their duration", BACKEND(duration),
     METRIC("podop_backend_duration_seconds")},
};
/* clang-format on */

const struct counter_set stats_process_set = {process_counters, ARRAY_LEN(process_counters)};
const struct counter_set stats_listener_set = {listener_counters, ARRAY_LEN(listener_counters)};
const struct counter_set stats_request_set = {request_counters, ARRAY_LEN(request_counters)};
const struct counter_set stats_backend_set = {backend_counters, ARRAY_LEN(backend_counters)};

static void sum_loads(const struct http *http, struct process_snapshot *sum)
{
    const struct http_backend *backend;

    for (uint64_t id = 0; (backend = http_next_backend(http, id)) != NULL; id = backend->id) {
        const struct http_load load = http_backend_load(backend);

        sum->pool_in_flight += load.in_flight;
        sum->pool_waiting += load.waiting;
    }
}

static struct histogram turns_of(const struct turns *turns)
{
    return (struct histogram){
        .bounds = turn_bucket_ms,
        .counts = turns->count,
        .buckets = TURN_BUCKETS,
        .bound_name = "ms_at_most",
        .bound_us = 1000,
        .sum_us = turns->sum_us,
    };
}

void stats_visit_process(const struct monitor_view *v, enum stats_clients how,
                         counter_visit_fn *visit, void *arg)
{
    const struct turns *turns = loop_turns(v->loop);
    struct client_counts clients = {0};
    struct process_snapshot snapshot = {
        .version = SPAN(PODOP_VERSION),
        .pid = (uint64_t)getpid(),
        .usage = process_usage_read(),
        .one = 1,
        .turns = turns_of(turns),
        .longest_us = turns->longest_us,
        .lost_ms = turns->lost_us / 1000,
    };
    const struct server_counts *counts = &snapshot.counts;

    v->ops->counts(v->arg, &snapshot.counts);
    if (how == STATS_COUNT_CLIENTS)
        v->ops->clients(v->arg, &clients);
    snapshot.clients = clients.clients;
    snapshot.requests = clients.requests;
    snapshot.uptime_s = (clock_now_ms() - counts->started_at_ms) / 1000;
    snapshot.started_at = (uint64_t)counts->started_at;
    snapshot.reloaded_at = (uint64_t)counts->reloaded_at;
    snapshot.loaded_at =
        counts->reloaded_at == 0 ? snapshot.started_at : (uint64_t)counts->reloaded_at;
    snapshot.is_loaded = !counts->last_reload_failed;
    sum_loads(v->http, &snapshot);
    visit(arg, &stats_process_set, &snapshot);
}

bool stats_visit_listener(const struct monitor_view *v, size_t i, counter_visit_fn *visit,
                          void *arg)
{
    struct listener_counts counts;

    if (!v->ops->listener(v->arg, i, &counts))
        return false;
    visit(arg, &stats_listener_set, &counts);
    return true;
}

bool stats_visit_requests(const struct monitor_view *v, size_t i, counter_visit_fn *visit,
                          void *arg)
{
    struct request_counts counts;
    struct request_snapshot snapshot;

    if (i >= REQUEST_KINDS)
        return false;
    v->ops->requests(v->arg, &counts);
    snapshot = (struct request_snapshot){
        .protocol = span_of(request_kinds[i].protocol),
        .kind = span_of(request_kinds[i].kind),
        .count = counts.of[i],
    };
    visit(arg, &stats_request_set, &snapshot);
    return true;
}

bool stats_visit_backend(const struct monitor_view *v, uint64_t *id, bool is_up,
                         counter_visit_fn *visit, void *arg)
{
    const struct http_backend *backend = http_next_backend(v->http, *id);
    struct backend_snapshot snapshot;

    if (backend == NULL)
        return false;
    *id = backend->id;
    snapshot = (struct backend_snapshot){
        .backend = span_of(backend->name),
        .host = span_of(backend->url),
        .unix_socket = span_of(backend->unix_socket == NULL ? "" : backend->unix_socket),
        .load = http_backend_load(backend),
        .is_up = is_up,
        .duration = durations_histogram(&backend->durations),
    };
    memcpy(snapshot.outcomes, backend->outcomes, sizeof(snapshot.outcomes));
    visit(arg, &stats_backend_set, &snapshot);
    return true;
}

/* JSON and the log ---------------------------------------------------------------------------- */

static void add_json(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_add_json(set, snapshot, arg);
}

static void add_json_item(void *arg, const struct counter_set *set, const void *snapshot)
{
    struct buf *out = arg;

    json_add_comma(out);
    buf_add_char(out, '{');
    counter_set_add_json(set, snapshot, out);
    buf_add_char(out, '}');
}

static void write_log(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_log(set, snapshot, arg);
}

void stats_add(const struct monitor_view *v, struct buf *out)
{
    struct table *table;
    uint64_t id = 0;

    stats_visit_process(v, STATS_COUNT_CLIENTS, add_json, out);
    json_add_name(out, "pool");
    buf_add_char(out, '[');
    while (stats_visit_backend(v, &id, true, add_json_item, out))
        ;
    buf_add_char(out, ']');
    json_add_name(out, "tables");
    buf_add_char(out, '[');
    for (size_t i = 0; (table = router_table(v->router, i)) != NULL; i++)
        table_add_stats(table, out);
    buf_add_char(out, ']');
}

void stats_log(const struct monitor_view *v, struct log *log)
{
    struct table *table;

    stats_visit_process(v, STATS_COUNT_CLIENTS, write_log, log);
    for (size_t i = 0; (table = router_table(v->router, i)) != NULL; i++)
        table_log_counters(table, log);
}
