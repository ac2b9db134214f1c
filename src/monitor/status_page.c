#include "status_page.h"

#include "fault_list.h"
#include "status_page_text.h"
#include "status_parts.h"
#include "status_text.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/quantile.h"

#include <string.h>

static const char mark_begin[] = "<!--#", mark_end[] = "-->";

static void add(struct buf *out, const char *html)
{
    buf_add(out, span_of(html));
}

static void add_state(struct buf *out, const char *mark, const char *state)
{
    add(out, "<span class=\"mark ");
    add(out, mark);
    add(out, "\">");
    add(out, state);
    add(out, "</span>");
}

static void begin_cell(struct buf *out, bool is_loud, bool is_zero)
{
    add(out, is_loud   ? "<td class=\"n loud\">"
             : is_zero ? "<td class=\"n zero\">"
                       : "<td class=\"n\">");
}

static void add_count_cell(struct buf *out, uint64_t n)
{
    begin_cell(out, false, n == 0);
    status_add_count(out, n);
    add(out, "</td>");
}

static void add_share_cell(struct buf *out, uint64_t part, uint64_t whole, bool is_loud)
{
    begin_cell(out, is_loud && part > 0, whole == 0 || (is_loud && part == 0));
    status_add_share(out, part, whole);
    add(out, "</td>");
}

static void add_took_cell(struct buf *out, int64_t us)
{
    begin_cell(out, false, us < 0);
    status_add_took(out, us);
    add(out, "</td>");
}

static void add_row_head(struct buf *out, struct span name)
{
    add(out, "<tr><th scope=\"row\" title=\"");
    status_add_text(out, name);
    add(out, "\">");
    status_add_text(out, name);
}

/* State ---------------------------------------------------------------------------------------- */

static bool add_level(const struct status_view *v, size_t i, struct buf *out)
{
    if (i == 0)
        add(out, severity_name(survey_severity(v->survey)));
    return i == 0;
}

static bool add_headline(const struct status_view *v, size_t i, struct buf *out)
{
    char summary[SUMMARY_BYTES];

    if (i > 0)
        return false;
    survey_summarise(v->survey, v->monitor, summary);
    status_add_text(out, span_of(summary));
    return true;
}

static bool add_problem(const struct status_view *v, size_t i, struct buf *out)
{
    enum severity severity;
    enum survey_kind kind;
    const struct problem *p = survey_problem(v->survey, i, &severity, &kind);

    if (p == NULL)
        return false;
    add(out, "<li>");
    add_state(out, severity_name(severity), severity_name(severity));
    add(out, " ");
    status_add_text(out, span_of(p->text));
    if (p->since != 0) {
        add(out, "<span class=\"since\"> since ");
        status_add_time(out, p->since);
        add(out, "</span>");
    }
    add(out, "</li>");
    return true;
}

static bool add_facts(const struct status_view *v, size_t i, struct buf *out)
{
    struct server_counts counts;

    if (i > 0)
        return false;
    v->monitor->ops->counts(v->monitor->arg, &counts);
    add(out, PODOP_VERSION ", for ");
    status_add_lasted(out, (clock_now_ms() - counts.started_at_ms) / 1000);
    add(out, ", at ");
    status_add_time(out, time(NULL));
    return true;
}

static void begin_figure(struct buf *out, const char *name)
{
    add(out, "<div><dt>");
    add(out, name);
    add(out, "</dt><dd>");
}

static void end_figure(struct buf *out)
{
    add(out, "</dd></div>");
}

static bool add_figures(const struct status_view *v, size_t i, struct buf *out)
{
    const struct survey *s = v->survey;

    if (i > 0)
        return false;
    begin_figure(out, "Lookups a second");
    status_add_rate(out, s->sum.lookups_s);
    end_figure(out);
    begin_figure(out, "Failed");
    status_add_share(out, s->sum.failed, s->sum.lookups);
    end_figure(out);
    begin_figure(out, "Cache hits");
    status_add_share(out, s->sum.fresh, s->sum.cached);
    end_figure(out);
    begin_figure(out, "Slowest table, p99");
    status_add_took(out, s->sum.lookups == 0 ? QUANTILE_UNKNOWN : s->sum.p99_us);
    end_figure(out);
    begin_figure(out, "Backends that serve");
    status_add_count(out, s->sum.backends_up);
    add(out, " of ");
    status_add_count(out, s->backend_count);
    end_figure(out);
    begin_figure(out, "Clients");
    status_add_count(out, s->sum.clients);
    end_figure(out);
    return true;
}

/* Tables and backends -------------------------------------------------------------------------- */

static const char *mark_of_table(enum table_state state)
{
    switch (state) {
    case TABLE_OK: return "good";
    case TABLE_IDLE: return "idle";
    case TABLE_DEGRADED: return "warning";
    case TABLE_FAILING:
    case TABLE_DOWN: return "error";
    }
    return "";
}

static uint64_t lookups_of_hour(const struct history_of *h)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < h->count; i++)
        sum += h->minutes[i].lookups;
    return sum;
}

static bool add_table(const struct status_view *v, size_t i, struct buf *out)
{
    struct status_table t;
    const struct history_recent *recent = &t.history.recent;

    if (!status_read_table(v, i, &t))
        return false;
    add_row_head(out, t.name);
    add(out, " <span class=\"type\">");
    status_add_text(out, t.type);
    add(out, "</span></th><td>");
    add_state(out, mark_of_table(t.state), table_state_name(t.state));
    add(out, "</td>");
    begin_cell(out, false, recent->lookups == 0);
    status_add_rate(out, (double)recent->lookups / (double)recent->seconds);
    add(out, "</td>");
    add_count_cell(out, lookups_of_hour(&t.history));
    add_share_cell(out, recent->found, recent->lookups, false);
    add_share_cell(out, recent->miss, recent->lookups, false);
    add_share_cell(out, recent->failed, recent->lookups, true);
    if (t.has_cache)
        add_share_cell(out, recent->fresh, recent->lookups, false);
    else
        add(out, "<td class=\"n zero\">no cache</td>");
    add_took_cell(out, recent->p50_us);
    add_took_cell(out, recent->p99_us);
    if (t.has_pending)
        add_count_cell(out, t.pending_writes);
    else
        add(out, "<td class=\"n zero\">\xe2\x80\x93</td>");
    add(out, "</tr>\n");
    return true;
}

static const char *mark_of_backend(enum survey_state state)
{
    switch (state) {
    case BACKEND_UNUSED: return "idle";
    case BACKEND_UP: return "good";
    case BACKEND_FAILING:
    case BACKEND_SUSPENDED: return "error";
    }
    return "";
}

static void add_outages(const struct outage_list *list, struct buf *out)
{
    const struct outage_time *newest = list->count == 0 ? NULL : &list->items[list->count - 1];

    if (newest == NULL) {
        add(out, "none");
        return;
    }
    if (newest->ended_ms != 0 && list->count > 1) {
        status_add_count(out, list->count);
        add(out, ", the last ");
    }
    add(out, newest->ended_ms == 0 ? "since " : "at ");
    status_add_time(out, past_time_of(newest->began_ms));
    add(out, newest->ended_ms == 0 ? ", for " : " for ");
    status_add_lasted(
        out,
        ((newest->ended_ms == 0 ? clock_now_ms() : newest->ended_ms) - newest->began_ms) / 1000);
}

static void add_counters(const struct survey_backend *b, struct buf *out)
{
    const struct histogram duration = durations_histogram(&b->durations);
    uint64_t requests = 0;

    for (size_t i = 0; i < HTTP_COUNTED_OUTCOMES; i++)
        requests += b->outcomes[i];
    add_count_cell(out, b->load.in_flight);
    add_count_cell(out, b->load.waiting);
    add_count_cell(out, b->load.connections);
    add_count_cell(out, requests);
    add_share_cell(out, requests - b->outcomes[HTTP_COUNTED_ANSWERED], requests, false);
    add_took_cell(out, quantile_of(&duration, 500));
    add_took_cell(out, quantile_of(&duration, 990));
}

static bool add_backend(const struct status_view *v, size_t i, struct buf *out)
{
    const struct survey_backend *b = &v->survey->backends[i];
    struct outage_list outages;

    if (i >= v->survey->backend_count)
        return false;
    add_row_head(out, b->name);
    add(out, "</th><td>");
    add_state(out, mark_of_backend(b->state), survey_state_name(b->state));
    add(out, "</td>");
    if (b->has_counters)
        add_counters(b, out);
    else
        for (int column = 0; column < 7; column++)
            add(out, "<td class=\"n zero\">\xe2\x80\x93</td>");
    add(out, "<td class=\"outage-cell\">");
    outages_of(&v->monitor->past->outages, b->log_name, &outages);
    add_outages(&outages, out);
    add(out, "</td></tr>\n");
    return true;
}

/* The rest ------------------------------------------------------------------------------------- */

static bool add_listener(const struct status_view *v, size_t i, struct buf *out)
{
    struct listener_counts l;

    if (!v->monitor->ops->listener(v->monitor->arg, i, &l))
        return false;
    add_row_head(out, l.socket);
    add(out, "</th><td>");
    status_add_text(out, l.mode);
    add(out, "</td>");
    begin_cell(out, l.clients >= l.clients_max, l.clients == 0);
    status_add_count(out, l.clients);
    add(out, " of ");
    status_add_count(out, l.clients_max);
    add(out, "</td>");
    add_count_cell(out, l.accepted);
    add_count_cell(out, l.refused);
    add(out, "</tr>\n");
    return true;
}

static bool add_reload(const struct status_view *v, size_t i, struct buf *out)
{
    struct server_counts counts;

    if (i > 0)
        return false;
    v->monitor->ops->counts(v->monitor->arg, &counts);
    if (counts.reloaded_at == 0) {
        add_state(out, "idle", "none since the start");
        return true;
    }
    add_state(out, counts.last_reload_failed ? "error" : "good",
              counts.last_reload_failed ? "failed" : "done");
    add(out, " at ");
    status_add_time(out, counts.reloaded_at);
    add(out,
        counts.last_reload_failed ? ". podop goes on with the configuration that it had. " : ". ");
    status_add_count(out, counts.reloads);
    add(out, " done and ");
    status_add_count(out, counts.reloads_failed);
    add(out, " failed since the start.");
    return true;
}

static bool add_fault(const struct status_view *v, size_t i, struct buf *out)
{
    const struct fault_list *faults = v->monitor->faults;

    if (i >= faults->count)
        return false;
    add(out, "<li>");
    status_add_text(out, span_of(faults->texts[i]));
    add(out, "</li>");
    return true;
}

static void add_words(struct buf *out, const char *name)
{
    for (; *name != '\0'; name++)
        buf_add_char(out, *name == '_' ? ' ' : *name);
}

static void add_about(const struct warning *w, struct buf *out)
{
    const char *comma = "";

    for (size_t t = 0; t < WARNING_TEXTS_MAX; t++) {
        if (w->texts[t][0] == '\0')
            continue;
        add(out, comma);
        add_words(out, w->kind->texts[t]);
        add(out, " ");
        status_add_text(out, span_of(w->texts[t]));
        comma = ", ";
    }
    for (size_t n = 0; n < WARNING_NUMBERS_MAX; n++) {
        if (!w->has_number[n])
            continue;
        add(out, comma);
        add_words(out, w->kind->numbers[n]);
        add(out, " ");
        buf_add_uint(out, w->numbers[n]);
        comma = ", ";
    }
}

static bool add_warning(const struct status_view *v, size_t i, struct buf *out)
{
    const struct warning_ring *ring = &v->monitor->past->warnings;
    const size_t count = warning_ring_count(ring);
    const struct warning *w;

    if (i >= count) {
        if (count == 0)
            add(out, "<tr><td colspan=\"3\" class=\"empty\">There was none.</td></tr>");
        return false;
    }
    w = warning_ring_at(ring, count - 1 - i);
    add(out, "<tr><td>");
    status_add_time(out, past_time_of(w->at_ms));
    add(out, "</td><th scope=\"row\">");
    add_words(out, w->kind->event);
    add(out, "</th><td class=\"about\">");
    add_about(w, out);
    add(out, "</td></tr>\n");
    return true;
}

static bool add_process(const struct status_view *v, size_t i, struct buf *out)
{
    const struct process_usage usage = process_usage_read();

    if (i > 0)
        return false;
    begin_figure(out, "Memory");
    status_add_bytes(out, usage.resident_bytes);
    end_figure(out);
    begin_figure(out, "CPU");
    status_add_lasted(out, usage.cpu_us / 1000000);
    end_figure(out);
    begin_figure(out, "Descriptors");
    status_add_count(out, v->survey->descriptors.count);
    add(out, " of ");
    status_add_count(out, usage.descriptors_max);
    end_figure(out);
    return true;
}

static const struct {
    const char *name; /* of the mark in the page */
    status_part_fn *add;
} parts[] = {
    {"facts", add_facts},      {"level", add_level},        {"headline", add_headline},
    {"problems", add_problem}, {"figures", add_figures},    {"tables", add_table},
    {"backends", add_backend}, {"listeners", add_listener}, {"reload", add_reload},
    {"faults", add_fault},     {"warnings", add_warning},   {"process", add_process},
};

static status_part_fn *find_part(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (span_equal(span_of(parts[i].name), name))
            return parts[i].add;
    }
    return NULL;
}

/* Returns the text of the page from a place on. */
static struct span page_from(size_t at)
{
    return (struct span){(const char *)status_page_text + at, status_page_len - at};
}

/* Returns the bytes of text before a word, or all of it. */
static struct span before(struct span text, const char *word)
{
    const char *found = memmem(text.ptr, text.len, word, strlen(word));

    return found == NULL ? text : (struct span){text.ptr, (size_t)(found - text.ptr)};
}

/* Copies the page up to the next mark, or to its end. Then s->at is behind the beginning of the
 * mark, where its name is. */
static bool copy_text(struct status_state *s, struct buf *out)
{
    const struct span rest = page_from(s->at), text = before(rest, mark_begin);

    buf_add(out, text);
    s->at += text.len;
    if (text.len == rest.len)
        return false;
    s->at += strlen(mark_begin);
    s->item = 0;
    s->part = 1;
    return true;
}

static bool render(struct rendering *r)
{
    struct status_state *s = r->state;
    const struct status_view view = {r->view, &s->survey};
    struct span name;
    status_part_fn *part;

    if (status_survey(r))
        return true;
    if (r->view->past == NULL)
        return false;
    if (s->part == 0)
        return copy_text(s, r->out);
    name = before(page_from(s->at), mark_end);
    part = find_part(name);
    if (part != NULL && part(&view, s->item, r->out)) {
        s->item++;
        return true;
    }
    s->at += name.len + strlen(mark_end);
    s->part = 0;
    return true;
}

static const struct web_header headers[] = {
    {"Content-Security-Policy", status_page_policy},
    {"Referrer-Policy", "no-referrer"},
    {0},
};

const struct document_kind document_status_page = {
    .path = "/",
    .media_type = "text/html; charset=utf-8",
    .headers = headers,
    .state_bytes = sizeof(struct status_state),
    .step = render,
    .end = status_end,
};
