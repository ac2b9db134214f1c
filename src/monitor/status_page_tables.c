#include "status_page_tables.h"

#include "status_html.h"
#include "status_text.h"

#include "podop/clock.h"
#include "podop/quantile.h"

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

bool status_page_add_table(const struct status_view *v, size_t i, struct buf *out)
{
    struct status_table t;
    const struct history_recent *recent = &t.history.recent;

    if (!status_read_table(v, i, &t))
        return false;
    html_begin_row(out, t.name);
    html_add(out, " <span class=\"type\">");
    status_add_text(out, t.type);
    html_add(out, "</span></th><td>");
    html_add_state(out, mark_of_table(t.state), table_state_name(t.state));
    html_add(out, "</td>");
    html_begin_cell(out, false, recent->lookups == 0);
    status_add_rate(out, (double)recent->lookups / (double)recent->seconds);
    html_add(out, "</td>");
    html_add_count_cell(out, lookups_of_hour(&t.history));
    html_add_share_cell(out, recent->failed, recent->lookups, true);
    html_add_took_cell(out, recent->p50_us);
    html_add_took_cell(out, recent->p99_us);
    html_add_share_cell(out, recent->found, recent->lookups, false);
    html_add_share_cell(out, recent->miss, recent->lookups, false);
    if (t.has_cache)
        html_add_share_cell(out, recent->fresh, recent->lookups, false);
    else
        html_add(out, "<td class=\"n zero\">no cache</td>");
    if (t.has_pending)
        html_add_count_cell(out, t.pending_writes);
    else
        html_add(out, "<td class=\"n zero\">\xe2\x80\x93</td>");
    html_add(out, "</tr>\n");
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
        html_add(out, "none");
        return;
    }
    if (newest->ended_ms != 0 && list->count > 1) {
        status_add_count(out, list->count);
        html_add(out, ", the last ");
    }
    html_add(out, newest->ended_ms == 0 ? "since " : "at ");
    status_add_time(out, past_time_of(newest->began_ms));
    html_add(out, newest->ended_ms == 0 ? ", for " : " for ");
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
    html_add_count_cell(out, b->load.in_flight);
    html_add_count_cell(out, b->load.waiting);
    html_add_count_cell(out, b->load.connections);
    html_add_count_cell(out, requests);
    html_add_share_cell(out, requests - b->outcomes[HTTP_COUNTED_ANSWERED], requests, false);
    html_add_took_cell(out, quantile_of(&duration, 500));
    html_add_took_cell(out, quantile_of(&duration, 990));
}

bool status_page_add_backend(const struct status_view *v, size_t i, struct buf *out)
{
    const struct survey_backend *b = &v->survey->backends[i];
    struct outage_list outages;

    if (i >= v->survey->backend_count)
        return false;
    html_begin_row(out, b->name);
    html_add(out, "</th><td>");
    html_add_state(out, mark_of_backend(b->state), survey_state_name(b->state));
    html_add(out, "</td>");
    if (b->has_counters)
        add_counters(b, out);
    else
        for (int column = 0; column < 7; column++)
            html_add(out, "<td class=\"n zero\">\xe2\x80\x93</td>");
    html_add(out, "<td class=\"outage-cell\">");
    outages_of(&v->monitor->past->outages, b->log_name, &outages);
    add_outages(&outages, out);
    html_add(out, "</td></tr>\n");
    return true;
}
