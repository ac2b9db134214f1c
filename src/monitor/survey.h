/* survey.h - a look at everything before the status is shown: the backends with all tables that use
 * them, sums, and what is wrong. It is made in steps, one table each. */
#ifndef PODOP_MONITOR_SURVEY_H
#define PODOP_MONITOR_SURVEY_H

#include "past.h"
#include "process_usage.h"
#include "status_table.h"

#include "podop/durations.h"

enum survey_kind { /* of a problem, in the order in which they are shown */
                   PROBLEM_STOPPING,
                   PROBLEM_BACKEND,
                   PROBLEM_TABLE,
                   PROBLEM_RELOAD,
                   PROBLEM_LISTENER,
                   PROBLEM_WRITES,
                   PROBLEM_KINDS,
};

enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_ERROR };

enum { PROBLEMS_MAX = 8, PROBLEM_BYTES = 300, SUMMARY_BYTES = 400 };

struct problem {
    char text[PROBLEM_BYTES];
    time_t since; /* 0: it is not known */
};

/* The problems of one kind and severity. */
struct problem_list {
    size_t count;
    uint64_t left_out; /* because there was no room */
    struct problem items[PROBLEMS_MAX];
};

enum survey_state { BACKEND_UNUSED, BACKEND_UP, BACKEND_FAILING, BACKEND_SUSPENDED };

struct survey_backend {
    struct span name, log_name; /* borrowed of a table; the second is for outages_of() */
    enum survey_state state;
    uint64_t since_ms; /* how long it has been failing or suspended */
    size_t tables;     /* that use it */
    size_t last_table; /* of them, by the number that it had in the survey */
    bool has_counters; /* those that follow, which an HTTP service has */
    struct http_load load;
    uint64_t outcomes[HTTP_COUNTED_OUTCOMES];
    struct durations durations;
};

/* Zeroed: not begun. Valid as long as the router of the view. */
struct survey {
    bool is_done;
    size_t table;             /* the next one */
    uint64_t http_id;         /* of the last HTTP backend whose counters were added */
    size_t backend, listener; /* the next ones to be judged */
    bool has_tables, has_counters, has_judged, has_descriptors;
    struct survey_backend *backends;
    size_t backend_count, backend_room;
    struct descriptor_count descriptors;
    size_t tables_down;
    struct span first_down; /* the name of one of them; borrowed of the table */
    struct {
        double lookups_s; /* lookups a second */
        uint64_t lookups, failed;
        uint64_t cached, fresh; /* lookups of tables with a cache */
        int64_t p99_us;         /* of the slowest table */
        uint64_t clients;
        size_t backends_up;
    } sum;
    struct problem_list problems[SEVERITY_ERROR][PROBLEM_KINDS]; /* errors first */
};

/* Does a part. Returns false when the survey is complete. */
bool survey_step(struct survey *survey, const struct monitor_view *view);
void survey_end(struct survey *survey); /* frees what it has allocated */

enum severity survey_severity(const struct survey *survey);
/* Writes a line for people: "Everything works". */
void survey_summarise(const struct survey *survey, const struct monitor_view *view,
                      char text[SUMMARY_BYTES]);
const char *survey_state(const struct survey *survey, const struct monitor_view *view);
const char *severity_name(enum severity severity);
const char *survey_kind_name(enum survey_kind kind);
/* Returns since when a backend has been failing or suspended; 0: it is neither. */
time_t survey_since(const struct survey_backend *backend);
const char *survey_state_name(enum survey_state state);

/* Returns the i-th problem, the gravest first, or NULL. */
const struct problem *survey_problem(const struct survey *survey, size_t i, enum severity *severity,
                                     enum survey_kind *kind);

#endif
