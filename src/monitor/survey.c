#include "survey.h"

#include "fault_list.h"

#include "podop/clock.h"
#include "podop/http.h"
#include "podop/mem.h"
#include "podop/quantile.h"
#include "podop/table_backend.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRITES_OLD_MS = 5 * 60 * 1000 };

static time_t time_ago(uint64_t ms)
{
    return past_time_of(clock_now_ms() - ms);
}

static struct problem_list *list_of(struct survey *s, enum severity severity, enum survey_kind kind)
{
    return &s->problems[SEVERITY_ERROR - severity][kind];
}

static void add_problem(struct survey *s, enum severity severity, enum survey_kind kind,
                        time_t since, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void add_problem(struct survey *s, enum severity severity, enum survey_kind kind,
                        time_t since, const char *format, ...)
{
    struct problem_list *list = list_of(s, severity, kind);
    struct problem *p;
    va_list args;

    if (list->count == PROBLEMS_MAX) {
        list->left_out++;
        return;
    }
    p = &list->items[list->count++];
    p->since = since;
    va_start(args, format);
    vsnprintf(p->text, sizeof(p->text), format, args);
    va_end(args);
}

/* Tables */

static struct survey_backend *find(const struct survey *s, struct span name)
{
    for (size_t i = 0; i < s->backend_count; i++) {
        if (span_equal(s->backends[i].name, name))
            return &s->backends[i];
    }
    return NULL;
}

static struct survey_backend *find_or_add(struct survey *s, struct span name)
{
    struct survey_backend *b = find(s, name);

    if (b != NULL)
        return b;
    if (s->backend_count == s->backend_room) {
        s->backend_room = s->backend_room == 0 ? 16 : 2 * s->backend_room;
        s->backends = xreallocarray(s->backends, s->backend_room, sizeof(*s->backends));
    }
    b = &s->backends[s->backend_count++];
    *b = (struct survey_backend){.name = name};
    return b;
}

static enum survey_state state_of(const struct table_backend *backend)
{
    if (backend->is_suspended)
        return BACKEND_SUSPENDED;
    if (backend->is_failing)
        return BACKEND_FAILING;
    return backend->is_used ? BACKEND_UP : BACKEND_UNUSED;
}

static void see_backend(struct survey *s, const struct table_backend *at)
{
    struct survey_backend *b = find_or_add(s, at->name);
    const enum survey_state state = state_of(at);

    b->log_name = at->backend == NULL ? at->name : span_of(at->backend->url);
    if (state > b->state)
        b->state = state;
    if (at->since_ms > b->since_ms)
        b->since_ms = at->since_ms;
    if (b->last_table != s->table) /* its URLs may lead to one backend */
        b->tables++;
    b->last_table = s->table;
}

static void judge_table(struct survey *s, const struct status_table *t)
{
    const struct history_recent *recent = &t->history.recent;
    const int len = (int)t->name.len;
    const char *name = t->name.ptr;

    if (t->state == TABLE_DOWN)
        add_problem(s, SEVERITY_ERROR, PROBLEM_TABLE, time_ago(t->down_ms),
                    "every URL of table '%.*s' is suspended", len, name);
    else if (t->state == TABLE_FAILING || t->state == TABLE_DEGRADED)
        add_problem(s, t->state == TABLE_FAILING ? SEVERITY_ERROR : SEVERITY_WARNING, PROBLEM_TABLE,
                    0, "%" PRIu64 " of the last %" PRIu64 " lookups of table '%.*s' failed",
                    recent->failed, recent->lookups, len, name);
    if (t->writes_lost > 0)
        add_problem(s, SEVERITY_ERROR, PROBLEM_WRITES, 0,
                    "%" PRIu64 " writes of table '%.*s' were lost since the start", t->writes_lost,
                    len, name);
    if (t->pending_writes > 0 && t->pending_oldest_ms > WRITES_OLD_MS)
        add_problem(s, SEVERITY_WARNING, PROBLEM_WRITES, time_ago(t->pending_oldest_ms),
                    "%" PRIu64 " writes of table '%.*s' wait", t->pending_writes, len, name);
}

static void add_sums(struct survey *s, const struct status_table *t)
{
    const struct history_recent *recent = &t->history.recent;

    s->sum.lookups_s += (double)recent->lookups / (double)recent->seconds;
    s->sum.lookups += recent->lookups;
    s->sum.failed += recent->failed;
    if (t->has_cache) {
        s->sum.cached += recent->lookups;
        s->sum.fresh += recent->fresh;
    }
    if (recent->p99_us > s->sum.p99_us)
        s->sum.p99_us = recent->p99_us;
    if (t->state == TABLE_DOWN && s->tables_down++ == 0)
        s->first_down = t->name;
}

static bool see_table(struct survey *s, const struct monitor_view *view)
{
    struct table *table = router_table(view->router, s->table++);
    struct table_backend at;
    struct status_table status;

    if (table == NULL)
        return false;
    status_table_read(&status, table, view->past->history, clock_now_ms());
    judge_table(s, &status);
    add_sums(s, &status);
    for (size_t i = 0; table_backend(table, i, &at); i++)
        see_backend(s, &at);
    return true;
}

/* Backends */

static bool see_counters(struct survey *s, const struct monitor_view *view)
{
    const struct http_backend *http = http_next_backend(view->http, s->http_id);
    struct survey_backend *b;

    if (http == NULL)
        return false;
    s->http_id = http->id;
    b = find(s, span_of(http->name));
    if (b == NULL)
        return true;
    b->has_counters = true;
    b->load = http_backend_load(http);
    memcpy(b->outcomes, http->outcomes, sizeof(b->outcomes));
    b->durations = http->durations;
    return true;
}

static bool judge_backend(struct survey *s)
{
    const struct survey_backend *b = &s->backends[s->backend];

    if (s->backend == s->backend_count)
        return false;
    s->backend++;
    s->sum.backends_up += b->state == BACKEND_UP || b->state == BACKEND_UNUSED;
    if (b->state == BACKEND_SUSPENDED || b->state == BACKEND_FAILING)
        add_problem(s, SEVERITY_ERROR, PROBLEM_BACKEND, time_ago(b->since_ms),
                    "backend %.*s, which %zu table%s %s, %s", (int)b->name.len, b->name.ptr,
                    b->tables, b->tables == 1 ? "" : "s", b->tables == 1 ? "uses" : "use",
                    b->state == BACKEND_SUSPENDED ? "is suspended" : "fails");
    return true;
}

/* The rest */

static bool judge_listener(struct survey *s, const struct monitor_view *view)
{
    struct listener_counts l;

    if (!view->ops->listener(view->arg, s->listener++, &l))
        return false;
    if (!span_equal(l.mode, SPAN("http"))) /* those that look at the status */
        s->sum.clients += l.clients;
    if (l.clients >= l.clients_max)
        add_problem(s, SEVERITY_ERROR, PROBLEM_LISTENER, 0,
                    "%.*s has %" PRIu64 " clients, its maximum: others wait", (int)l.socket.len,
                    l.socket.ptr, l.clients);
    return true;
}

static void judge_server(struct survey *s, const struct monitor_view *view)
{
    struct server_counts counts;

    view->ops->counts(view->arg, &counts);
    if (view->is_stopping)
        add_problem(s, SEVERITY_WARNING, PROBLEM_STOPPING, 0, "podop is stopping");
    if (counts.last_reload_failed)
        add_problem(s, SEVERITY_ERROR, PROBLEM_RELOAD, counts.reloaded_at,
                    "the last reload failed: podop goes on with the configuration that it had");
}

bool survey_step(struct survey *s, const struct monitor_view *view)
{
    if (s->is_done)
        return false;
    if (!s->has_tables)
        s->has_tables = !see_table(s, view);
    else if (!s->has_counters)
        s->has_counters = !see_counters(s, view);
    else if (!s->has_judged)
        s->has_judged = !judge_backend(s);
    else if (!s->has_descriptors)
        s->has_descriptors = descriptor_count_step(&s->descriptors);
    else if (!judge_listener(s, view))
        s->is_done = true;
    if (s->is_done)
        judge_server(s, view);
    return !s->is_done;
}

void survey_end(struct survey *s)
{
    descriptor_count_end(&s->descriptors);
    free(s->backends);
    s->backends = NULL;
}
