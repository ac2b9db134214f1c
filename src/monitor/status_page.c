#include "status_page.h"

#include "fault_list.h"
#include "status_html.h"
#include "status_page_tables.h"
#include "status_page_text.h"
#include "status_parts.h"
#include "status_text.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/quantile.h"

#include <string.h>

static const char mark_begin[] = "<!--#", mark_end[] = "-->";

static bool add_level(const struct status_view *v, size_t i, struct buf *out)
{
    if (i == 0)
        html_add(out, severity_name(survey_severity(v->survey)));
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
    html_add(out, "<li>");
    html_add_state(out, severity_name(severity), severity_name(severity));
    html_add(out, " ");
    status_add_text(out, span_of(p->text));
    if (p->since != 0) {
        html_add(out, "<span class=\"since\"> since ");
        status_add_time(out, p->since);
        html_add(out, "</span>");
    }
    html_add(out, "</li>");
    return true;
}

static bool add_facts(const struct status_view *v, size_t i, struct buf *out)
{
    struct server_counts counts;

    if (i > 0)
        return false;
    v->monitor->ops->counts(v->monitor->arg, &counts);
    html_add(out, PODOP_VERSION ", for ");
    status_add_lasted(out, (clock_now_ms() - counts.started_at_ms) / 1000);
    html_add(out, ", at ");
    status_add_time(out, time(NULL));
    return true;
}

static void begin_figure(struct buf *out, const char *name)
{
    html_add(out, "<div><dt>");
    html_add(out, name);
    html_add(out, "</dt><dd>");
}

static void end_figure(struct buf *out)
{
    html_add(out, "</dd></div>");
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
    html_add(out, " of ");
    status_add_count(out, s->backend_count);
    end_figure(out);
    begin_figure(out, "Clients");
    status_add_count(out, s->sum.clients);
    end_figure(out);
    return true;
}

static bool add_listener(const struct status_view *v, size_t i, struct buf *out)
{
    struct listener_counts l;

    if (!v->monitor->ops->listener(v->monitor->arg, i, &l))
        return false;
    html_begin_row(out, l.socket);
    html_add(out, "</th><td>");
    status_add_text(out, l.mode);
    html_add(out, "</td>");
    html_begin_cell(out, l.clients >= l.clients_max, l.clients == 0);
    status_add_count(out, l.clients);
    html_add(out, " of ");
    status_add_count(out, l.clients_max);
    html_add(out, "</td>");
    html_add_count_cell(out, l.accepted);
    html_add_count_cell(out, l.refused);
    html_add(out, "</tr>\n");
    return true;
}

static bool add_reload(const struct status_view *v, size_t i, struct buf *out)
{
    struct server_counts counts;

    if (i > 0)
        return false;
    v->monitor->ops->counts(v->monitor->arg, &counts);
    if (counts.reloaded_at == 0) {
        html_add_state(out, "idle", "none since the start");
        return true;
    }
    html_add_state(out, counts.last_reload_failed ? "error" : "good",
                   counts.last_reload_failed ? "failed" : "done");
    html_add(out, " at ");
    status_add_time(out, counts.reloaded_at);
    html_add(out, counts.last_reload_failed ? ". podop goes on with the configuration that it had. "
                                            : ". ");
    status_add_count(out, counts.reloads);
    html_add(out, " done and ");
    status_add_count(out, counts.reloads_failed);
    html_add(out, " failed since the start.");
    return true;
}

static bool add_fault(const struct status_view *v, size_t i, struct buf *out)
{
    const struct fault_list *faults = v->monitor->faults;

    if (i >= faults->count)
        return false;
    html_add(out, "<li>");
    status_add_text(out, span_of(faults->texts[i]));
    html_add(out, "</li>");
    return true;
}

static void add_words(struct buf *out, const char *name)
{
    for (; *name != '\0'; name++) {
        if (*name == '_')
            buf_add_char(out, ' ');
        else
            buf_add_char(out, *name);
    }
}

static void add_about(const struct warning *w, struct buf *out)
{
    const char *comma = "";

    for (size_t t = 0; t < WARNING_TEXTS_MAX; t++) {
        if (w->texts[t][0] == '\0')
            continue;
        html_add(out, comma);
        add_words(out, w->kind->texts[t]);
        html_add(out, " ");
        status_add_text(out, span_of(w->texts[t]));
        comma = ", ";
    }
    for (size_t n = 0; n < WARNING_NUMBERS_MAX; n++) {
        if (!w->has_number[n])
            continue;
        html_add(out, comma);
        add_words(out, w->kind->numbers[n]);
        html_add(out, " ");
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
            html_add(out, "<tr><td colspan=\"3\" class=\"empty\">There was none.</td></tr>");
        return false;
    }
    w = warning_ring_at(ring, count - 1 - i);
    html_add(out, "<tr><td>");
    status_add_time(out, past_time_of(w->at_ms));
    html_add(out, "</td><th scope=\"row\">");
    add_words(out, w->kind->event);
    html_add(out, "</th><td class=\"about\">");
    add_about(w, out);
    html_add(out, "</td></tr>\n");
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
    html_add(out, " of ");
    status_add_count(out, usage.descriptors_max);
    end_figure(out);
    return true;
}

static const struct {
    const char *name; /* of the mark in the page */
    status_part_fn *add;
} parts[] = {
    {"facts", add_facts},
    {"level", add_level},
    {"headline", add_headline},
    {"problems", add_problem},
    {"figures", add_figures},
    {"tables", status_page_add_table},
    {"backends", status_page_add_backend},
    {"listeners", add_listener},
    {"reload", add_reload},
    {"faults", add_fault},
    {"warnings", add_warning},
    {"process", add_process},
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
