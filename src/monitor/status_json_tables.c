#include "status_json_tables.h"

#include "status_json_value.h"

#include "podop/counter_json.h"
#include "podop/counters.h"
#include "podop/durations.h"
#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/table_backend.h"

static void add_counters(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_add_json(set, snapshot, arg);
}

static void add_recent(const struct history_recent *recent, struct buf *out)
{
    json_add_name(out, "recent");
    buf_add_char(out, '{');
    json_add_number(out, "seconds", recent->seconds);
    json_add_number(out, "lookups", recent->lookups);
    json_add_number(out, "found", recent->found);
    json_add_number(out, "miss", recent->miss);
    json_add_number(out, "failed", recent->failed);
    json_add_number(out, "fresh", recent->fresh);
    json_add_known(out, "p50_us", recent->p50_us);
    json_add_known(out, "p99_us", recent->p99_us);
    buf_add_char(out, '}');
}

static int64_t lookups_of(const struct history_minute *m)
{
    return m->lookups;
}

static int64_t found_of(const struct history_minute *m)
{
    return m->found;
}

static int64_t failed_of(const struct history_minute *m)
{
    return m->failed;
}

static int64_t p50_of(const struct history_minute *m)
{
    return m->p50_us;
}

static int64_t p99_of(const struct history_minute *m)
{
    return m->p99_us;
}

static void add_history(const struct history_of *h, struct buf *out)
{
    static const struct {
        const char *name;
        int64_t (*of)(const struct history_minute *minute);
    } columns[] = {{"lookups", lookups_of},
                   {"found", found_of},
                   {"failed", failed_of},
                   {"p50_us", p50_of},
                   {"p99_us", p99_of}};

    json_add_name(out, "history");
    buf_add_char(out, '{');
    for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
        json_add_name(out, columns[c].name);
        buf_add_char(out, '[');
        for (size_t i = 0; i < h->count; i++) {
            const int64_t n = columns[c].of(&h->minutes[i]);

            json_begin_item(out, i);
            if (n < 0)
                json_add_raw(out, "null");
            else
                buf_add_uint(out, (uint64_t)n);
        }
        buf_add_char(out, ']');
    }
    buf_add_char(out, '}');
}

static void add_backend_names(struct table *table, struct buf *out)
{
    struct table_backend at;

    json_add_name(out, "backends");
    buf_add_char(out, '[');
    for (size_t i = 0; table_backend(table, i, &at); i++) {
        json_begin_item(out, i);
        json_add_string(out, at.name);
    }
    buf_add_char(out, ']');
}

bool status_json_add_table(const struct status_view *v, size_t i, struct buf *out)
{
    struct table *table = router_table(v->monitor->router, i);
    struct status_table status;

    if (!status_read_table(v, i, &status))
        return false;
    json_begin_item(out, i);
    buf_add_char(out, '{');
    table_visit_counters(table, add_counters, out);
    json_add_member(out, "state", span_of(table_state_name(status.state)));
    add_backend_names(table, out);
    add_recent(&status.history.recent, out);
    add_history(&status.history, out);
    buf_add_char(out, '}');
    return true;
}

static void add_outages(const struct outage_list *list, struct buf *out)
{
    json_add_name(out, "outages");
    buf_add_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        json_begin_item(out, i);
        buf_add_char(out, '{');
        json_add_time(out, "began", past_time_of(list->items[i].began_ms));
        json_add_time(out, "ended",
                      list->items[i].ended_ms == 0 ? 0 : past_time_of(list->items[i].ended_ms));
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_outcomes(const struct survey_backend *b, struct buf *out)
{
    static const char *const names[HTTP_COUNTED_OUTCOMES] = {
        [HTTP_COUNTED_ANSWERED] = "answered",   [HTTP_COUNTED_SERVER_ERROR] = "server_error",
        [HTTP_COUNTED_FAILED] = "failed",       [HTTP_COUNTED_TIMEOUT] = "timeout",
        [HTTP_COUNTED_UNUSABLE] = "unusable",   [HTTP_COUNTED_NOT_SENT] = "not_sent",
        [HTTP_COUNTED_CANCELLED] = "cancelled",
    };
    const struct histogram h = durations_histogram(&b->durations);

    json_add_number(out, "in_flight", b->load.in_flight);
    json_add_number(out, "waiting", b->load.waiting);
    json_add_number(out, "connections", b->load.connections);
    json_add_name(out, "requests");
    buf_add_char(out, '{');
    for (size_t i = 0; i < HTTP_COUNTED_OUTCOMES; i++)
        json_add_number(out, names[i], b->outcomes[i]);
    buf_add_char(out, '}');
    json_add_histogram(out, "duration", &h);
}

bool status_json_add_backend(const struct status_view *v, size_t i, struct buf *out)
{
    const struct survey_backend *b = &v->survey->backends[i];
    struct outage_list outages;

    if (i >= v->survey->backend_count)
        return false;
    outages_of(&v->monitor->past->outages, b->log_name, &outages);
    json_begin_item(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "backend", b->name);
    json_add_member(out, "state", span_of(survey_state_name(b->state)));
    json_add_time(out, "since", survey_since(b));
    json_add_number(out, "tables", b->tables);
    if (b->has_counters)
        add_outcomes(b, out);
    add_outages(&outages, out);
    buf_add_char(out, '}');
    return true;
}
