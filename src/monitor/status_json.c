#include "status_json.h"

#include "fault_list.h"
#include "stats.h"
#include "status_parts.h"

#include "podop/counter_json.h"
#include "podop/counters.h"
#include "podop/durations.h"
#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/table_backend.h"

#include <inttypes.h>
#include <stdio.h>

enum { SCHEMA = 1 };

static void add_text(struct buf *out, const char *text)
{
    buf_add(out, span_of(text));
}

/* Appends the items of an array without a comma before the first one. */
static void add_comma(struct buf *out, size_t i)
{
    if (i > 0)
        buf_add_char(out, ',');
}

static void add_null(struct buf *out, const char *name)
{
    json_add_name(out, name);
    add_text(out, "null");
}

/* A value below 0 is unknown. */
static void add_known(struct buf *out, const char *name, int64_t n)
{
    if (n < 0)
        add_null(out, name);
    else
        json_add_number(out, name, (uint64_t)n);
}

static void add_time(struct buf *out, const char *name, time_t at)
{
    if (at == 0)
        add_null(out, name);
    else
        json_add_number(out, name, (uint64_t)at);
}

static void add_thousandths(struct buf *out, const char *name, uint64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64 ".%03u", n / 1000, (unsigned)(n % 1000));
    json_add_name(out, name);
    add_text(out, text);
}

static void add_string(struct buf *out, size_t i, const char *text)
{
    add_comma(out, i);
    json_add_string(out, span_of(text));
}

/* Parts ---------------------------------------------------------------------------------------- */

static uint64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Counters that have their own place in the document. */
static void add_process(void *arg, const struct counter_set *set, const void *snapshot)
{
    static const char *const names[] = {"pid", "rss_bytes", "connections", "refused", "requests"};
    struct buf *out = arg;

    json_add_number(out, "uptime_s",
                    counter_number(counter_set_find(set, NULL, "uptime_s"), snapshot));
    json_add_name(out, "process");
    buf_add_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_add_number(out, names[i],
                        counter_number(counter_set_find(set, NULL, names[i]), snapshot));
}

static void add_loop(void *arg, const struct counter_set *set, const void *snapshot)
{
    counter_set_add_json_group(set, "loop", snapshot, arg);
}

static bool add_head(const struct status_view *v, size_t i, struct buf *out)
{
    const struct process_usage usage = process_usage_read();
    char summary[SUMMARY_BYTES];

    if (i > 0)
        return false;
    survey_summarise(v->survey, v->monitor, summary);
    buf_add_char(out, '{');
    json_add_number(out, "schema", SCHEMA);
    json_add_member(out, "version", SPAN(PODOP_VERSION));
    json_add_member(out, "state", span_of(survey_state(v->survey, v->monitor)));
    json_add_member(out, "severity", span_of(severity_name(survey_severity(v->survey))));
    json_add_member(out, "summary", span_of(summary));
    add_thousandths(out, "time", wall_ms());
    stats_visit_process(v->monitor, STATS_COUNT_CLIENTS, add_process, out);
    add_thousandths(out, "cpu_s", usage.cpu_us / 1000);
    json_add_number(out, "max_descriptors", usage.descriptors_max);
    json_add_number(out, "open_descriptors", v->survey->descriptors.count);
    buf_add_char(out, '}');
    stats_visit_process(v->monitor, STATS_SKIP_CLIENTS, add_loop, out);
    return true;
}

static bool add_problem(const struct status_view *v, size_t i, struct buf *out)
{
    enum severity severity;
    enum survey_kind kind;
    const struct problem *p = survey_problem(v->survey, i, &severity, &kind);

    if (p == NULL)
        return false;
    add_comma(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "severity", span_of(severity_name(severity)));
    json_add_member(out, "kind", span_of(survey_kind_name(kind)));
    json_add_member(out, "text", span_of(p->text));
    add_time(out, "since", p->since);
    buf_add_char(out, '}');
    return true;
}

static bool add_listener(const struct status_view *v, size_t i, struct buf *out)
{
    struct listener_counts l;

    if (!v->monitor->ops->listener(v->monitor->arg, i, &l))
        return false;
    add_comma(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "socket", l.socket);
    json_add_member(out, "mode", l.mode);
    json_add_number(out, "clients", l.clients);
    json_add_number(out, "max_clients", l.clients_max);
    json_add_number(out, "accepted", l.accepted);
    json_add_number(out, "refused", l.refused);
    buf_add_char(out, '}');
    return true;
}

static bool add_request(const struct status_view *v, size_t i, struct buf *out)
{
    struct request_counts counts;

    if (i >= REQUEST_KINDS)
        return false;
    v->monitor->ops->requests(v->monitor->arg, &counts);
    add_comma(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "protocol", span_of(request_kinds[i].protocol));
    json_add_member(out, "kind", span_of(request_kinds[i].kind));
    json_add_number(out, "count", counts.of[i]);
    buf_add_char(out, '}');
    return true;
}

static bool add_reload(const struct status_view *v, size_t i, struct buf *out)
{
    const struct fault_list *faults = v->monitor->faults;
    struct server_counts counts;

    if (i > 0)
        return false;
    v->monitor->ops->counts(v->monitor->arg, &counts);
    json_add_number(out, "done", counts.reloads);
    json_add_number(out, "failed", counts.reloads_failed);
    add_time(out, "last", counts.reloaded_at);
    json_add_flag(out, "last_failed", counts.last_reload_failed);
    json_add_name(out, "faults");
    buf_add_char(out, '[');
    for (size_t f = 0; f < faults->count; f++)
        add_string(out, f, faults->texts[f]);
    buf_add_char(out, ']');
    json_add_number(out, "faults_left_out", faults->left_out);
    return true;
}

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
    add_known(out, "p50_us", recent->p50_us);
    add_known(out, "p99_us", recent->p99_us);
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

            add_comma(out, i);
            if (n < 0)
                add_text(out, "null");
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
        add_comma(out, i);
        json_add_string(out, at.name);
    }
    buf_add_char(out, ']');
}

static bool add_table(const struct status_view *v, size_t i, struct buf *out)
{
    struct table *table = router_table(v->monitor->router, i);
    struct status_table status;

    if (!status_read_table(v, i, &status))
        return false;
    add_comma(out, i);
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
        add_comma(out, i);
        buf_add_char(out, '{');
        add_time(out, "began", past_time_of(list->items[i].began_ms));
        add_time(out, "ended",
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

static bool add_backend(const struct status_view *v, size_t i, struct buf *out)
{
    const struct survey_backend *b = &v->survey->backends[i];
    struct outage_list outages;

    if (i >= v->survey->backend_count)
        return false;
    outages_of(&v->monitor->past->outages, b->log_name, &outages);
    add_comma(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "backend", b->name);
    json_add_member(out, "state", span_of(survey_state_name(b->state)));
    add_time(out, "since", survey_since(b));
    json_add_number(out, "tables", b->tables);
    if (b->has_counters)
        add_outcomes(b, out);
    add_outages(&outages, out);
    buf_add_char(out, '}');
    return true;
}

static bool add_warning(const struct status_view *v, size_t i, struct buf *out)
{
    const struct warning_ring *ring = &v->monitor->past->warnings;
    const struct warning *w;

    if (i >= warning_ring_count(ring))
        return false;
    w = warning_ring_at(ring, i);
    add_comma(out, i);
    buf_add_char(out, '{');
    add_time(out, "time", past_time_of(w->at_ms));
    json_add_member(out, "level", span_of(w->level == LOG_LEVEL_ERROR ? "error" : "warning"));
    json_add_member(out, "event", span_of(w->kind->event));
    for (size_t t = 0; t < WARNING_TEXTS_MAX; t++) {
        if (w->texts[t][0] != '\0')
            json_add_member(out, w->kind->texts[t], span_of(w->texts[t]));
    }
    for (size_t n = 0; n < WARNING_NUMBERS_MAX; n++) {
        if (w->has_number[n])
            json_add_number(out, w->kind->numbers[n], w->numbers[n]);
    }
    buf_add_char(out, '}');
    return true;
}

static const struct {
    const char *before;
    status_part_fn *add;
    const char *after;
} parts[] = {
    {"", add_head, ""},
    {",\"problems\":[", add_problem, "]"},
    {",\"listeners\":[", add_listener, "]"},
    {",\"requests\":[", add_request, "]"},
    {",\"reload\":{", add_reload, "}"},
    {",\"tables\":[", add_table, "]"},
    {",\"backends\":[", add_backend, "]"},
    {",\"warnings\":[", add_warning, "]}\n"},
};

static bool render(struct rendering *r)
{
    struct status_state *s = r->state;
    const struct status_view view = {r->view, &s->survey};

    if (status_survey(r))
        return true;
    if (r->view->past == NULL)
        return false;
    if (s->item == 0)
        add_text(r->out, parts[s->part].before);
    if (parts[s->part].add(&view, s->item, r->out)) {
        s->item++;
        return true;
    }
    add_text(r->out, parts[s->part].after);
    s->item = 0;
    return ++s->part < ARRAY_LEN(parts);
}

const struct document_kind document_status_json = {
    .path = "/status.json",
    .media_type = "application/json",
    .state_bytes = sizeof(struct status_state),
    .step = render,
    .end = status_end,
};
