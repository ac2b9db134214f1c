/* survey_result.c - what a complete survey says. */
#include "survey.h"

#include "podop/clock.h"

#include <inttypes.h>
#include <stdio.h>

enum severity survey_severity(const struct survey *s)
{
    enum severity severity;
    enum survey_kind kind;

    return survey_problem(s, 0, &severity, &kind) == NULL ? SEVERITY_OK : severity;
}

const struct problem *survey_problem(const struct survey *s, size_t i, enum severity *severity,
                                     enum survey_kind *kind)
{
    for (unsigned row = 0; row < SEVERITY_ERROR; row++) {
        for (unsigned k = 0; k < PROBLEM_KINDS; k++) {
            const struct problem_list *list = &s->problems[row][k];

            if (i < list->count) {
                *severity = (enum severity)(SEVERITY_ERROR - row);
                *kind = (enum survey_kind)k;
                return &list->items[i];
            }
            i -= list->count;
        }
    }
    return NULL;
}

static uint64_t count_problems(const struct survey *s)
{
    uint64_t count = 0;

    for (unsigned row = 0; row < SEVERITY_ERROR; row++) {
        for (unsigned k = 0; k < PROBLEM_KINDS; k++)
            count += s->problems[row][k].count + s->problems[row][k].left_out;
    }
    return count;
}

void survey_summarise(const struct survey *s, const struct monitor_view *view,
                      char text[SUMMARY_BYTES])
{
    const uint64_t problems = count_problems(s);
    enum severity severity;
    enum survey_kind kind;

    if (view->is_stopping)
        snprintf(text, SUMMARY_BYTES, "podop is stopping");
    else if (s->tables_down == 1)
        snprintf(text, SUMMARY_BYTES, "Not ready: table '%.*s' has no backend",
                 (int)s->first_down.len, s->first_down.ptr);
    else if (s->tables_down > 1)
        snprintf(text, SUMMARY_BYTES, "Not ready: %zu tables have no backend", s->tables_down);
    else if (problems == 0)
        snprintf(text, SUMMARY_BYTES, "Everything works");
    else if (problems == 1)
        snprintf(text, SUMMARY_BYTES, "One problem: %s",
                 survey_problem(s, 0, &severity, &kind)->text);
    else
        snprintf(text, SUMMARY_BYTES, "%" PRIu64 " problems", problems);
}

const char *survey_state(const struct survey *s, const struct monitor_view *view)
{
    if (view->is_stopping)
        return "stopping";
    return s->tables_down > 0 ? "not ready" : "ready";
}

const char *severity_name(enum severity severity)
{
    static const char *const names[] = {
        [SEVERITY_OK] = "ok", [SEVERITY_WARNING] = "warning", [SEVERITY_ERROR] = "error"};

    return names[severity];
}

const char *survey_kind_name(enum survey_kind kind)
{
    static const char *const names[PROBLEM_KINDS] = {
        [PROBLEM_STOPPING] = "stopping", [PROBLEM_BACKEND] = "backend",
        [PROBLEM_TABLE] = "table",       [PROBLEM_RELOAD] = "reload",
        [PROBLEM_LISTENER] = "listener", [PROBLEM_WRITES] = "writes",
    };

    return names[kind];
}

time_t survey_since(const struct survey_backend *b)
{
    return b->state == BACKEND_FAILING || b->state == BACKEND_SUSPENDED
               ? past_time_of(clock_now_ms() - b->since_ms)
               : 0;
}

const char *survey_state_name(enum survey_state state)
{
    static const char *const names[] = {
        [BACKEND_UNUSED] = "unused",
        [BACKEND_UP] = "up",
        [BACKEND_FAILING] = "failing",
        [BACKEND_SUSPENDED] = "suspended",
    };

    return names[state];
}
