#include "stats.h"

#include "podop/clock.h"
#include "podop/counter_json.h"
#include "podop/deadline.h"
#include "podop/json_object.h"
#include "podop/table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct process_snapshot {
    struct span version;
    uint64_t pid, uptime_s, rss_bytes;
    uint64_t connections, refused, clients, requests;
    uint64_t pool_in_flight, pool_waiting;
    uint64_t reloads, reloads_failed, reloaded_at;
    bool last_reload_failed;
    struct histogram turns;
    uint64_t longest_us, lost_ms;
};

struct pool_snapshot {
    struct span host, unix_socket;
    uint64_t in_flight, waiting;
};

#define PROCESS(member) offsetof(struct process_snapshot, member), COUNTER_ALWAYS_SHOWN
#define POOL(member) offsetof(struct pool_snapshot, member), COUNTER_ALWAYS_SHOWN

/* clang-format off: a table */
static const struct counter process_counters[] = {
    {COUNTER_LABEL, NULL, "version", NULL, "version of podop", PROCESS(version)},
    {COUNTER_GAUGE, NULL, "pid", NULL, "process id", PROCESS(pid)},
    {COUNTER_GAUGE, NULL, "uptime_s", "uptime_s", "seconds since the start", PROCESS(uptime_s)},
    {COUNTER_GAUGE, NULL, "rss_bytes", "rss_bytes", "resident memory in bytes", PROCESS(rss_bytes)},
    {COUNTER_TOTAL, NULL, "connections", "connections", "connections accepted",
     PROCESS(connections)},
    {COUNTER_TOTAL, NULL, "refused", "refused", "connections refused by the setting 'allow'",
     PROCESS(refused)},
    {COUNTER_GAUGE, NULL, "clients", "clients", "clients connected", PROCESS(clients)},
    {COUNTER_GAUGE, NULL, "requests", "requests", "requests under way", PROCESS(requests)},
    {COUNTER_GAUGE, NULL, NULL, "pool_in_flight", "requests under way to all backends",
     PROCESS(pool_in_flight)},
    {COUNTER_GAUGE, NULL, NULL, "pool_waiting", "requests waiting for a connection to any backend",
     PROCESS(pool_waiting)},
    {COUNTER_TOTAL, "reloads", "done", "reloads", "reloads done", PROCESS(reloads)},
    {COUNTER_TOTAL, "reloads", "failed", "reloads_failed", "reloads failed",
     PROCESS(reloads_failed)},
    {COUNTER_GAUGE, "reloads", "last", NULL, "time of the last reload in seconds since 1970",
     PROCESS(reloaded_at)},
    {COUNTER_FLAG, "reloads", "last_failed", NULL, "whether the last reload failed",
     PROCESS(last_reload_failed)},
    {COUNTER_HISTOGRAM, "loop", "turns", "turns_ms",
     "turns of the event loop by their milliseconds", PROCESS(turns)},
    {COUNTER_GAUGE, "loop", "longest_us", "turn_longest_us",
     "longest turn of the event loop in microseconds", PROCESS(longest_us)},
    {COUNTER_TOTAL, "loop", "lost_ms", "lost_ms",
     "milliseconds by which turns and waits were too long", PROCESS(lost_ms)},
};

static const struct counter pool_counters[] = {
    {COUNTER_LABEL, NULL, "host", NULL, "URL of the backend without its path", POOL(host)},
    {COUNTER_LABEL, NULL, "unix_socket", NULL, "socket of the backend", POOL(unix_socket)},
    {COUNTER_GAUGE, NULL, "in_flight", NULL, "requests under way", POOL(in_flight)},
    {COUNTER_GAUGE, NULL, "waiting", NULL, "requests waiting for a connection", POOL(waiting)},
};
/* clang-format on */

const struct counter_set stats_process_set = {process_counters, ARRAY_LEN(process_counters)};
const struct counter_set stats_pool_set = {pool_counters, ARRAY_LEN(pool_counters)};

/* Returns the resident memory in bytes: the second number of the file is in pages. Returns 0 if the
 * file cannot be read. */
static uint64_t resident_bytes(void)
{
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[200] = "";
    ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *second = strchr(text, ' ');

    if (fd != -1)
        close(fd);
    if (n <= 0 || second == NULL)
        return 0;
    return strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void sum_load(void *arg, const struct http_load *load)
{
    struct process_snapshot *sum = arg;

    sum->pool_in_flight += load->in_flight;
    sum->pool_waiting += load->waiting;
}

static struct process_snapshot snapshot_of(const struct stats_sources *s)
{
    const struct client_counts counts = clients_count(s->clients);
    const struct turns *turns = loop_turns(s->loop);
    struct process_snapshot snapshot = {
        .version = SPAN(PODOP_VERSION),
        .pid = (uint64_t)getpid(),
        .uptime_s = (clock_now_ms() - s->own->started_at_ms) / 1000,
        .rss_bytes = resident_bytes(),
        .connections = s->clients->connections,
        .refused = s->own->refused,
        .clients = counts.clients,
        .requests = counts.requests,
        .reloads = s->own->reloads,
        .reloads_failed = s->own->reloads_failed,
        .reloaded_at = (uint64_t)s->own->reloaded_at,
        .last_reload_failed = s->own->has_failed,
        .turns = {turn_bucket_ms, turns->count, TURN_BUCKETS, "ms_at_most"},
        .longest_us = turns->longest_us,
        .lost_ms = turns->lost_us / 1000,
    };

    http_each_load(s->http, sum_load, &snapshot);
    return snapshot;
}

static void add_load(void *arg, const struct http_load *load)
{
    const struct pool_snapshot snapshot = {
        .host = load->url,
        .unix_socket = load->unix_socket,
        .in_flight = load->in_flight,
        .waiting = load->waiting,
    };
    struct buf *out = arg;

    json_add_comma(out);
    buf_add_char(out, '{');
    counter_set_add_json(&stats_pool_set, &snapshot, out);
    buf_add_char(out, '}');
}

void stats_add(const struct stats_sources *s, struct buf *out)
{
    const struct process_snapshot snapshot = snapshot_of(s);
    struct table *table;

    counter_set_add_json(&stats_process_set, &snapshot, out);
    json_add_name(out, "pool");
    buf_add_char(out, '[');
    http_each_load(s->http, add_load, out);
    buf_add_char(out, ']');
    json_add_name(out, "tables");
    buf_add_char(out, '[');
    for (size_t i = 0; (table = router_table(s->router, i)) != NULL; i++)
        table_add_stats(table, out);
    buf_add_char(out, ']');
}

void stats_log(const struct stats_sources *s, struct log *log)
{
    const struct process_snapshot snapshot = snapshot_of(s);
    struct table *table;

    counter_set_log(&stats_process_set, &snapshot, log);
    for (size_t i = 0; (table = router_table(s->router, i)) != NULL; i++)
        table_log_counters(table, log);
}
