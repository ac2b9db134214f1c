#include "stats.h"

#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/json_object.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The second number of the file, in pages; 0 where it cannot be read. */
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

static uint64_t uptime_s(const struct stats *own)
{
    return (clock_now_ms() - own->started_at_ms) / 1000;
}

static void add_reloads(const struct stats *own, struct buf *out)
{
    json_add_name(out, "reloads");
    buf_add_char(out, '{');
    json_add_number(out, "done", own->reloads);
    json_add_number(out, "failed", own->reloads_failed);
    json_add_number(out, "last", (uint64_t)own->reloaded_at);
    json_add_flag(out, "last_failed", own->has_failed);
    buf_add_char(out, '}');
}

static void add_turns(const struct turns *turns, struct buf *out)
{
    json_add_name(out, "loop");
    buf_add_char(out, '{');
    json_add_name(out, "turns");
    buf_add_char(out, '[');
    for (size_t i = 0; i < TURN_BUCKETS; i++) {
        json_add_comma(out);
        buf_add_char(out, '{');
        if (turn_bucket_ms[i] != 0)
            json_add_number(out, "ms_at_most", turn_bucket_ms[i]);
        json_add_number(out, "count", turns->count[i]);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
    json_add_number(out, "longest_us", turns->longest_us);
    json_add_number(out, "lost_ms", turns->lost_us / 1000);
    buf_add_char(out, '}');
}

static void add_load(void *arg, const struct http_load *load)
{
    struct buf *out = arg;

    json_add_comma(out);
    buf_add_char(out, '{');
    json_add_member(out, "host", load->url);
    if (load->unix_socket.len > 0)
        json_add_member(out, "unix_socket", load->unix_socket);
    json_add_number(out, "in_flight", load->in_flight);
    json_add_number(out, "waiting", load->waiting);
    buf_add_char(out, '}');
}

static void add_tables(const struct router *router, struct buf *out)
{
    struct table *table;

    json_add_name(out, "tables");
    buf_add_char(out, '[');
    for (size_t i = 0; (table = router_table(router, i)) != NULL; i++)
        table_add_stats(table, out);
    buf_add_char(out, ']');
}

void stats_add(const struct stats_sources *s, struct buf *out)
{
    const struct client_counts counts = clients_count(s->clients);

    json_add_member(out, "version", SPAN(PODOP_VERSION));
    json_add_number(out, "pid", (uint64_t)getpid());
    json_add_number(out, "uptime_s", uptime_s(s->own));
    json_add_number(out, "rss_bytes", resident_bytes());
    json_add_number(out, "connections", s->clients->connections);
    json_add_number(out, "clients", counts.clients);
    json_add_number(out, "requests", counts.requests);
    add_reloads(s->own, out);
    add_turns(loop_turns(s->loop), out);
    json_add_name(out, "pool");
    buf_add_char(out, '[');
    http_each_load(s->http, add_load, out);
    buf_add_char(out, ']');
    add_tables(s->router, out);
}

struct pool_sum {
    uint64_t in_flight, waiting;
};

static void sum_load(void *arg, const struct http_load *load)
{
    struct pool_sum *sum = arg;

    sum->in_flight += load->in_flight;
    sum->waiting += load->waiting;
}

enum { TURNS_TEXT_BYTES = TURN_BUCKETS * 28 };

/* "1:20,2:3,...,more:0" */
static const char *describe_turns(const struct turns *turns, char text[TURNS_TEXT_BYTES])
{
    size_t len = 0;

    for (size_t i = 0; i < TURN_BUCKETS - 1; i++)
        len += (size_t)snprintf(text + len, TURNS_TEXT_BYTES - len, "%" PRIu32 ":%" PRIu64 ",",
                                turn_bucket_ms[i], turns->count[i]);
    snprintf(text + len, TURNS_TEXT_BYTES - len, "more:%" PRIu64, turns->count[TURN_BUCKETS - 1]);
    return text;
}

void stats_log(const struct stats_sources *s, struct log *log)
{
    const struct client_counts counts = clients_count(s->clients);
    const struct turns *turns = loop_turns(s->loop);
    struct pool_sum pool = {0};
    char text[TURNS_TEXT_BYTES];
    struct table *table;

    http_each_load(s->http, sum_load, &pool);
    log_warning(
        log, "counters", LOG_UINT("uptime_s", uptime_s(s->own)),
        LOG_UINT("rss_bytes", resident_bytes()), LOG_UINT("connections", s->clients->connections),
        LOG_UINT("clients", counts.clients), LOG_UINT("requests", counts.requests),
        LOG_UINT("pool_in_flight", pool.in_flight), LOG_UINT("pool_waiting", pool.waiting),
        LOG_UINT("reloads", s->own->reloads), LOG_UINT("reloads_failed", s->own->reloads_failed),
        LOG_STR("turns_ms", describe_turns(turns, text)),
        LOG_UINT("turn_longest_us", turns->longest_us), LOG_UINT("lost_ms", turns->lost_us / 1000));
    for (size_t i = 0; (table = router_table(s->router, i)) != NULL; i++)
        table_log_counters(table, log);
}
