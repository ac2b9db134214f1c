#include "status_json.h"

#include "fault_list.h"
#include "stats.h"
#include "status_json_tables.h"
#include "status_json_value.h"
#include "status_parts.h"

#include "podop/counter_json.h"
#include "podop/json_object.h"
#include "podop/json_value.h"
#include "podop/mem.h"

enum { SCHEMA = 1 };

static void add_string(struct buf *out, size_t i, const char *text)
{
    json_begin_item(out, i);
    json_add_string(out, span_of(text));
}

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
    json_add_thousandths(out, "time", wall_ms());
    stats_visit_process(v->monitor, STATS_COUNT_CLIENTS, add_process, out);
    json_add_thousandths(out, "cpu_s", usage.cpu_us / 1000);
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
    json_begin_item(out, i);
    buf_add_char(out, '{');
    json_add_member(out, "severity", span_of(severity_name(severity)));
    json_add_member(out, "kind", span_of(survey_kind_name(kind)));
    json_add_member(out, "text", span_of(p->text));
    json_add_time(out, "since", p->since);
    buf_add_char(out, '}');
    return true;
}

static bool add_listener(const struct status_view *v, size_t i, struct buf *out)
{
    struct listener_counts l;

    if (!v->monitor->ops->listener(v->monitor->arg, i, &l))
        return false;
    json_begin_item(out, i);
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
    json_begin_item(out, i);
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
    json_add_time(out, "last", counts.reloaded_at);
    json_add_flag(out, "last_failed", counts.last_reload_failed);
    json_add_name(out, "faults");
    buf_add_char(out, '[');
    for (size_t f = 0; f < faults->count; f++)
        add_string(out, f, faults->texts[f]);
    buf_add_char(out, ']');
    json_add_number(out, "faults_left_out", faults->left_out);
    return true;
}

static bool add_warning(const struct status_view *v, size_t i, struct buf *out)
{
    const struct warning_ring *ring = &v->monitor->past->warnings;
    const struct warning *w;

    if (i >= warning_ring_count(ring))
        return false;
    w = warning_ring_at(ring, i);
    json_begin_item(out, i);
    buf_add_char(out, '{');
    json_add_time(out, "time", past_time_of(w->at_ms));
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
    {",\"tables\":[", status_json_add_table, "]"},
    {",\"backends\":[", status_json_add_backend, "]"},
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
        json_add_raw(r->out, parts[s->part].before);
    if (parts[s->part].add(&view, s->item, r->out)) {
        s->item++;
        return true;
    }
    json_add_raw(r->out, parts[s->part].after);
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
